//! Which rule applies to which weight of a model.

use crate::error::Error;
use crate::fans::Convention;
use crate::recipe::coverage::{assign, describe_missing};
use crate::recipe::digest::Digest;
use crate::recipe::dtype::Dtype;
use crate::recipe::rule::Rule;
use crate::recipe::show::show_shape;
use crate::recipe::spec::Spec;
use crate::recipe::weight::Weight;
use crate::stream::seed::Seed;

/// Which rule of a [`Recipe`](crate::Recipe) applies to which weight of a model.
///
/// ```
/// use initializers::{Recipe, Spec};
///
/// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'zeros'")?;
/// let plan = recipe.plan([("a", Spec::new(&[2])), ("b", Spec::new(&[]))], None)?;
/// assert_eq!(plan.weights().iter().map(|weight| weight.name()).collect::<Vec<_>>(), ["a", "b"]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    weights: Vec<Weight>,
}

impl Plan {
    /// Returns the weights, in the order of the specs.
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'ones' }]")?;
    /// let plan = recipe.plan([("gamma", Spec::new(&[2])), ("beta", Spec::new(&[2]))], None)?;
    /// assert_eq!(plan.weights()[1].name(), "beta");
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// Returns the digest of all initial weights, which `initializers.digest` gives in Python. Weights are made by pieces, so
    /// it takes little memory.
    ///
    /// # Errors
    /// The errors of [`Weight::fill`].
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'ones'")?;
    /// let digest = recipe.plan([("gamma", Spec::new(&[2]))], None)?.digest()?;
    /// assert_eq!(digest.len(), 64);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    pub fn digest(&self) -> Result<String, Error> {
        let mut digest = Digest::new();
        self.weights.iter().try_for_each(|weight| weight.add_to(&mut digest))?;
        Ok(digest.finish())
    }
}

/// The settings of a recipe beside its rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) seed: i128,
    pub(crate) dtype: Option<Dtype>,
    pub(crate) convention: Option<Convention>,
}

/// Returns the plan of a recipe for a model.
pub(crate) fn make_plan(
    rules: &[Rule],
    defaults: Defaults,
    specs: &[(String, Spec)],
    convention: Option<Convention>,
) -> Result<Plan, Error> {
    check_convention(defaults, convention)?;
    let names: Vec<&str> = specs.iter().map(|(name, _)| name.as_str()).collect();
    let places = assign(rules, &names)?;
    let mut weights = Vec::new();
    for ((name, spec), place) in specs.iter().zip(&places) {
        weights.push(make_weight(&rules[*place], defaults, name, spec, convention)?);
    }
    for (weight, place) in weights.iter().zip(places) {
        weight.check(place + 1)?;
    }
    Ok(Plan { weights })
}

/// Refuses a convention other than the one that the recipe states.
fn check_convention(defaults: Defaults, convention: Option<Convention>) -> Result<(), Error> {
    match (defaults.convention, convention) {
        (Some(stated), Some(given)) if stated != given => {
            let [stated, given] = [stated, given].map(|convention| match convention {
                Convention::Keras => "'keras'",
                Convention::Torch => "'torch'",
            });
            Err(Error::Recipe(format!("`convention` must be the recipe's, {stated}, received: {given}")))
        }
        _ => Ok(()),
    }
}

/// Returns one weight of a model, whose other weights are unknown.
pub(crate) fn find_weight(
    rules: &[Rule],
    defaults: Defaults,
    name: &str,
    spec: &Spec,
    convention: Option<Convention>,
) -> Result<Weight, Error> {
    check_convention(defaults, convention)?;
    let Some(place) = rules.iter().position(|rule| rule.matches(name)) else {
        let advice = "Add a rule; a last one with the pattern \"*\" matches all that is left.";
        return Err(Error::Recipe(format!("{}\n{advice}", describe_missing(rules, &[name]))));
    };
    let weight = make_weight(&rules[place], defaults, name, spec, convention)?;
    weight.check(place + 1)?;
    Ok(weight)
}

fn make_weight(
    rule: &Rule,
    defaults: Defaults,
    name: &str,
    spec: &Spec,
    convention: Option<Convention>,
) -> Result<Weight, Error> {
    let order = rule.order(name, &spec.shape, defaults.convention, convention.or(spec.convention))?;
    if spec.padding.iter().any(|row| spec.shape.first().is_none_or(|rows| row >= rows)) {
        let text = format!("`padding` must name rows of shape {}", show_shape(&spec.shape));
        return Err(Error::Recipe(format!("{text}, received: {:?}", spec.padding)));
    }
    // The dtype of a recipe is for floats.
    let default = defaults.dtype.filter(|_| spec.dtype.is_none_or(Dtype::is_float));
    let dtype = rule.dtype.or(default).or(spec.dtype).unwrap_or(Dtype::Float32);
    let (name, shape, seed) = (name.to_owned(), spec.shape.clone(), Seed::from(defaults.seed));
    Ok(Weight { name, shape, dtype, seed, rule: rule.clone(), order, padding: spec.padding.clone() })
}
