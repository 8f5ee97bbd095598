//! Values that are a function of one uniform draw, computed in f64 (`docs/stream.md`, section 15).

use crate::cpu::dispatch::Width;
use crate::error::Error;
use crate::fill::groups::{Kernel, for_each_group};
use crate::float::element::{Compute, ComputeInternal, Element};
use crate::stream::words::GROUP;

/// A monotone function of u in (0, 1), with its numbers. The pointer lets the loops be compiled once for all functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionKernel {
    function: fn([f64; 3], f64) -> f64,
    numbers: [f64; 3],
}

impl FunctionKernel {
    /// Returns the kernel; an error that names parameters if a value is too large for T.
    pub(crate) fn new<T: Element>(
        names: &'static str,
        function: fn([f64; 3], f64) -> f64,
        numbers: [f64; 3],
    ) -> Result<Self, Error> {
        for byte in [0x00, 0xff] {
            let word = bytemuck::pod_read_unaligned(&[byte; 8][..size_of::<T::Compute>()]);
            let value = function(numbers, T::Compute::open_unit(word));
            if !T::round(T::Compute::from_f64(value)).widen().to_f64().is_finite() {
                return Err(Error::Reach { names, reach: value.abs(), dtype: T::NAME });
            }
        }
        Ok(Self { function, numbers })
    }
}

impl<C: Compute> Kernel<C> for FunctionKernel {
    fn groups(&self, width: Width, words: &[[C::Word; GROUP]], out: &mut [[C; GROUP]]) {
        for_each_group::<C>(
            width,
            words,
            out,
            #[inline(always)]
            |words, out| {
                for (out, &word) in out.iter_mut().zip(words) {
                    *out = C::from_f64((self.function)(self.numbers, C::open_unit(word)) + 0.0); // + 0.0 turns −0 into 0
                }
            },
        );
    }
}
