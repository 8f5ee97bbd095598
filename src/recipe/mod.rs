//! Recipes: the initialization of a whole model as data, the same as in Python (feature `recipe`).

pub(crate) mod arguments;
pub(crate) mod coverage;
pub(crate) mod data;
pub(crate) mod digest;
pub(crate) mod dtype;
pub(crate) mod element;
pub(crate) mod exact;
pub(crate) mod glob;
pub(crate) mod initializers;
pub(crate) mod named;
pub(crate) mod nearest;
pub(crate) mod numbers;
pub(crate) mod plan;
pub(crate) mod recurrent;
pub(crate) mod rule;
pub(crate) mod show;
pub(crate) mod spec;
pub(crate) mod stft;
pub(crate) mod weight;

use crate::error::Error;
use crate::fans::Convention;
use crate::recipe::data::{
    Data, check_comment, check_keys, find_headers, is_long_integer, read_json, read_toml, show_keys, take, take_given,
};
use crate::recipe::dtype::Dtype;
use crate::recipe::element::WeightElement;
use crate::recipe::plan::{Defaults, Plan, find_weight, make_plan};
use crate::recipe::rule::{Rule, read_convention};
use crate::recipe::show::show;
use crate::recipe::spec::Spec;
use crate::recipe::weight::Weight;
use crate::stream::words::STREAM_VERSION;

/// Rules by name, and one seed: everything that the initial weights of a model depend on.
///
/// The first rule whose pattern matches a weight's whole name says how it is filled; its seed is `seed.fold_in(name)`. The
/// files are those of the Python package (`docs/recipes.md` in its repository), and give the same bits. Not in Rust:
/// initializers that were registered in Python, complex numbers, STFT windows from SciPy. They are refused.
///
/// ```
/// use initializers::{Recipe, Spec};
///
/// let recipe = Recipe::from_toml(
///     r#"
///     seed = 42
///     convention = "torch"
///
///     [[rules]]
///     glob = "*.bias"
///     initializer = "zeros"
///
///     [[rules]]
///     glob = "*"
///     initializer = "he_normal"
///     "#,
/// )?;
/// let specs = [("dense.weight", Spec::new(&[10, 784])), ("dense.bias", Spec::new(&[10]))];
/// for (name, values) in recipe.init::<f32>(specs, None)? {
///     println!("{name}: {} values", values.len());
/// }
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recipe {
    rules: Vec<Rule>,
    defaults: Defaults,
}

