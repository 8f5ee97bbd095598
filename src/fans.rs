//! Fans: how many inputs and outputs a weight connects (`docs/stream.md`, section 7).

use crate::error::Error;

/// Which axes of a weight are inputs and which are outputs.
///
/// ```
/// use initializers::{Convention, Fans};
///
/// // The same convolution: 3 × 3 places, 64 inputs, 128 outputs.
/// let keras = Fans::in_convention(&[3, 3, 64, 128], Convention::Keras)?;
/// assert_eq!(keras, Fans::in_convention(&[128, 64, 3, 3], Convention::Torch)?);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convention {
    /// A kernel (*kernel, inputs, outputs): Keras, JAX, burn's `Linear`.
    Keras,
    /// A weight (outputs, inputs, *kernel): PyTorch, candle, burn's convolutions.
    Torch,
}

/// The number of inputs and of outputs that a weight connects, exact.
///
/// ```
/// use initializers::Fans;
///
/// let fans = Fans::of(&[3, 3, 64, 128])?;
/// assert_eq!((fans.inputs(), fans.outputs()), (576, 1152));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fans {
    inputs: u64,
    outputs: u64,
}

impl Fans {
    /// Returns the fans of a shape in Keras's convention: (inputs, outputs) of a matrix, (*kernel, inputs, outputs) of a
    /// convolution, where the size of the kernel multiplies both; (n, n) of a vector, (1, 1) of a scalar.
    ///
    /// ```
    /// use initializers::Fans;
    ///
    /// assert_eq!(Fans::of(&[784, 10])?, Fans::new(784, 10));
    /// assert_eq!(Fans::of(&[5])?, Fans::new(5, 5));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if a fan is 2^64 or more.
    pub fn of(shape: &[u64]) -> Result<Self, Error> {
        match *shape {
            [] => Ok(Self::new(1, 1)),
            [n] => Ok(Self::new(n, n)),
            [ref kernel @ .., inputs, outputs] => {
                let inputs = product(kernel.iter().chain([&inputs]));
                let outputs = product(kernel.iter().chain([&outputs]));
                Self::checked(shape, inputs, outputs)
            }
        }
    }

    /// Returns the fans of a shape in a convention.
    ///
    /// ```
    /// use initializers::{Convention, Fans};
    ///
    /// let fans = Fans::in_convention(&[10, 784], Convention::Torch)?;
    /// assert_eq!(fans, Fans::new(784, 10));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Fans::of`].
    pub fn in_convention(shape: &[u64], convention: Convention) -> Result<Self, Error> {
        match (convention, shape) {
            (Convention::Torch, [outputs, inputs, kernel @ ..]) => {
                let inputs = product(kernel.iter().chain([inputs]));
                let outputs = product(kernel.iter().chain([outputs]));
                Self::checked(shape, inputs, outputs)
            }
            _ => Self::of(shape),
        }
    }

    /// Returns the products of the sizes of the input axes and of the output axes. Negative axes count from the end.
    ///
    /// ```
    /// use initializers::Fans;
    ///
    /// // A projection of 512 numbers to 8 heads of 64.
    /// assert_eq!(Fans::with_axes(&[512, 8, 64], &[0], &[1, 2])?, Fans::new(512, 512));
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Axes`] if an axis is not one of the shape's or is repeated in a list, [`Error::Shape`] as [`Fans::of`].
    pub fn with_axes(shape: &[u64], input_axes: &[i64], output_axes: &[i64]) -> Result<Self, Error> {
        let sizes = |name, axes| {
            let places = find_axes(name, shape, axes)?;
            Ok(product(places.iter().map(|&place| &shape[place])))
        };
        Self::checked(shape, sizes("input_axes", input_axes)?, sizes("output_axes", output_axes)?)
    }

    /// Creates fans from their numbers.
    ///
    /// ```
    /// assert_eq!(initializers::Fans::new(3, 4).inputs(), 3);
    /// ```
    #[must_use]
    pub const fn new(inputs: u64, outputs: u64) -> Self {
        Self { inputs, outputs }
    }

    fn checked(shape: &[u64], inputs: Option<u64>, outputs: Option<u64>) -> Result<Self, Error> {
        let (Some(inputs), Some(outputs)) = (inputs, outputs) else {
            return Err(Error::Shape(format!("a fan of shape {shape:?} is 2^64 or more")));
        };
        Ok(Self { inputs, outputs })
    }

    /// Returns the number of inputs.
    ///
    /// ```
    /// assert_eq!(initializers::Fans::new(3, 4).inputs(), 3);
    /// ```
    #[must_use]
    pub fn inputs(self) -> u64 {
        self.inputs
    }

    /// Returns the number of outputs.
    ///
    /// ```
    /// assert_eq!(initializers::Fans::new(3, 4).outputs(), 4);
    /// ```
    #[must_use]
    pub fn outputs(self) -> u64 {
        self.outputs
    }
}

/// Returns the product; None if it is 2^64 or more.
fn product<'a>(sizes: impl Iterator<Item = &'a u64> + Clone) -> Option<u64> {
    if sizes.clone().any(|&size| size == 0) {
        return Some(0);
    }
    sizes.copied().try_fold(1u64, u64::checked_mul)
}

/// Returns axes as indices of a shape; an error unless they exist and differ.
fn find_axes(name: &str, shape: &[u64], axes: &[i64]) -> Result<Vec<usize>, Error> {
    let (rank, mut places) = (shape.len(), Vec::new());
    for &axis in axes {
        let place = if axis < 0 { axis + rank as i64 } else { axis };
        if !(0..rank as i64).contains(&place) {
            let text = format!("`{name}` must name axes of shape {shape:?}, received: {axis} in {axes:?}");
            return Err(Error::Axes(text));
        }
        if places.contains(&(place as usize)) {
            let text = format!("`{name}` must name different axes of shape {shape:?}, received: {axes:?}");
            return Err(Error::Axes(text));
        }
        places.push(place as usize);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fans_of_every_rank() {
        assert_eq!(Fans::of(&[]), Ok(Fans::new(1, 1)));
        assert_eq!(Fans::of(&[2, 3, 5, 7]), Ok(Fans::new(30, 42)));
        assert_eq!(Fans::in_convention(&[7], Convention::Torch), Ok(Fans::new(7, 7)));
        assert_eq!(Fans::in_convention(&[7, 5, 2, 3], Convention::Torch), Ok(Fans::new(30, 42)));
        assert_eq!(Fans::with_axes(&[2, 3, 5], &[-1, 0], &[]), Ok(Fans::new(10, 1)));
        // A tensor without elements can have a large fan, or one of 0.
        assert_eq!(Fans::of(&[1 << 40, 0, 1 << 23]), Ok(Fans::new(0, 1 << 63)));
        assert!(Fans::of(&[1 << 40, 0, 1 << 24]).unwrap_err().to_string().contains("2^64 or more"));
    }

    #[test]
    fn wrong_axes_are_named() {
        let text = |axes: &[i64]| Fans::with_axes(&[2, 3], &[0], axes).unwrap_err().to_string();
        assert_eq!(text(&[1, 2]), "`output_axes` must name axes of shape [2, 3], received: 2 in [1, 2]");
        assert_eq!(
            text(&[i64::MIN]),
            format!("`output_axes` must name axes of shape [2, 3], received: {0} in [{0}]", i64::MIN)
        );
        assert_eq!(text(&[1, -1]), "`output_axes` must name different axes of shape [2, 3], received: [1, -1]");
    }
}
