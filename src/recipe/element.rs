//! Element types of weights: floats by any initializer, integers by those without randomness.

use crate::error::Error;
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{Initializer, Request};
use crate::recipe::dtype::Dtype;
use crate::recipe::named::Named;
use crate::recipe::numbers::{FromNumber, Number, to_integer};
use bytemuck::Pod;

/// The element type of a weight of a recipe: an [`Element`], or an integer from `i8` to `u64`. Truth values are `u8`, 0 or 1.
///
/// ```
/// use initializers::{Dtype, Recipe, Spec};
///
/// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'ones' }]")?;
/// let plan = recipe.plan([("steps", Spec::new(&[2]).with_dtype(Dtype::Int64))], None)?;
/// assert_eq!(plan.weights()[0].sample_vec::<i64>()?, [1, 1]);
/// # Ok::<(), initializers::Error>(())
/// ```
///
/// No other type can implement it. The supertrait `WeightElementInternal` is private: weights call it, users cannot.
#[expect(private_bounds, reason = "users cannot call what the supertrait holds")]
pub trait WeightElement: Pod + Default + Send + Sync + WeightElementInternal {}

/// The private part of [`WeightElement`].
pub(crate) trait WeightElementInternal: Sized {
    /// The type's name.
    const TYPE: &'static str;

    /// Returns whether weights of this dtype are filled as this type.
    fn holds(dtype: Dtype) -> bool;

    /// Fills `out`, whose axes in this order hold the values of the initializer.
    fn fill_part(
        named: &Named,
        order: Option<&[usize]>,
        request: Request<'_>,
        out: TensorMut<'_, Self>,
    ) -> Result<(), Error>;
}

impl<T: Element> WeightElement for T {}

impl<T: Element> WeightElementInternal for T {
    const TYPE: &'static str = T::NAME;

    fn holds(dtype: Dtype) -> bool {
        dtype.name() == T::NAME
    }

    fn fill_part(
        named: &Named,
        order: Option<&[usize]>,
        request: Request<'_>,
        out: TensorMut<'_, T>,
    ) -> Result<(), Error> {
        fill_permuted(order, request, out, |request, out| named.initializer.fill_any(request, T::erase(out)))
    }
}

/// Calls `fill` with the memory whose axes are in this order.
fn fill_permuted<T>(
    order: Option<&[usize]>,
    request: Request<'_>,
    out: TensorMut<'_, T>,
    fill: impl FnOnce(Request<'_>, TensorMut<'_, T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(order) = order else { return fill(request, out) };
    let permute = |sizes: &[u64]| -> Vec<u64> { order.iter().map(|&axis| sizes[axis]).collect() };
    request.block(&out.shape)?;
    let (shape, start) = (permute(request.shape), request.start.map(permute));
    let view = out.into_view()?.permuted_axes(order);
    let Request { seed, execution, interrupted, .. } = request;
    fill(Request { seed, shape: &shape, start: start.as_deref(), execution, interrupted }, view.into())
}

/// Fills a block of a tensor by an initializer, whose axes are in another order.
pub(crate) fn fill_in_order<T: Element>(
    initializer: &dyn Initializer,
    order: &[usize],
    request: Request<'_>,
    out: TensorMut<'_, T>,
) -> Result<(), Error> {
    fill_permuted(Some(order), request, out, |request, out| initializer.fill_any(request, T::erase(out)))
}

macro_rules! integers {
    ($($integer:ty, $dtype:pat, $name:literal;)*) => {$(
        impl WeightElement for $integer {}

        impl WeightElementInternal for $integer {
            const TYPE: &'static str = $name;

            fn holds(dtype: Dtype) -> bool {
                matches!(dtype, $dtype)
            }

            fn fill_part(
                named: &Named,
                order: Option<&[usize]>,
                request: Request<'_>,
                out: TensorMut<'_, Self>,
            ) -> Result<(), Error> {
                let exact = named.exact.as_ref().ok_or_else(|| named.needs_floats($name))?;
                fill_permuted(order, request, out, |request, out| exact.fill(request, out))
            }
        }

        impl FromNumber for $integer {
            const KIND: &'static str = $name;

            fn from_number(number: Number) -> Option<Self> {
                to_integer(number)?.try_into().ok()
            }
        }
    )*};
}
integers! {
    i8, Dtype::Int8, "int8";
    i16, Dtype::Int16, "int16";
    i32, Dtype::Int32, "int32";
    i64, Dtype::Int64, "int64";
    u8, Dtype::UInt8 | Dtype::Bool, "uint8";
    u16, Dtype::UInt16, "uint16";
    u32, Dtype::UInt32, "uint32";
    u64, Dtype::UInt64, "uint64";
}
