//! Matrices of state space models (`docs/stream.md`, section 16).

use crate::error::Error;
use crate::families::table::{Table, fill_table, last_axes};
use crate::float::element::{ComputeInternal, Element};
use crate::float::exponential::ln;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use std::f64::consts::PI;

/// Which numbers of a diagonal state matrix an [`S4d`] makes.
///
/// ```
/// use initializers::{S4d, S4dPart};
/// assert_eq!(S4d::new(S4dPart::Real).part(), S4dPart::Real);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S4dPart {
    /// ln(n + 1): the parameter `A_log` of S4D-Real and Mamba.
    LogReal,
    /// −(n + 1): the diagonal of S4D-Real.
    Real,
    /// π·n: the imaginary parts of S4D-Lin.
    Imaginary,
}

impl S4dPart {
    /// The parts by their names in configurations.
    #[cfg(any(feature = "python", feature = "recipe"))]
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("log_real", Self::LogReal), ("real", Self::Real), ("imaginary", Self::Imaginary)];
}

/// The diagonal of a state matrix: a number for each state n, an index of the last axis, the same in every row. The seed does not matter.
///
/// A. Gu, A. Gupta, K. Goel and C. Ré (2022), On the Parameterization and Initialization of Diagonal State Space Models.
///
/// ```
/// use initializers::{Fill, S4d, S4dPart};
///
/// let diagonal: Vec<f32> = S4d::new(S4dPart::Real).sample_vec(0, &[2, 3])?;
/// assert_eq!(diagonal, [-1.0, -2.0, -3.0, -1.0, -2.0, -3.0]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S4d {
    part: S4dPart,
}

impl S4d {
    /// Creates the numbers of a part.
    ///
    /// ```
    /// use initializers::{Fill, S4d, S4dPart};
    /// assert_eq!(S4d::new(S4dPart::LogReal).sample_vec::<f32>(0, &[1])?, [0.0]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn new(part: S4dPart) -> Self {
        Self { part }
    }

    /// Returns the part.
    ///
    /// ```
    /// use initializers::{S4d, S4dPart};
    /// assert_eq!(S4d::new(S4dPart::Imaginary).part(), S4dPart::Imaginary);
    /// ```
    #[must_use]
    pub fn part(&self) -> S4dPart {
        self.part
    }
}

impl Table for S4d {
    fn reach(&self, shape: &[u64]) -> Result<f64, Error> {
        let [states] = last_axes("S4D", shape)?;
        Ok(self.column(shape, states.saturating_sub(1)).abs())
    }

    fn column(&self, _: &[u64], state: u64) -> f64 {
        match self.part {
            S4dPart::LogReal => ln((state + 1) as f64),
            S4dPart::Real => -((state + 1) as f64),
            S4dPart::Imaginary => PI * state as f64,
        }
    }

    fn value(&self, _: &[u64], _: &[u64], column: f64) -> f64 {
        column
    }
}

impl Initializer for S4d {}

impl FillElements for S4d {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        fill_table(self, request, out)
    }
}

/// Which matrix of a state space model a [`Hippo`] makes.
///
/// ```
/// use initializers::{Hippo, HippoPart};
/// assert_eq!(Hippo::new(HippoPart::B).part(), HippoPart::B);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HippoPart {
    /// The state matrix, of the last two axes (n, k).
    A,
    /// The input vector, of the last axis.
    B,
}

impl HippoPart {
    /// The parts by their names in configurations.
    #[cfg(any(feature = "python", feature = "recipe"))]
    pub(crate) const NAMES: [(&str, Self); 2] = [("A", Self::A), ("B", Self::B)];
}

/// The matrices of HiPPO-LegS. The seed does not matter.
///
/// A is −√((2n + 1)(2k + 1)) below the diagonal, −(n + 1) on it, and 0 above; B is √(2n + 1). A. Gu, T. Dao, S. Ermon, A. Rudra and C. Ré
/// (2020), HiPPO: Recurrent Memory with Optimal Polynomial Projections.
///
/// ```
/// use initializers::{Fill, Hippo, HippoPart};
///
/// let a: Vec<f32> = Hippo::new(HippoPart::A).sample_vec(0, &[2, 2])?;
/// assert_eq!(a, [-1.0, 0.0, -1.7320508, -2.0]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hippo {
    part: HippoPart,
}

