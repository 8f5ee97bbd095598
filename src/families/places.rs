//! Tensors that are a constant at some places and zero elsewhere (`docs/stream.md`, section 9).

use crate::error::{Error, finite};
use crate::float::element::Element;
use crate::float::rounding::round_once;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::samplers::constant::fill_memory;

/// The identity matrix times a gain. The seed does not matter.
///
/// ```
/// use initializers::{Fill, Identity};
///
/// let matrix: Vec<f32> = Identity::new(2.0)?.sample_vec(0, &[2, 3])?;
/// assert_eq!(matrix, [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identity {
    gain: f64,
}

impl Identity {
    /// Creates identity matrices times a finite `gain`.
    ///
    /// ```
    /// use initializers::Identity;
    /// assert!(Identity::new(f64::NAN).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is not finite.
    pub fn new(gain: f64) -> Result<Self, Error> {
        Ok(Self { gain: finite("gain", gain)? })
    }

    /// Returns the gain.
    ///
    /// ```
    /// use initializers::Identity;
    /// assert_eq!(Identity::new(2.0)?.gain(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.gain
    }
}

impl Initializer for Identity {}

impl FillElements for Identity {
    fn fill_elements<T: Element>(&self, mut request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let &[_, _] = request.shape else {
            let text = format!("an identity matrix must have 2 dimensions, received: {:?}", request.shape);
            return Err(Error::Shape(text));
        };
        let gain = round_once("`gain`", self.gain)?;
        fill_places(&mut request, out, |place| if place[0] == place[1] { Some(gain) } else { None })
    }
}

/// A convolution kernel that passes its input through, group by group. The seed does not matter.
///
/// The kernel has the shape (*kernel, inputs, outputs), with 1 to 3 spatial dimensions. Output i of a group is input i of the
/// group: 1 at the center, place k // 2 of k, and 0 elsewhere. S. Zagoruyko and N. Komodakis (2017), DiracNets.
///
/// ```
/// use initializers::{Dirac, Fill};
///
/// let kernel: Vec<f32> = Dirac::new(1)?.sample_vec(0, &[3, 2, 2])?;
/// assert_eq!(kernel, [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirac {
    groups: u64,
}

impl Dirac {
    /// Creates kernels of a convolution with `groups` ≥ 1 groups.
    ///
    /// ```
    /// use initializers::Dirac;
    /// assert!(Dirac::new(0).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is 0.
    pub fn new(groups: u64) -> Result<Self, Error> {
        if groups == 0 {
            return Err(Error::Parameter { name: "groups", condition: "an integer >= 1", value: 0.0 });
        }
        Ok(Self { groups })
    }

    /// Returns the number of groups.
    ///
    /// ```
    /// use initializers::Dirac;
    /// assert_eq!(Dirac::new(2)?.groups(), 2);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.groups
    }
}

impl Initializer for Dirac {}

impl FillElements for Dirac {
    fn fill_elements<T: Element>(&self, mut request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let (kernel, _, outputs) = kernel_shape(request.shape, 3..=5, "a Dirac kernel")?;
        if outputs % self.groups != 0 {
            let text = "a Dirac kernel must have a multiple of `groups` output channels";
            return Err(Error::Shape(format!("{text}, received: {:?} with {} groups", request.shape, self.groups)));
        }
        let one = round_once("`value`", 1.0)?;
        let group = (outputs / self.groups).max(1);
        let center: Vec<u64> = kernel.iter().map(|size| size / 2).collect();
        fill_places(&mut request, out, |place| {
            let (spatial, [input, output]) = place.split_at(center.len()) else { return None };
            (spatial == center && *input == output % group).then_some(one)
        })
    }
}

/// Returns spatial sizes, inputs and outputs of a kernel's shape; an error unless its rank is in `ranks`.
pub(crate) fn kernel_shape<'a>(
    shape: &'a [u64],
    ranks: std::ops::RangeInclusive<usize>,
    subject: &str,
) -> Result<(&'a [u64], u64, u64), Error> {
    if let [kernel @ .., inputs, outputs] = shape
        && ranks.contains(&shape.len())
    {
        return Ok((kernel, *inputs, *outputs));
    }
    let (low, high) = (ranks.start(), ranks.end());
    let wanted = if low < high { format!("{low} to {high}") } else { low.to_string() };
    let text = format!("{subject} must have {wanted} dimensions, spatial ones, input and output channels");
    Err(Error::Shape(format!("{text}, received: {shape:?}")))
}

/// Fills `out` with zeros, and with `value` at each place for which it is not None.
pub(crate) fn fill_places<T: Copy + Default + Send + Sync>(
    request: &mut Request<'_>,
    out: TensorMut<'_, T>,
    value: impl Fn(&[u64]) -> Option<T>,
) -> Result<(), Error> {
    let extent = out.shape.clone();
    request.block(&extent)?;
    let mut place: Vec<u64> = request.start.map_or_else(|| vec![0; extent.len()], <[u64]>::to_vec);
    let start = place.clone();
    let mut memory = out.memory;
    fill_memory(T::default(), memory.reborrow(), request.interrupted)?;
    memory.for_each(|out| {
        if let Some(value) = value(&place) {
            *out = value;
        }
        for axis in (0..place.len()).rev() {
            place[axis] += 1;
            if place[axis] < start[axis] + extent[axis] {
                break;
            }
            place[axis] = start[axis];
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    #[test]
    fn blocks_are_parts_of_the_whole() {
        let dirac = Dirac::new(2).unwrap();
        let whole: Vec<f32> = dirac.sample_vec(0, &[3, 2, 3, 6]).unwrap();
        assert_eq!(whole.iter().sum::<f32>(), 6.0);
        let mut block = [9.0f32; 2 * 2];
        dirac.fill_block(0, &[3, 2, 3, 6], &[1, 1, 1, 3], TensorMut::new(&[1, 1, 2, 2], &mut block).unwrap()).unwrap();
        let at = |input: usize, output: usize| whole[(3 * 3 + input) * 6 + output];
        assert_eq!(block, [at(1, 3), at(1, 4), at(2, 3), at(2, 4)]);
        assert_eq!(block, [0.0, 1.0, 0.0, 0.0]);
        let mut corner = [9.0f64; 4];
        let corner_of = TensorMut::new(&[2, 2], &mut corner).unwrap();
        Identity::new(3.0).unwrap().fill_block(0, &[5, 5], &[2, 1], corner_of).unwrap();
        assert_eq!(corner, [0.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn bad_requests() {
        let text = |error: Error| error.to_string();
        assert_eq!(text(Dirac::new(0).unwrap_err()), "`groups` must be an integer >= 1, received: 0");
        let wrong = Dirac::new(2).unwrap().sample_vec::<f32>(0, &[3, 2, 3]).unwrap_err();
        assert!(text(wrong).ends_with("received: [3, 2, 3] with 2 groups"));
        assert!(text(Dirac::new(1).unwrap().sample_vec::<f32>(0, &[3, 3]).unwrap_err()).contains("3 to 5 dimensions"));
        assert!(text(Identity::new(1.0).unwrap().sample_vec::<f32>(0, &[3]).unwrap_err()).contains("2 dimensions"));
        assert!(Identity::new(f64::NAN).is_err());
        assert!(Identity::new(1e6).unwrap().sample_vec::<half::f16>(0, &[3, 3]).is_err());
    }
}
