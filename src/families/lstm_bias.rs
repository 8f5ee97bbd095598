//! Biases of LSTMs (`docs/stream.md`, section 16).

use crate::error::{Error, finite};
use crate::families::table::{Table, fill_table, last_axes};
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};

/// The bias of an LSTM: a number for the forget gate, 0 for the three others. The seed does not matter.
///
/// The last axis holds the four gates, one after the other. F. Gers, J. Schmidhuber and F. Cummins (2000), Learning to Forget; R. Jozefowicz
/// et al. (2015), An Empirical Exploration of Recurrent Network Architectures.
///
/// ```
/// use initializers::{Fill, LstmBias};
///
/// let bias: Vec<f32> = LstmBias::new(1.0, "ifgo")?.sample_vec(0, &[8])?;
/// assert_eq!(bias, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmBias {
    forget: f64,
    gates: [u8; 4],
}

impl LstmBias {
    /// Creates biases with a finite number `forget` for the forget gate. `gates` names the four gates in their order by four different
    /// lower-case letters, of which `f` is the forget gate: `"ifgo"` in Keras and PyTorch, `"ijfo"` in TensorFlow's older cells.
    ///
    /// ```
    /// use initializers::LstmBias;
    /// assert!(LstmBias::new(1.0, "igo").is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if `forget` is not finite, [`Error::Axes`] if `gates` are not four such letters.
    pub fn new(forget: f64, gates: &str) -> Result<Self, Error> {
        let refusal = || Error::Axes(format!("`gates` must be {GATES}, received: {gates:?}"));
        let letters: [u8; 4] = gates.as_bytes().try_into().map_err(|_| refusal())?;
        let are_different = (1..4).all(|i| !letters[..i].contains(&letters[i]));
        if !(letters.iter().all(u8::is_ascii_lowercase) && are_different && letters.contains(&b'f')) {
            return Err(refusal());
        }
        Ok(Self { forget: finite("forget", forget)?, gates: letters })
    }

    /// Returns the bias of the forget gate.
    ///
    /// ```
    /// use initializers::LstmBias;
    /// assert_eq!(LstmBias::new(1.0, "ifgo")?.forget(), 1.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn forget(&self) -> f64 {
        self.forget
    }

    /// Returns the gates in their order.
    ///
    /// ```
    /// use initializers::LstmBias;
    /// assert_eq!(LstmBias::new(1.0, "ifgo")?.gates(), "ifgo");
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn gates(&self) -> String {
        self.gates.map(char::from).iter().collect()
    }
}

/// The condition of `gates`.
pub(crate) const GATES: &str = "four different lower-case letters, one of them 'f', such as 'ifgo'";

impl Table for LstmBias {
    fn name(&self) -> &'static str {
        "`forget`"
    }

    fn reach(&self, shape: &[u64]) -> Result<f64, Error> {
        let [width] = last_axes("LstmBias", shape)?;
        if width % 4 != 0 {
            let text = "`shape` must have a multiple of 4 in its last dimension for LstmBias, one part a gate";
            return Err(Error::Shape(format!("{text}, received: {shape:?}")));
        }
        Ok(self.forget.abs())
    }

    /// The number of the gate.
    fn column(&self, shape: &[u64], column: u64) -> f64 {
        (column / (shape[shape.len() - 1] / 4)) as f64
    }

    fn value(&self, _: &[u64], _: &[u64], gate: f64) -> f64 {
        if self.gates[gate as usize] == b'f' { self.forget } else { 0.0 }
    }
}

impl Initializer for LstmBias {}

impl FillElements for LstmBias {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        fill_table(self, request, out)
    }
}
