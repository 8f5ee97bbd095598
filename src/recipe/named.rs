//! Initializers of rules.

use crate::error::Error;
use crate::initializer::Initializer;
use crate::recipe::dtype::Dtype;
use crate::recipe::exact::Exact;
use crate::recipe::show::show;
use std::sync::Arc;

/// An initializer of a recipe.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) initializer: Arc<dyn Initializer>,
    /// Whether its values depend on which axes of a weight are inputs.
    pub(crate) has_layout: bool,
    /// The text that Python shows, such as `RandomNormal(stddev=0.02)`.
    pub(crate) text: String,
    pub(crate) has_seed: bool,
    /// The same values, for integers; None: random values, which are floats.
    pub(crate) exact: Option<Exact>,
}

impl Named {
    /// Returns that integers cannot be filled.
    pub(crate) fn needs_floats(&self, received: &str) -> Error {
        let class = self.text.split('(').next().unwrap_or_default();
        let floats = Dtype::FLOATS.map(Dtype::name).join(", ");
        Error::Recipe(format!("{class} needs one of the dtypes {floats}, received: {received}"))
    }

    /// Refuses an initializer with a seed.
    pub(crate) fn refuse_seed(&self) -> Result<(), Error> {
        if !self.has_seed {
            return Ok(());
        }
        let wanted = "`initializer` of a rule must have no seed, as the recipe gives one to each weight";
        Err(Error::Recipe(format!("{wanted}, received: {}", show(&self.text))))
    }
}