impl Recipe {
    /// Reads a recipe from TOML.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let error = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initialiser = 'zeros' }]").unwrap_err();
    /// assert!(error.to_string().contains("rule 1: a rule must have no keys but"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Recipe`] if the text is malformed or no recipe; the message names the place.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        Self::read(read_toml(text)?, &find_headers(text))
    }

    /// Reads a recipe from JSON.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_json(r#"{"seed": 1, "rules": [{"glob": "*", "initializer": "zeros"}]}"#)?;
    /// assert_eq!(recipe.rules().len(), 1);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Recipe::from_toml`].
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Self::read(read_json(text)?, &[])
    }

    /// Reads a recipe; `lines` are those of the rules, if they are known.
    fn read(data: Data, lines: &[usize]) -> Result<Self, Error> {
        let Data::Table(mut table) = data else {
            return Err(Error::Recipe(format!("a recipe must be a table of keys, received: {}", show(data))));
        };
        let keys = ["comment", "stream_version", "seed", "dtype", "convention", "rules"];
        check_keys("a recipe", &table, &keys)?;
        if let Some(key) = ["seed", "rules"].into_iter().find(|key| table.iter().all(|(known, _)| known != key)) {
            let text = format!("a recipe must have the key '{key}', received: {}", show_keys(&table));
            return Err(Error::Recipe(text));
        }
        match take(&mut table, "stream_version") {
            None => {}
            Some(Data::Integer(version)) if version == STREAM_VERSION.into() => {}
            Some(other) => {
                let text = format!("`stream_version` must be {STREAM_VERSION}, received: {}", show(other));
                return Err(Error::Recipe(text));
            }
        }
        let entries = match take(&mut table, "rules") {
            Some(Data::List(entries)) => entries,
            other => {
                let received = show(other.unwrap_or(Data::Null));
                return Err(Error::Recipe(format!("`rules` must be a list of tables, received: {received}")));
            }
        };
        let rules = read_rules(entries, lines)?;
        let seed = match take(&mut table, "seed").map(Data::with_numbers) {
            Some(Data::Integer(seed)) => seed,
            other => {
                let received = match other {
                    Some(Data::Text(digits)) if is_long_integer(&digits) => digits,
                    other => show(other.unwrap_or(Data::Null)),
                };
                let text = format!("`seed` must be an integer in [-2**127, 2**127), received: {received}");
                return Err(Error::Recipe(text));
            }
        };
        let dtype = take_given(&mut table, "dtype").map(Dtype::read).transpose()?;
        let convention = read_convention(&mut table)?;
        check_comment(&mut table)?;
        if rules.is_empty() {
            let text = "`rules` must have at least one rule, such as {'*': 'he_normal'}, received none";
            return Err(Error::Recipe(text.into()));
        }
        Ok(Self { rules, defaults: Defaults { seed, dtype, convention } })
    }

    /// Returns the same recipe with another seed.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'zeros' }]")?;
    /// assert_eq!(recipe.with_seed(2).seed(), 2);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn with_seed(self, seed: i128) -> Self {
        Self { defaults: Defaults { seed, ..self.defaults }, ..self }
    }

    /// Returns the seed.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'zeros' }]")?;
    /// assert_eq!(recipe.seed(), 1);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn seed(&self) -> i128 {
        self.defaults.seed
    }

    /// Returns the rules, in their order.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'zeros' }]")?;
    /// assert_eq!(recipe.rules()[0].pattern(), "*");
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Decides which rule applies to which weight of a model. `convention` is that of the weights, where neither the recipe
    /// nor a spec states one.
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'normal'")?;
    /// let plan = recipe.plan([("a.weight", Spec::new(&[3, 4]))], None)?;
    /// assert_eq!(plan.weights()[0].sample_vec::<f32>()?.len(), 12);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Recipe`] if a weight has no rule or no values by its rule, a rule that is not optional matches no weight, or
    /// values depend on a convention that is unknown; the errors of [`Fill::fill`](crate::Fill::fill), such as
    /// [`Error::Shape`], for parameters that do not fit a shape or a dtype.
    pub fn plan<N: Into<String>>(
        &self,
        specs: impl IntoIterator<Item = (N, Spec)>,
        convention: Option<Convention>,
    ) -> Result<Plan, Error> {
        let specs: Vec<(String, Spec)> = specs.into_iter().map(|(name, spec)| (name.into(), spec)).collect();
        make_plan(&self.rules, self.defaults, &specs, convention)
    }

    /// Returns one weight of a model, for libraries that ask for weights one by one: candle's `VarBuilder`, burn's
    /// `ModuleMapper`. Rules that match no weight go unnoticed; [`Recipe::plan`] finds them.
    ///
    /// ```
    /// use initializers::{Convention, Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*.weight', initializer = 'he_normal' }]")?;
    /// let weight = recipe.weight("dense.weight", &Spec::new(&[10, 784]), Some(Convention::Torch))?;
    /// assert_eq!(weight.sample_vec::<f32>()?.len(), 7840);
    /// assert!(recipe.weight("dense.bias", &Spec::new(&[10]), None).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Recipe::plan`].
    pub fn weight(&self, name: &str, spec: &Spec, convention: Option<Convention>) -> Result<Weight, Error> {
        find_weight(&self.rules, self.defaults, name, spec, convention)
    }

    /// Returns the initial values of all weights of a model, by name, in its order: all of one element type.
    ///
    /// # Errors
    /// As [`Recipe::plan`]; [`Error::Recipe`] if the dtype of a weight is not that of `T`, [`Error::Memory`].
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'ones'")?;
    /// assert_eq!(recipe.init::<f32>([("gamma", Spec::new(&[2]))], None)?, [("gamma".to_string(), vec![1.0; 2])]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    pub fn init<T: WeightElement>(
        &self,
        specs: impl IntoIterator<Item = (impl Into<String>, Spec)>,
        convention: Option<Convention>,
    ) -> Result<Vec<(String, Vec<T>)>, Error> {
        let plan = self.plan(specs, convention)?;
        plan.weights().iter().map(|weight: &Weight| Ok((weight.name().to_owned(), weight.sample_vec()?))).collect()
    }
}

/// Reads the rules, whose patterns must be different.
fn read_rules(entries: Vec<Data>, lines: &[usize]) -> Result<Vec<Rule>, Error> {
    let mut rules: Vec<Rule> = Vec::new();
    // Rules in another form, such as a list in one line, have no headers of their own.
    let lines = if lines.len() == entries.len() { lines } else { &[] };
    for (place, entry) in entries.into_iter().enumerate() {
        let line = lines.get(place).map_or_else(String::new, |line| format!(" (line {line})"));
        rules.push(Rule::read(entry).map_err(|error| Error::Recipe(format!("rule {}{line}: {error}", place + 1)))?);
    }
    for (number, rule) in (1..).zip(&rules) {
        if let Some(first) = rules[..number - 1].iter().position(|other| other.has_pattern_of(rule)) {
            let text = format!("received {} as rule {} and as rule {number}", rule.label(), first + 1);
            return Err(Error::Recipe(format!("`rules` must have different patterns, {text}")));
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
