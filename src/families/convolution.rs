//! Convolution kernels that preserve norms (`docs/stream.md`, section 9).

use crate::cpu::execution::Execution;
use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::families::places::kernel_shape;
use crate::float::element::{Compute, Element};
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::matrix::gemm::multiply;
use crate::matrix::orthogonal::Orthogonal;
use crate::memory::zeros_2d;
use crate::stream::seed::Seed;
use crate::stream::words::Stream;
use ndarray::{Array2, ArrayD, Axis, Slice};
use rand_core::Rng;

/// A convolution kernel that is an orthogonal matrix at its center and zero elsewhere.
///
/// A convolution with a kernel (*kernel, inputs, outputs) of 1 to 3 spatial dimensions and inputs ≤ outputs multiplies the
/// norm of its input by the gain. The center of k places is place (k − 1) // 2. L. Xiao et al. (2018), Dynamical isometry
/// and a mean field theory of CNNs.
///
/// ```
/// use initializers::{DeltaOrthogonal, Fill};
///
/// let kernel: Vec<f32> = DeltaOrthogonal::new(1.0)?.sample_vec(1, &[3, 3, 8, 16])?;
/// assert_eq!(kernel.iter().filter(|&&x| x != 0.0).count(), 8 * 16);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaOrthogonal {
    matrix: Orthogonal,
}

impl DeltaOrthogonal {
    /// Creates kernels with a finite `gain`.
    ///
    /// ```
    /// use initializers::DeltaOrthogonal;
    /// assert!(DeltaOrthogonal::new(f64::NAN).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is not finite.
    pub fn new(gain: f64) -> Result<Self, Error> {
        Ok(Self { matrix: Orthogonal::new(gain)? })
    }

    /// Returns the gain.
    ///
    /// ```
    /// use initializers::DeltaOrthogonal;
    /// assert_eq!(DeltaOrthogonal::new(2.0)?.gain(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.matrix.gain()
    }
}

impl Initializer for DeltaOrthogonal {}

impl FillElements for DeltaOrthogonal {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let (kernel, inputs, outputs) = checked_kernel(request.shape, 3..=5, "a delta-orthogonal kernel")?;
        request.block(&out.shape)?;
        self.matrix.gain_in::<T>()?;
        let origin = vec![0; request.shape.len()];
        let start = request.start.unwrap_or(&origin);
        // The center inside the block; None: the block has only zeros.
        let center = kernel.iter().zip(start).zip(&out.shape).map(|((&size, &start), &extent)| {
            let place = (size.saturating_sub(1) / 2).checked_sub(start)?;
            (place < extent).then_some(place as usize)
        });
        let center: Option<Vec<usize>> = center.collect();
        let [.., height, width] = out.shape[..] else { unreachable!("a kernel has 3 dimensions or more") };
        let mut matrix = zeros_2d(if center.is_some() { (height as usize, width as usize) } else { (0, 0) })?;
        if center.is_some() {
            let Request { seed, execution, interrupted, .. } = request;
            let (start, view) = (&start[kernel.len()..], matrix.view_mut().into_dyn());
            self.matrix.fill_interruptibly(seed, &[inputs, outputs], start, view, execution, interrupted)?;
        }
        let mut out = out.into_view()?;
        out.fill(T::default());
        if let Some(center) = center {
            let mut part = out.view_mut();
            for place in center {
                part.index_axis_inplace(Axis(0), place);
            }
            part.assign(&matrix);
        }
        Ok(())
    }
}

/// An orthogonal convolution kernel without zeros.
///
/// A convolution with a kernel (k, …, inputs, outputs) of equal sizes and inputs ≤ outputs, circular or padded with zeros to
/// the full, multiplies the norm of its input by the gain. It is an orthogonal matrix convolved, in each spatial dimension,
/// with k − 1 kernels of two places, P and 1 − P, where P projects onto about half of the columns of another orthogonal
/// matrix. L. Xiao et al. (2018), Dynamical isometry and a mean field theory of CNNs, section 2.4. A block takes as long as
/// the whole kernel.
///
/// ```
/// use initializers::{ConvolutionOrthogonal, Fill};
///
/// let kernel: Vec<f64> = ConvolutionOrthogonal::new(1.0, 2)?.sample_vec(1, &[3, 3, 8, 16])?;
/// let squares: f64 = kernel.iter().map(|x| x * x).sum();
/// assert!((squares - 8.0).abs() < 1e-13);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvolutionOrthogonal {
    matrix: Orthogonal,
    dimensions: usize,
}

