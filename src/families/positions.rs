//! Tables of positions: sinusoidal and rotary (`docs/stream.md`, section 16).

use crate::error::Error;
use crate::families::table::{Table, fill_table, last_axes};
use crate::float::element::Element;
use crate::float::exponential::{exp, ln};
use crate::float::tensor::TensorMut;
use crate::float::turns::cos_sin_of_angle;
use crate::initializer::{FillElements, Initializer, Request};

/// Angles are reduced exactly up to this number of positions.
const MOST_POSITIONS: u64 = 1 << 27;

/// Returns a valid base.
fn check_base(base: f64) -> Result<f64, Error> {
    if (1.0..=1e300).contains(&base) {
        return Ok(base);
    }
    Err(Error::Parameter { name: "base", condition: "a finite number in [1, 1e300]", value: base })
}

/// Returns base^(−i/n), 1 for i = 0.
fn frequency(base: f64, i: u64, n: u64) -> f64 {
    if i == 0 { 1.0 } else { exp(-(i as f64 / n as f64) * ln(base)) }
}

/// Refuses shapes without a table of positions and channels, two channels for each frequency.
fn check_table(subject: &str, shape: &[u64]) -> Result<[u64; 2], Error> {
    let [positions, channels] = last_axes(subject, shape)?;
    if positions > MOST_POSITIONS || channels % 2 != 0 {
        let text = "`shape` must end with at most 2**27 positions and an even number of channels";
        return Err(Error::Shape(format!("{text} for {subject}, received: {shape:?}")));
    }
    Ok([positions, channels])
}

/// The frequency's number that belongs to a channel, and whether the channel is the second one of its pair.
fn pair_of(channel: u64, channels: u64, interleaved: bool) -> (u64, bool) {
    let half = channels / 2;
    if interleaved { (channel / 2, channel % 2 == 1) } else { (channel % half, channel >= half) }
}

/// Sinusoidal positions: sin(p·f) and cos(p·f) for the frequencies f of `base`. The seed does not matter.
///
/// The last two axes are positions p and channels d. Frequency i of d/2 is base^(−2i/d); with `endpoint` it is base^(−i/(d/2 − 1)), so
/// that the last one is 1/base. Each frequency has a sine and a cosine: side by side if `interleaved` (A. Vaswani et al., 2017, Attention Is
/// All You Need), else all sines before all cosines (tensor2tensor, Whisper).
///
/// ```
/// use initializers::{Fill, Sinusoidal};
///
/// let table: Vec<f32> = Sinusoidal::new(10000.0, true, false)?.sample_vec(0, &[2, 4])?;
/// assert_eq!(table, [0.0, 1.0, 0.0, 1.0, 0.84147096, 0.5403023, 0.009999833, 0.99995]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sinusoidal {
    base: f64,
    interleaved: bool,
    endpoint: bool,
}

impl Sinusoidal {
    /// Creates positions, 1 ≤ `base` ≤ 1e300.
    ///
    /// ```
    /// use initializers::Sinusoidal;
    /// assert!(Sinusoidal::new(0.5, true, false).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if `base` is out of its range.
    pub fn new(base: f64, interleaved: bool, endpoint: bool) -> Result<Self, Error> {
        Ok(Self { base: check_base(base)?, interleaved, endpoint })
    }

    /// Returns the base.
    ///
    /// ```
    /// use initializers::Sinusoidal;
    /// assert_eq!(Sinusoidal::new(10000.0, true, false)?.base(), 10000.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn base(&self) -> f64 {
        self.base
    }

    /// Returns whether a frequency's sine and cosine are side by side.
    ///
    /// ```
    /// use initializers::Sinusoidal;
    /// assert!(Sinusoidal::new(10000.0, true, false)?.interleaved());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn interleaved(&self) -> bool {
        self.interleaved
    }

    /// Returns whether the last frequency is 1/base.
    ///
    /// ```
    /// use initializers::Sinusoidal;
    /// assert!(!Sinusoidal::new(10000.0, true, false)?.endpoint());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn endpoint(&self) -> bool {
        self.endpoint
    }
}

impl Table for Sinusoidal {
    fn reach(&self, shape: &[u64]) -> Result<f64, Error> {
        check_table("Sinusoidal", shape).map(|_| 1.0)
    }

    fn column(&self, shape: &[u64], channel: u64) -> f64 {
        let half = shape[shape.len() - 1] / 2;
        let (pair, is_second) = pair_of(channel, 2 * half, self.interleaved);
        let f = frequency(self.base, pair, if self.endpoint { half - 1 } else { half });
        // The sign tells a cosine from a sine.
        if is_second { -f } else { f }
    }

    fn value(&self, _: &[u64], place: &[u64], frequency: f64) -> f64 {
        let (cos, sin) = cos_sin_of_angle(place[place.len() - 2] as f64 * frequency.abs());
        if frequency < 0.0 { cos } else { sin }
    }
}

impl Initializer for Sinusoidal {}

impl FillElements for Sinusoidal {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        fill_table(self, request, out)
    }
}

