//! A weight before it has values.

use crate::fans::Convention;
use crate::recipe::dtype::Dtype;

/// A weight of a model before it is initialized: its shape, and perhaps its dtype and convention.
///
/// ```
/// use initializers::{Convention, Dtype, Spec};
/// let spec = Spec::new(&[768, 768]).with_dtype(Dtype::BFloat16).with_convention(Convention::Torch);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub(crate) shape: Vec<u64>,
    pub(crate) dtype: Option<Dtype>,
    pub(crate) convention: Option<Convention>,
    /// Rows that are zero whatever the rule says.
    pub(crate) padding: Vec<u64>,
}

impl Spec {
    /// Creates the spec of a weight of this shape.
    ///
    /// ```
    /// let spec = initializers::Spec::new(&[784, 10]);
    /// ```
    #[must_use]
    pub fn new(shape: &[u64]) -> Self {
        Self { shape: shape.to_vec(), dtype: None, convention: None, padding: Vec::new() }
    }

    /// Returns the same with this dtype, which counts where neither the rule nor the recipe has one.
    ///
    /// ```
    /// use initializers::{Dtype, Spec};
    /// assert_ne!(Spec::new(&[2]).with_dtype(Dtype::Float16), Spec::new(&[2]));
    /// ```
    #[must_use]
    pub fn with_dtype(self, dtype: Dtype) -> Self {
        Self { dtype: Some(dtype), ..self }
    }

    /// Returns the same with this convention, which counts where neither the rule nor the recipe has one.
    ///
    /// ```
    /// use initializers::{Convention, Spec};
    /// assert_ne!(Spec::new(&[2]).with_convention(Convention::Torch), Spec::new(&[2]));
    /// ```
    #[must_use]
    pub fn with_convention(self, convention: Convention) -> Self {
        Self { convention: Some(convention), ..self }
    }

    /// Returns the same with these rows zero whatever the rule says, such as the padding of an embedding.
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'ones' }]")?;
    /// let embedding = Spec::new(&[3, 2]).with_padding(&[0]);
    /// let values = recipe.weight("embedding", &embedding, None)?.sample_vec::<f32>()?;
    /// assert_eq!(values, [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn with_padding(self, rows: &[u64]) -> Self {
        Self { padding: rows.to_vec(), ..self }
    }

    /// Returns the shape.
    ///
    /// ```
    /// assert_eq!(initializers::Spec::new(&[3, 2]).shape(), [3, 2]);
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Returns the dtype, if there is one.
    ///
    /// ```
    /// assert_eq!(initializers::Spec::new(&[3, 2]).dtype(), None);
    /// ```
    #[must_use]
    pub fn dtype(&self) -> Option<Dtype> {
        self.dtype
    }

    /// Returns the convention, if there is one.
    ///
    /// ```
    /// assert_eq!(initializers::Spec::new(&[3, 2]).convention(), None);
    /// ```
    #[must_use]
    pub fn convention(&self) -> Option<Convention> {
        self.convention
    }

    /// Returns the rows that are zero whatever the rule says.
    ///
    /// ```
    /// assert_eq!(initializers::Spec::new(&[3, 2]).with_padding(&[2]).padding(), [2]);
    /// ```
    #[must_use]
    pub fn padding(&self) -> &[u64] {
        &self.padding
    }
}