impl ConvolutionOrthogonal {
    /// Creates kernels with a finite `gain` and 1 to 3 spatial dimensions.
    ///
    /// ```
    /// use initializers::ConvolutionOrthogonal;
    /// assert!(ConvolutionOrthogonal::new(1.0, 4).is_err());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if one is out of its range.
    pub fn new(gain: f64, dimensions: usize) -> Result<Self, Error> {
        if !(1..=3).contains(&dimensions) {
            let value = dimensions as f64;
            return Err(Error::Parameter { name: "dimensions", condition: "an integer in [1, 3]", value });
        }
        Ok(Self { matrix: Orthogonal::new(gain)?, dimensions })
    }

    /// Returns the gain.
    ///
    /// ```
    /// use initializers::ConvolutionOrthogonal;
    /// assert_eq!(ConvolutionOrthogonal::new(2.0, 1)?.gain(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.matrix.gain()
    }

    /// Returns the number of spatial dimensions.
    ///
    /// ```
    /// use initializers::ConvolutionOrthogonal;
    /// assert_eq!(ConvolutionOrthogonal::new(2.0, 1)?.dimensions(), 1);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }
}

impl Initializer for ConvolutionOrthogonal {}

impl FillElements for ConvolutionOrthogonal {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let rank = self.dimensions + 2;
        let (sizes, inputs, outputs) = checked_kernel(request.shape, rank..=rank, "an orthogonal convolution kernel")?;
        if sizes.iter().any(|&size| size != sizes[0]) {
            let text = "an orthogonal convolution kernel must have spatial dimensions of one size";
            return Err(Error::Shape(format!("{text}, received: {:?}", request.shape)));
        }
        request.block(&out.shape)?;
        let gain = self.matrix.gain_in::<T>()?;
        let start: Vec<usize> = request.start.unwrap_or(&vec![0; rank]).iter().map(|&at| at as usize).collect();
        let mut out = out.into_view()?;
        if out.is_empty() {
            return Ok(());
        }
        let [Ok(inputs), Ok(outputs)] = [inputs, outputs].map(usize::try_from) else { return Err(Error::Memory) };
        let Request { seed, execution, interrupted, .. } = request;
        let kernel = draw::<T::Compute>(seed, sizes, [inputs, outputs], execution, interrupted)?;
        let extent = out.shape().to_vec();
        let block = kernel.slice_each_axis(|axis| {
            let (first, count) = (start[axis.axis.index()], extent[axis.axis.index()]);
            Slice::from(first..first + count)
        });
        let zero = T::Compute::default();
        in_standard_mode(|| out.zip_mut_with(&block, |out, &value| *out = T::round(gain * value + zero)));
        Ok(())
    }
}

