//! Recipes: the initialization of a whole model as data, the same as in Python (feature `recipe`).

pub(crate) mod data;
pub(crate) mod digest;
pub(crate) mod dtype;
pub(crate) mod glob;
pub(crate) mod initializers;
pub(crate) mod plan;
pub(crate) mod rule;

use crate::error::Error;
use crate::fans::Convention;
use crate::float::element::Element;
use crate::recipe::data::{Data, check_keys, read_json, read_toml, take, take_text};
use crate::recipe::dtype::Dtype;
use crate::recipe::plan::{Defaults, Plan, Spec, Weight, make_plan};
use crate::recipe::rule::{Rule, read_convention};
use crate::stream::words::STREAM_VERSION;

/// Rules by name, and one seed: everything that the initial weights of a model depend on.
///
/// The first rule whose pattern matches a weight's whole name says how it is filled; its seed is `seed.fold_in(name)`. The
/// files are those of the Python package (`docs/recipes.md` in its repository), and give the same bits. Not in Rust: STFT
/// kernels, constants that are arrays, initializers that were registered in Python, dtypes other than floats. They are
/// refused.
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
        Self::read(read_toml(text)?)
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
        Self::read(read_json(text)?)
    }

    fn read(data: Data) -> Result<Self, Error> {
        let Data::Table(mut table) = data else {
            return Err(Error::Recipe(format!("a recipe must be a table of keys, received: {data}")));
        };
        let keys = ["comment", "stream_version", "seed", "dtype", "convention", "rules"];
        check_keys("a recipe", &table, &keys)?;
        let missing = |key: &str| Error::Recipe(format!("a recipe must have the key '{key}'"));
        match take(&mut table, "stream_version") {
            None => {}
            Some(Data::Integer(version)) if version == STREAM_VERSION.into() => {}
            Some(other) => {
                return Err(Error::Recipe(format!("`stream_version` must be {STREAM_VERSION}, received: {other}")));
            }
        }
        let seed = match take(&mut table, "seed").map(Data::with_numbers) {
            Some(Data::Integer(seed)) => seed,
            Some(other) => {
                return Err(Error::Recipe(format!(
                    "`seed` must be an integer in [-2**127, 2**127), received: {other}"
                )));
            }
            None => return Err(missing("seed")),
        };
        let entries = match take(&mut table, "rules") {
            Some(Data::List(entries)) => entries,
            Some(other) => return Err(Error::Recipe(format!("`rules` must be a list of tables, received: {other}"))),
            None => return Err(missing("rules")),
        };
        take_text(&mut table, "comment")?;
        let mut rules: Vec<Rule> = Vec::new();
        for (number, entry) in (1..).zip(entries) {
            let rule = Rule::read(entry).map_err(|error| Error::Recipe(format!("rule {number}: {error}")))?;
            if let Some(first) = rules.iter().position(|other| other.label() == rule.label()) {
                let text = format!("received {} as rule {} and as rule {number}", rule.label(), first + 1);
                return Err(Error::Recipe(format!("`rules` must have different patterns, {text}")));
            }
            rules.push(rule);
        }
        let dtype = take_text(&mut table, "dtype")?.as_deref().map(Dtype::from_name).transpose()?;
        let defaults = Defaults { seed, dtype, convention: read_convention(&mut table)? };
        Ok(Self { rules, defaults })
    }

    /// Returns the same recipe with another seed.
    ///
    /// ```
    /// use initializers::Recipe;
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = []")?;
    /// assert_eq!(recipe.with_seed(2).seed(), 2);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn with_seed(self, seed: i128) -> Self {
        Self { defaults: Defaults { seed, ..self.defaults }, ..self }
    }

    /// Returns the seed.
    #[must_use]
    pub fn seed(&self) -> i128 {
        self.defaults.seed
    }

    /// Returns the rules, in their order.
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
    pub fn init<T: Element>(
        &self,
        specs: impl IntoIterator<Item = (impl Into<String>, Spec)>,
        convention: Option<Convention>,
    ) -> Result<Vec<(String, Vec<T>)>, Error> {
        let plan = self.plan(specs, convention)?;
        plan.weights().iter().map(|weight: &Weight| Ok((weight.name().to_owned(), weight.sample_vec()?))).collect()
    }
}

#[cfg(test)]
mod tests;