/// Which numbers of rotary positions a [`Rotary`] makes.
///
/// ```
/// use initializers::{Rotary, RotaryPart};
/// assert_eq!(Rotary::new(RotaryPart::Cos, 10000.0, false)?.part(), RotaryPart::Cos);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotaryPart {
    /// base^(−i/m) for the m frequencies of the last axis: the buffer `inv_freq`.
    Frequencies,
    /// cos(p·f) for the last two axes, positions and channels.
    Cos,
    /// sin(p·f) for the last two axes, positions and channels.
    Sin,
}

impl RotaryPart {
    /// The parts by their names in configurations.
    #[cfg(any(feature = "python", feature = "recipe"))]
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("frequencies", Self::Frequencies), ("cos", Self::Cos), ("sin", Self::Sin)];
}

/// Rotary positions: frequencies, or the cosines and sines of the angles by which queries and keys are rotated. The seed does not matter.
///
/// A table of d channels has each of the d/2 frequencies base^(−2i/d) twice: side by side if `interleaved`, else once in each half. J. Su
/// et al. (2021), RoFormer: Enhanced Transformer with Rotary Position Embedding.
///
/// ```
/// use initializers::{Fill, Rotary, RotaryPart};
///
/// let frequencies: Vec<f32> = Rotary::new(RotaryPart::Frequencies, 10000.0, false)?.sample_vec(0, &[4])?;
/// assert_eq!(frequencies, [1.0, 0.1, 0.01, 0.001]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotary {
    part: RotaryPart,
    base: f64,
    interleaved: bool,
}

impl Rotary {
    /// Creates the numbers of a part, 1 ≤ `base` ≤ 1e300.
    ///
    /// ```
    /// use initializers::{Rotary, RotaryPart};
    /// assert!(Rotary::new(RotaryPart::Sin, f64::NAN, false).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if `base` is out of its range.
    pub fn new(part: RotaryPart, base: f64, interleaved: bool) -> Result<Self, Error> {
        Ok(Self { part, base: check_base(base)?, interleaved })
    }

    /// Returns the part.
    ///
    /// ```
    /// use initializers::{Rotary, RotaryPart};
    /// assert_eq!(Rotary::new(RotaryPart::Sin, 10000.0, false)?.part(), RotaryPart::Sin);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn part(&self) -> RotaryPart {
        self.part
    }

    /// Returns the base.
    ///
    /// ```
    /// use initializers::{Rotary, RotaryPart};
    /// assert_eq!(Rotary::new(RotaryPart::Sin, 10000.0, false)?.base(), 10000.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn base(&self) -> f64 {
        self.base
    }

    /// Returns whether the two channels of a frequency are side by side.
    ///
    /// ```
    /// use initializers::{Rotary, RotaryPart};
    /// assert!(Rotary::new(RotaryPart::Sin, 10000.0, true)?.interleaved());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn interleaved(&self) -> bool {
        self.interleaved
    }
}

impl Table for Rotary {
    fn reach(&self, shape: &[u64]) -> Result<f64, Error> {
        match self.part {
            RotaryPart::Frequencies => last_axes::<1>("Rotary", shape).map(|_| 1.0),
            _ => check_table("Rotary", shape).map(|_| 1.0),
        }
    }

    fn column(&self, shape: &[u64], channel: u64) -> f64 {
        let channels = shape[shape.len() - 1];
        match self.part {
            RotaryPart::Frequencies => frequency(self.base, channel, channels),
            _ => frequency(self.base, pair_of(channel, channels, self.interleaved).0, channels / 2),
        }
    }

    fn value(&self, _: &[u64], place: &[u64], frequency: f64) -> f64 {
        if self.part == RotaryPart::Frequencies {
            return frequency;
        }
        let (cos, sin) = cos_sin_of_angle(place[place.len() - 2] as f64 * frequency);
        if self.part == RotaryPart::Cos { cos } else { sin }
    }
}

impl Initializer for Rotary {}

impl FillElements for Rotary {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        fill_table(self, request, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    #[test]
    fn frequencies_are_powers_of_the_base() {
        for (base, n) in [(10000.0, 64), (1.0, 3), (5e5, 128), (1e300, 7)] {
            for i in 0..=n {
                let expected = libm::pow(base, -(i as f64) / n as f64);
                assert!((frequency(base, i, n) / expected - 1.0).abs() < 4e-13, "{base} {i}/{n}");
            }
        }
    }

    #[test]
    fn shapes_without_a_table_are_refused() {
        let table = Sinusoidal::new(10000.0, true, false).unwrap();
        for shape in [&[][..], &[4], &[4, 3], &[(1 << 27) + 1, 0]] {
            assert!(matches!(table.sample_vec::<f32>(0, shape), Err(Error::Shape(_))), "{shape:?}");
        }
        for part in [RotaryPart::Cos, RotaryPart::Sin] {
            assert!(Rotary::new(part, 1e4, false).unwrap().sample_vec::<f32>(0, &[2, 3]).is_err());
        }
        assert!(Rotary::new(RotaryPart::Frequencies, 1e4, false).unwrap().sample_vec::<f32>(0, &[]).is_err());
        assert_eq!(table.sample_vec::<f32>(0, &[1 << 27, 0]).unwrap(), [0.0; 0]);
        // One pair of channels: the first frequency is 1, also with the endpoint.
        let ends = Sinusoidal::new(10000.0, false, true).unwrap();
        assert_eq!(ends.sample_vec::<f32>(0, &[1, 2]).unwrap(), [0.0, 1.0]);
    }
}
