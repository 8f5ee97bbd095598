//! One rule: which weights it matches, and how they are filled.

use crate::error::Error;
use crate::fans::Convention;
use crate::pattern::compile;
use crate::recipe::data::{Data, Table, check_comment, check_keys, take, take_given};
use crate::recipe::dtype::Dtype;
use crate::recipe::glob::Glob;
use crate::recipe::initializers::read_initializer;
use crate::recipe::named::Named;
use crate::recipe::show::{list_known, quote, show, show_shape};
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
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ regex = '.*\\.bias', initializer = 'zeros' }]")?;
    /// assert_eq!(recipe.rules()[0].pattern(), r".*\.bias");
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns whether the pattern matches a whole name.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*.bias', initializer = 'zeros' }]")?;
    /// assert!(!recipe.rules()[0].matches("dense.bias.scale"));
    /// # Ok::<(), initializers::Error>(())
    /// ```
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

    /// Returns whether another rule has the same pattern.
    pub(crate) fn has_pattern_of(&self, other: &Self) -> bool {
        self.pattern == other.pattern
            && matches!(self.matcher, Matcher::Glob(_)) == matches!(other.matcher, Matcher::Glob(_))
    }

    /// Returns the name of the tensors of a stack, which only one weight can have.
    pub(crate) fn name_of_one_stack(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.stack > 0)
    }

    /// Reads a rule of a file. The order of the checks is that of the Python package.
    pub(crate) fn read(entry: Data) -> Result<Self, Error> {
        let refuse = |wanted: &str, received: &dyn std::fmt::Display| {
            Err(Error::Recipe(format!("{wanted}, received: {}", show(received))))
        };
        let Data::Table(mut table) = entry else { return refuse("a rule must be a table of keys", &entry) };
        let keys = ["glob", "regex", "initializer", "config", "dtype", "permute", "convention", "stack", "name"];
        check_keys("a rule", &table, &[&keys[..], &["optional", "comment"]].concat())?;
        let has = |key| table.iter().any(|(known, _)| known == key);
        let is_regex = has("regex");
        if has("glob") == is_regex {
            return refuse("a rule must have either 'glob' or 'regex'", &Data::Table(table));
        }
        if !has("initializer") {
            return refuse("a rule must have the key 'initializer'", &Data::Table(table));
        }
        let pattern = match take(&mut table, if is_regex { "regex" } else { "glob" }).unwrap_or(Data::Null) {
            Data::Text(pattern) => pattern,
            other => return refuse("`pattern` must be a string", &other),
        };
        let initializer = take(&mut table, "initializer").unwrap_or(Data::Null);
        let config = take_given(&mut table, "config").map(Data::with_numbers);
        match (&initializer, &config) {
            (Data::Text(_), _) | (Data::Table(_), None) => {}
            (Data::Table(_), Some(config)) => {
                let wanted = "`config` must stand beside the name of an initializer, not beside its configuration";
                return refuse(wanted, config);
            }
            (other, _) => return refuse("`initializer` must be a name or a configuration", other),
        }
        let optional = match take(&mut table, "optional").unwrap_or(Data::Bool(false)) {
            Data::Bool(optional) => optional,
            other => return refuse("`optional` must be a bool", &other),
        };
        let matcher = if is_regex { Matcher::Regex(read_regex(&pattern)?) } else { Matcher::Glob(Glob::new(&pattern)) };
        check_comment(&mut table)?;
        let dtype = take_given(&mut table, "dtype").map(Dtype::read).transpose()?;
        let convention = read_convention(&mut table)?;
        let named = read_initializer(initializer, config)?;
        let (permute, stack) = (read_permute(&mut table)?, read_stack(&mut table)?);
        let name = match take_given(&mut table, "name") {
            None => None,
            Some(Data::Text(name)) => Some(name),
            Some(other) => return refuse("`name` must be a string or None", &other),
        };
        if let Some(name) = &name {
            if stack == 0 {
                let wanted = "a rule of a recipe must have no `name` without `stack`, as many weights would share it";
                return refuse(wanted, &quote(name));
            }
            check_template(name, stack)?;
        }
        named.refuse_seed()?;
        Ok(Self { pattern, matcher, named, dtype, permute, convention, stack, name, optional })
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
        let name = quote(name);
        if shape.len() < self.stack {
            let text = format!("`stack` of the rule for {name} must be at most the rank of its shape");
            return Err(self.refusal(&format!("{text} {}, received: {}", show_shape(shape), self.stack)));
        }
        let shape = &shape[self.stack..];
        if let Some(permute) = &self.permute {
            if permute.len() == shape.len() {
                return Ok(Some(permute.clone()));
            }
            let text = format!("`permute` of the rule for {name} must name the {} axes of its shape", shape.len());
            return Err(self.refusal(&format!("{text} {}, received: {}", show_shape(shape), show_shape(permute))));
        }
        if shape.len() < 2 || !self.named.has_layout {
            return Ok(None);
        }
        match self.convention.or(stated).or(host) {
            Some(Convention::Keras) => Ok(None),
            Some(Convention::Torch) => Ok(Some((2..shape.len()).chain([1, 0]).collect())),
            None => Err(self.refusal(&format!(
                "`convention` must be 'torch' for a weight (outputs, inputs, *kernel) or 'keras' for (*kernel, inputs, \
                 outputs), as the values of {} for {name} of shape {} depend on it, received: None",
                show(&self.named.text),
                show_shape(shape)
            ))),
        }
    }

    /// Returns an error that names the rule.
    fn refusal(&self, text: &str) -> Error {
        Error::Recipe(format!("rule {}: {text}", quote(&self.pattern)))
    }
}

/// Checks the name of the tensors of a stack: it has each index.
fn check_template(name: &str, stack: usize) -> Result<(), Error> {
    let wanted = &LETTERS[..stack];
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
    let text = format!("`name` of a stack must contain {all}, such as 'blocks/{example}/kernel', and no other braces");
    Err(Error::Recipe(format!("{text}, received: {}", show(quote(name)))))
}

fn read_regex(text: &str) -> Result<Regex, Error> {
    compile(text).map_err(|error| {
        let wanted = "`regex` must be a regular expression without look-around, back-references and flags but m and s";
        Error::Recipe(format!("{wanted}, received: {} ({error})", show(quote(text))))
    })
}

fn read_permute(table: &mut Table) -> Result<Option<Vec<usize>>, Error> {
    let Some(permute) = take_given(table, "permute") else { return Ok(None) };
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
    let wanted = "`permute` must name each axis once, such as (1, 0)";
    Err(Error::Recipe(format!("{wanted}, received: {}", show(permute))))
}

/// Reads the key `convention`.
pub(crate) fn read_convention(table: &mut Table) -> Result<Option<Convention>, Error> {
    let Some(convention) = take_given(table, "convention") else { return Ok(None) };
    match &convention {
        Data::Text(text) if text == "keras" => Ok(Some(Convention::Keras)),
        Data::Text(text) if text == "torch" => Ok(Some(Convention::Torch)),
        other => {
            let text = if let Data::Text(text) = other { text } else { "" };
            let known = list_known(&show(other), text, &["keras", "torch"]);
            Err(Error::Recipe(format!("`convention` {known}")))
        }
    }
}

fn read_stack(table: &mut Table) -> Result<usize, Error> {
    match take(table, "stack") {
        None => Ok(0),
        Some(Data::Integer(stack @ 0..=4)) => Ok(stack as usize),
        Some(other) => Err(Error::Recipe(format!("`stack` must be an integer in 0 to 4, received: {}", show(other)))),
    }
}
