//! One rule: which weights it matches, and how they are filled.

use crate::error::Error;
use crate::fans::Convention;
use crate::pattern::compile;
use crate::recipe::data::{Data, Table, check_keys, take, take_text};
use crate::recipe::dtype::Dtype;
use crate::recipe::glob::Glob;
use crate::recipe::initializers::{Named, read_initializer};
use regex::Regex;

/// Letters of the indices of stacked axes in the name of a stacked tensor.
const LETTERS: [&str; 4] = ["{i}", "{j}", "{k}", "{l}"];

/// A rule of a [`Recipe`](crate::Recipe): an initializer, and the pattern of the names that it is for.
///
/// ```
/// use initializers::Recipe;
///
/// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*.bias'\ninitializer = 'zeros'")?;
/// let rule = &recipe.rules()[0];
/// assert_eq!(rule.pattern(), "*.bias");
/// assert!(rule.matches("dense.bias") && !rule.matches("dense.weight"));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: String,
    matcher: Matcher,
    pub(crate) named: Named,
    pub(crate) dtype: Option<Dtype>,
    pub(crate) permute: Option<Vec<usize>>,
    pub(crate) convention: Option<Convention>,
    pub(crate) stack: usize,
    name: Option<String>,
    pub(crate) optional: bool,
}

#[derive(Clone, Debug)]
enum Matcher {
    Glob(Glob),
    Regex(Regex),
}

impl Rule {
    /// Returns the pattern: a glob, or a regular expression for whole names.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns whether the pattern matches a whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.matcher {
            Matcher::Glob(glob) => glob.matches(name),
            Matcher::Regex(regex) => regex.is_match(name),
        }
    }

    /// Returns the pattern as messages show it: a regular expression stands between slashes.
    pub(crate) fn label(&self) -> String {
        match self.matcher {
            Matcher::Glob(_) => self.pattern.clone(),
            Matcher::Regex(_) => format!("/{}/", self.pattern),
        }
    }

    /// Returns whether tensors of a stack have names of their own, which only one weight can have.
    pub(crate) fn stacks_one_weight(&self) -> bool {
        self.name.is_some() && self.stack > 0
    }

    /// Reads a rule of a file.
    pub(crate) fn read(entry: Data) -> Result<Self, Error> {
        let Data::Table(mut table) = entry else {
            return Err(Error::Recipe(format!("a rule must be a table of keys, received: {entry}")));
        };
        let keys = ["glob", "regex", "initializer", "config", "dtype", "permute", "convention", "stack", "name"];
        check_keys("a rule", &table, &[&keys[..], &["optional", "comment"]].concat())?;
        let (glob, regex) = (take_text(&mut table, "glob")?, take_text(&mut table, "regex")?);
        let (pattern, matcher) = match (glob, regex) {
            (Some(glob), None) => (glob.clone(), Matcher::Glob(Glob::new(&glob))),
            (None, Some(regex)) => (regex.clone(), Matcher::Regex(read_regex(&regex)?)),
            _ => {
                let text = "a rule must have either 'glob' or 'regex', received";
                return Err(Error::Recipe(format!("{text}: {}", Data::Table(table))));
            }
        };
        let Some(initializer) = take(&mut table, "initializer") else {
            let text = format!("a rule must have the key 'initializer', received: {}", Data::Table(table));
            return Err(Error::Recipe(text));
        };
        let config = take(&mut table, "config");
        let rule = Self {
            pattern,
            matcher,
            named: read_initializer(initializer, config)?,
            dtype: take_text(&mut table, "dtype")?.as_deref().map(Dtype::from_name).transpose()?,
            permute: read_permute(&mut table)?,
            convention: read_convention(&mut table)?,
            stack: read_stack(&mut table)?,
            name: take_text(&mut table, "name")?,
            optional: match take(&mut table, "optional") {
                None => false,
                Some(Data::Bool(optional)) => optional,
                Some(other) => return Err(Error::Recipe(format!("`optional` must be a bool, received: {other}"))),
            },
        };
        take_text(&mut table, "comment")?;
        rule.check_name()?;
        Ok(rule)
    }

    fn check_name(&self) -> Result<(), Error> {
        let Some(name) = &self.name else { return Ok(()) };
        if self.stack == 0 {
            return Err(Error::Recipe(format!(
                "a rule of a recipe must have no `name` without `stack`, as it would be that of many weights, received: '{name}'"
            )));
        }
        let wanted = &LETTERS[..self.stack];
        let mut found: Vec<String> = Vec::new();
        for (start, _) in name.match_indices('{') {
            let word = name[start + 1..].split(|sign: char| !(sign.is_alphanumeric() || sign == '_')).next();
            let word = word.unwrap_or_default();
            if name[start + 1 + word.len()..].starts_with('}') {
                found.push(format!("{{{word}}}"));
            }
        }
        if wanted.iter().all(|letter| found.iter().any(|word| word == letter))
            && found.iter().all(|word| wanted.contains(&word.as_str()))
        {
            return Ok(());
        }
        let (all, example) = (wanted.join(" and "), wanted.join("/"));
        let text =
            format!("`name` of a stack must contain {all}, such as 'blocks/{example}/kernel', and no other braces");
        Err(Error::Recipe(format!("{text}, received: '{name}'")))
    }

    /// Returns the name of a tensor of a stack, from which its seed is made.
    pub(crate) fn name_of_part(&self, name: &str, index: &[u64]) -> String {
        if let Some(template) = &self.name {
            let pairs = LETTERS.iter().zip(index);
            return pairs.fold(template.clone(), |made, (letter, number)| made.replace(letter, &number.to_string()));
        }
        let end = name.find(['/', '.']).unwrap_or(name.len());
        let sign = name[end..].chars().next().unwrap_or('/');
        let mut made = name[..end].to_owned();
        for number in index {
            made.push(sign);
            made += &number.to_string();
        }
        made + &name[end..]
    }

    /// Returns the order of axes in which a weight's values are made; None: as they stand.
    pub(crate) fn order(
        &self,
        name: &str,
        shape: &[u64],
        stated: Option<Convention>,
        host: Option<Convention>,
    ) -> Result<Option<Vec<usize>>, Error> {
        if let Some(permute) = &self.permute {
            if permute.len() == shape.len() {
                return Ok(Some(permute.clone()));
            }
            let text = format!("`permute` of the rule for '{name}' must name the {} axes of its shape", shape.len());
            return Err(Error::Recipe(format!("{text} {shape:?}, received: {permute:?}")));
        }
        if shape.len() < 2 || !self.named.has_layout {
            return Ok(None);
        }
        match self.convention.or(stated).or(host) {
            Some(Convention::Keras) => Ok(None),
            Some(Convention::Torch) => Ok(Some((2..shape.len()).chain([1, 0]).collect())),
            None => Err(Error::Recipe(format!(
                "`convention` must be 'torch' for a weight (outputs, inputs, *kernel) or 'keras' for (*kernel, inputs, \
                 outputs), as the values of {:?} for '{name}' of shape {shape:?} depend on it, received: None",
                self.named.initializer
            ))),
        }
    }
}

