//! Values of initializers without randomness, which also fill integers.

use crate::error::Error;
use crate::families::places::fill_places;
use crate::float::tensor::TensorMut;
use crate::initializer::Request;
use crate::recipe::numbers::{FromNumber, Number, Numbers, to_integer};
use crate::recipe::show::show_shape;

/// The values of an initializer that also fills integers.
#[derive(Clone, Debug)]
pub(crate) enum Exact {
    Numbers(Numbers),
    /// This number on the diagonal of a matrix, and zeros beside it.
    Diagonal(f64),
}

impl Exact {
    /// Fills a block of a tensor.
    pub(crate) fn fill<T: FromNumber>(&self, mut request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let gain = match self {
            Self::Numbers(numbers) => return numbers.fill(&mut request, out),
            Self::Diagonal(gain) => Number::Float(*gain).represent("gain")?,
        };
        let &[_, _] = request.shape else {
            let shape = show_shape(request.shape);
            return Err(Error::Recipe(format!("`shape` must have 2 dimensions for Identity, received: {shape}")));
        };
        fill_places(&mut request, out, |place| if place[0] == place[1] { Some(gain) } else { None })
    }

    /// Refuses numbers other than 0 and 1.
    pub(crate) fn check_truth(&self, request: Request<'_>) -> Result<(), Error> {
        let count = usize::from(request.shape.is_empty());
        let extent = vec![0; request.shape.len()];
        self.fill(request, TensorMut::new(&extent, &mut [Truth][..count])?)
    }
}

/// A truth value.
#[derive(Clone, Copy, Debug, Default)]
struct Truth;

impl FromNumber for Truth {
    const KIND: &'static str = "bool";

    fn from_number(number: Number) -> Option<Self> {
        to_integer(number).filter(|value| matches!(value, 0 | 1)).map(|_| Self)
    }
}