impl Hippo {
    /// Creates the matrix of a part.
    ///
    /// ```
    /// use initializers::{Fill, Hippo, HippoPart};
    /// assert_eq!(Hippo::new(HippoPart::B).sample_vec::<f32>(0, &[2])?, [1.0, 1.7320508]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn new(part: HippoPart) -> Self {
        Self { part }
    }

    /// Returns the part.
    ///
    /// ```
    /// use initializers::{Hippo, HippoPart};
    /// assert_eq!(Hippo::new(HippoPart::A).part(), HippoPart::A);
    /// ```
    #[must_use]
    pub fn part(&self) -> HippoPart {
        self.part
    }
}

/// The square root of an integer, which is converted to f64 once.
fn root(n: u128) -> f64 {
    ComputeInternal::sqrt(n as f64)
}

fn odd(n: u64) -> u128 {
    2 * u128::from(n) + 1
}

impl Table for Hippo {
    fn reach(&self, shape: &[u64]) -> Result<f64, Error> {
        if self.part == HippoPart::B {
            let [states] = last_axes("Hippo('B')", shape)?;
            return Ok(root(odd(states.saturating_sub(1))));
        }
        let [rows, columns] = last_axes("Hippo('A')", shape)?;
        if rows == 0 || columns == 0 {
            return Ok(0.0);
        }
        let (row, below) = (rows - 1, columns.min(rows - 1));
        let diagonal = rows.min(columns) as f64;
        Ok(if below == 0 { diagonal } else { diagonal.max(root(odd(row) * odd(below - 1))) })
    }

    fn column(&self, _: &[u64], column: u64) -> f64 {
        if self.part == HippoPart::B { root(odd(column)) } else { 0.0 }
    }

    fn value(&self, _: &[u64], place: &[u64], column: f64) -> f64 {
        match (self.part, place) {
            (HippoPart::A, &[.., n, k]) if n > k => -root(odd(n) * odd(k)),
            (HippoPart::A, &[.., n, k]) if n == k => -((n + 1) as f64),
            _ => column,
        }
    }
}

impl Initializer for Hippo {}

impl FillElements for Hippo {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        fill_table(self, request, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{F8E4M3FN, Fill, TensorMut};

    #[test]
    fn blocks_are_parts_of_the_whole() {
        let hippo = Hippo::new(HippoPart::A);
        let whole: Vec<f64> = hippo.sample_vec(0, &[3, 5, 4]).unwrap();
        let mut block = [9.0; 4];
        hippo.fill_block(0, &[3, 5, 4], &[1, 3, 1], TensorMut::new(&[1, 2, 2], &mut block).unwrap()).unwrap();
        let at = |n: usize, k: usize| whole[(5 + n) * 4 + k];
        assert_eq!(block, [at(3, 1), at(3, 2), at(4, 1), at(4, 2)]);
        assert_eq!(whole[..20], whole[40..]);
    }

    #[test]
    fn values_that_overflow_are_refused_for_every_block() {
        let first = |table: &dyn Initializer, shape: &[u64]| {
            table.fill_block(0, shape, &[0, 0], TensorMut::new(&[1, 1], &mut [F8E4M3FN::default()])?)
        };
        for (table, most) in [(&Hippo::new(HippoPart::A) as &dyn Initializer, 233), (&S4d::new(S4dPart::Real), 464)] {
            assert_eq!(first(table, &[most, most]), Ok(()));
            assert!(matches!(first(table, &[most + 1, most + 1]), Err(Error::Reach { .. })));
        }
    }

    #[test]
    fn reach_is_the_largest_magnitude() {
        for part in [HippoPart::A, HippoPart::B] {
            for shape in [[1, 1], [1, 7], [2, 2], [7, 1], [7, 3], [5, 9]] {
                let table = Hippo::new(part);
                let values: Vec<f64> = table.sample_vec(0, &shape).unwrap();
                let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
                assert_eq!(table.reach(&shape).unwrap(), largest, "{shape:?}");
            }
        }
    }
}