fn read_regex(text: &str) -> Result<Regex, Error> {
    compile(text).map_err(|error| {
        let wanted = "`regex` must be a regular expression without look-around, back-references and flags but m and s";
        Error::Recipe(format!("{wanted}, received: '{text}' ({error})"))
    })
}

fn read_permute(table: &mut Table) -> Result<Option<Vec<usize>>, Error> {
    let Some(permute) = take(table, "permute") else { return Ok(None) };
    if let Data::List(list) = &permute {
        let axes: Option<Vec<usize>> = list
            .iter()
            .map(|axis| match axis {
                Data::Integer(axis) => usize::try_from(*axis).ok().filter(|&axis| axis < list.len()),
                _ => None,
            })
            .collect();
        if let Some(axes) = axes
            && (0..axes.len()).all(|axis| axes.contains(&axis))
        {
            return Ok(Some(axes));
        }
    }
    Err(Error::Recipe(format!("`permute` must name each axis once, such as (1, 0), received: {permute}")))
}

/// Reads the key `convention`.
pub(crate) fn read_convention(table: &mut Table) -> Result<Option<Convention>, Error> {
    match take(table, "convention") {
        None => Ok(None),
        Some(Data::Text(text)) if text == "keras" => Ok(Some(Convention::Keras)),
        Some(Data::Text(text)) if text == "torch" => Ok(Some(Convention::Torch)),
        Some(other) => Err(Error::Recipe(format!("`convention` must be 'keras' or 'torch', received: {other}"))),
    }
}

fn read_stack(table: &mut Table) -> Result<usize, Error> {
    match take(table, "stack") {
        None => Ok(0),
        Some(Data::Integer(stack @ 0..=4)) => Ok(stack as usize),
        Some(other) => Err(Error::Recipe(format!("`stack` must be an integer in 0 to 4, received: {other}"))),
    }
}