/// Computes the whole kernel, in the computing type.
fn draw<C: Compute>(
    seed: Seed,
    sizes: &[u64],
    [inputs, outputs]: [usize; 2],
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<ArrayD<C>, Error> {
    let mut orthogonal = |seed: Seed, rows: usize| {
        let mut matrix: Array2<C> = zeros_2d((rows, outputs))?;
        let shape = [rows as u64, outputs as u64];
        let view = matrix.view_mut().into_dyn();
        Orthogonal::new(1.0)?.fill_interruptibly(seed, &shape, &[0, 0], view, execution, interrupted)?;
        Ok(matrix)
    };
    let shaped = |matrix: Array2<C>, shape: &[usize]| {
        matrix.into_shape_with_order(shape).map_err(|error| Error::Shape(format!("shape {shape:?}: {error}")))
    };
    let mut shape = vec![1; sizes.len()];
    shape.extend([inputs, outputs]);
    let mut kernel: ArrayD<C> = shaped(orthogonal(seed, inputs)?, &shape)?;
    let axes = (1..sizes[0]).flat_map(|_| 0..sizes.len());
    for (number, axis) in (0u64..).zip(axes) {
        let purposed = |purpose: &str| seed.fold_in_path(["initializers".into(), purpose.into(), number.into()]);
        let mut half = orthogonal(purposed("matrix"), outputs)?;
        let mut mask = Stream::new(purposed("mask"));
        for mut column in half.columns_mut() {
            if mask.next_u32() >= 1 << 31 {
                column.fill(C::default());
            }
        }
        let projection = multiply(&half, &half.t())?;
        let places = kernel.len() / outputs;
        let rows = kernel.view().into_shape_with_order((places, outputs));
        let rows = rows.map_err(|error| Error::Shape(format!("shape {shape:?}: {error}")))?;
        let projected = shaped(multiply(&rows, &projection)?, &shape)?;
        shape[axis] += 1;
        let mut next = ArrayD::from_elem(&shape[..], C::default());
        let last = shape[axis] as isize - 1;
        in_standard_mode(|| {
            let rest = ndarray::Zip::from(&kernel).and(&projected).map_collect(|&all, &part| all - part);
            let mut before = next.slice_axis_mut(Axis(axis), Slice::from(0..last));
            before.zip_mut_with(&projected, |sum, &value| *sum = value + C::default());
            let mut after = next.slice_axis_mut(Axis(axis), Slice::from(1..));
            after.zip_mut_with(&rest, |sum, &value| *sum = *sum + value);
        });
        kernel = next;
    }
    Ok(kernel)
}

/// Returns spatial sizes, inputs and outputs of a kernel's shape; an error unless its rank is in `ranks`, inputs ≤ outputs.
fn checked_kernel<'a>(
    shape: &'a [u64],
    ranks: std::ops::RangeInclusive<usize>,
    subject: &str,
) -> Result<(&'a [u64], u64, u64), Error> {
    let (kernel, inputs, outputs) = kernel_shape(shape, ranks, subject)?;
    if inputs > outputs {
        let text = format!("{subject} must have no more input than output channels, received: {shape:?}");
        return Err(Error::Shape(text));
    }
    Ok((kernel, inputs, outputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    #[test]
    fn blocks_are_parts_of_the_whole() {
        let shape = [3, 3, 4, 5];
        let delta = DeltaOrthogonal::new(0.7).unwrap();
        let convolution = ConvolutionOrthogonal::new(0.7, 2).unwrap();
        for initializer in [&delta as &dyn Initializer, &convolution] {
            let whole: ArrayD<f32> = initializer.sample(3, &[3, 3, 4, 5][..]).unwrap();
            let mut block = ArrayD::from_elem(&[2, 1, 3, 2][..], 9.0f32);
            initializer.fill_block(3, &shape, &[1, 1, 1, 2], &mut block).unwrap();
            assert_eq!(block, whole.slice(ndarray::s![1..3, 1..2, 1..4, 2..4]).into_dyn(), "{initializer:?}");
            let squares: f32 = whole.iter().map(|x| x * x).sum();
            assert!((squares - 4.0 * 0.49).abs() < 1e-5, "{initializer:?}: {squares}");
        }
        let mut beside = [9.0f64; 20];
        delta.fill_block(3, &shape, &[0, 0, 0, 0], TensorMut::new(&[1, 1, 4, 5], &mut beside).unwrap()).unwrap();
        assert_eq!(beside, [0.0; 20]);
    }

    #[test]
    fn bad_requests() {
        let text = |initializer: &dyn Initializer, shape: &[u64]| {
            initializer.sample_vec::<f32>(1, shape).unwrap_err().to_string()
        };
        let (delta, convolution) = (DeltaOrthogonal::new(1.0).unwrap(), ConvolutionOrthogonal::new(1.0, 1).unwrap());
        assert!(text(&delta, &[3, 3]).contains("3 to 5 dimensions"));
        assert!(text(&delta, &[3, 3, 2]).contains("no more input than output"));
        assert!(text(&convolution, &[3, 3, 2, 2]).contains("must have 3 dimensions"));
        let square = ConvolutionOrthogonal::new(1.0, 2).unwrap();
        assert!(text(&square, &[3, 2, 2, 2]).contains("of one size"));
        assert!(ConvolutionOrthogonal::new(1.0, 4).is_err() && DeltaOrthogonal::new(f64::NAN).is_err());
    }
}
