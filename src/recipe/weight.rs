//! The values of one weight of a model.

use crate::cpu::execution::Execution;
use crate::error::Error;
use crate::fill::block::Block;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use crate::float::tensor::TensorMut;
use crate::initializer::Request;
use crate::memory::zeros;
use crate::recipe::digest::Digest;
use crate::recipe::dtype::Dtype;
use crate::recipe::element::WeightElement;
use crate::recipe::rule::Rule;
use crate::recipe::show::quote;
use crate::stream::seed::Seed;
use half::{bf16, f16};
use ndarray::Axis;

/// Bytes that are made and hashed at once.
const PIECE_BYTES: u64 = 16 << 20;

/// Calls a method for the element type of a dtype.
macro_rules! with_type {
    ($dtype:expr, $self:ident.$method:ident($($argument:expr)?)) => {
        match $dtype {
            Dtype::Float32 => $self.$method::<f32>($($argument)?),
            Dtype::Float64 => $self.$method::<f64>($($argument)?),
            Dtype::Float16 => $self.$method::<f16>($($argument)?),
            Dtype::BFloat16 => $self.$method::<bf16>($($argument)?),
            Dtype::Float8E4M3FN => $self.$method::<F8E4M3FN>($($argument)?),
            Dtype::Float8E5M2 => $self.$method::<F8E5M2>($($argument)?),
            Dtype::Int8 => $self.$method::<i8>($($argument)?),
            Dtype::Int16 => $self.$method::<i16>($($argument)?),
            Dtype::Int32 => $self.$method::<i32>($($argument)?),
            Dtype::Int64 => $self.$method::<i64>($($argument)?),
            Dtype::UInt8 | Dtype::Bool => $self.$method::<u8>($($argument)?),
            Dtype::UInt16 => $self.$method::<u16>($($argument)?),
            Dtype::UInt32 => $self.$method::<u32>($($argument)?),
            Dtype::UInt64 => $self.$method::<u64>($($argument)?),
        }
    };
}

/// How one weight of a model is filled.
///
/// ```
/// use initializers::{Recipe, Spec};
///
/// let recipe = Recipe::from_toml("seed = 1\ndtype = 'bfloat16'\n[[rules]]\nglob = '*'\ninitializer = 'normal'")?;
/// let plan = recipe.plan([("a.weight", Spec::new(&[3, 4]))], None)?;
/// let weight = &plan.weights()[0];
/// assert_eq!((weight.name(), weight.shape(), weight.dtype().name()), ("a.weight", &[3, 4][..], "bfloat16"));
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Weight {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) dtype: Dtype,
    pub(crate) seed: Seed,
    pub(crate) rule: Rule,
    /// The order of axes in which the values are made; of a stack, that of one of its tensors.
    pub(crate) order: Option<Vec<usize>>,
    pub(crate) padding: Vec<u64>,
}

impl Weight {
    /// Returns the name.
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'ones' }]")?;
    /// assert_eq!(recipe.weight("gamma", &Spec::new(&[2]), None)?.name(), "gamma");
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the shape.
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'ones' }]")?;
    /// assert_eq!(recipe.weight("gamma", &Spec::new(&[2]), None)?.shape(), [2]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Returns the dtype.
    ///
    /// ```
    /// use initializers::{Dtype, Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\nrules = [{ glob = '*', initializer = 'ones' }]")?;
    /// assert_eq!(recipe.weight("gamma", &Spec::new(&[2]), None)?.dtype(), Dtype::Float32);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Fills the whole weight.
    ///
    /// # Errors
    /// [`Error::Recipe`] if `T` is not the weight's dtype, [`Error::Shape`] if `out` has not its number of elements, and the
    /// errors of [`Fill::fill`](crate::Fill::fill).
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'ones'")?;
    /// let mut gamma = [0.0f32; 2];
    /// recipe.plan([("gamma", Spec::new(&[2]))], None)?.weights()[0].fill(&mut gamma)?;
    /// assert_eq!(gamma, [1.0; 2]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    pub fn fill<T: WeightElement>(&self, out: &mut [T]) -> Result<(), Error> {
        self.fill_block(&vec![0; self.shape.len()], TensorMut::new(&self.shape, out)?)
    }

    /// Fills the block that begins at `start` and has the shape of `out`.
    ///
    /// # Errors
    /// [`Error::Recipe`] if `T` is not the weight's dtype, and the errors of [`Fill::fill_block`](crate::Fill::fill_block).
    ///
    /// ```
    /// use initializers::{Recipe, Spec, TensorMut};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'normal'")?;
    /// let plan = recipe.plan([("embedding", Spec::new(&[50_000, 4]))], None)?;
    /// let mut rows = [0.0f32; 8];
    /// plan.weights()[0].fill_block(&[100, 0], TensorMut::new(&[2, 4], &mut rows)?)?;
    /// assert_eq!(rows, plan.weights()[0].sample_vec::<f32>()?[400..408]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    pub fn fill_block<'a, T: WeightElement>(
        &self,
        start: &[u64],
        out: impl Into<TensorMut<'a, T>>,
    ) -> Result<(), Error> {
        if !T::holds(self.dtype) {
            let text = format!("weight {} must be filled as {}", quote(&self.name), self.dtype.name());
            return Err(Error::Recipe(format!("{text}, received memory of {}", T::TYPE)));
        }
        let out = out.into();
        if self.padding.is_empty() {
            return self.fill_rows(start, out);
        }
        let mut view = out.into_view()?;
        self.fill_rows(start, view.view_mut().into())?;
        let rows = start[0]..start[0] + view.shape()[0] as u64;
        for row in self.padding.iter().filter(|row| rows.contains(row)) {
            view.index_axis_mut(Axis(0), (row - start[0]) as usize).fill(T::default());
        }
        Ok(())
    }

    /// Fills a block by the rule.
    fn fill_rows<T: WeightElement>(&self, start: &[u64], out: TensorMut<'_, T>) -> Result<(), Error> {
        let stack = self.rule.stack;
        let part_shape = &self.shape[stack..];
        if stack == 0 {
            return self.fill_part(self.seed.fold_in(&self.name), part_shape, Some(start), out);
        }
        Block::new(&self.shape, start, &out.shape)?;
        let (mut index, extent) = (start[..stack].to_vec(), out.shape[..stack].to_vec());
        let mut view = out.into_view()?;
        if extent.contains(&0) {
            return Ok(());
        }
        loop {
            let mut part = view.view_mut();
            for (at, first) in index.iter().zip(start) {
                part.index_axis_inplace(Axis(0), (at - first) as usize);
            }
            let seed = self.seed.fold_in(&self.rule.name_of_part(&self.name, &index));
            self.fill_part(seed, part_shape, Some(&start[stack..]), part.into())?;
            // The next index, in C order.
            let Some(axis) = (0..stack).rev().find(|&axis| index[axis] + 1 < start[axis] + extent[axis]) else {
                return Ok(());
            };
            index[axis] += 1;
            index[axis + 1..].copy_from_slice(&start[axis + 1..stack]);
        }
    }

    fn fill_part<T: WeightElement>(
        &self,
        seed: Seed,
        shape: &[u64],
        start: Option<&[u64]>,
        out: TensorMut<'_, T>,
    ) -> Result<(), Error> {
        let request = Request { seed, shape, start, execution: Execution::current(), interrupted: &mut || false };
        T::fill_part(&self.rule.named, self.order.as_deref(), request, out)
    }

    /// Allocates and fills the weight; returns its elements in C order.
    ///
    /// # Errors
    /// As [`Weight::fill`], and [`Error::Memory`] if it cannot be allocated.
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'ones'")?;
    /// let plan = recipe.plan([("gamma", Spec::new(&[2]))], None)?;
    /// assert_eq!(plan.weights()[0].sample_vec::<f32>()?, [1.0; 2]);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    pub fn sample_vec<T: WeightElement>(&self) -> Result<Vec<T>, Error> {
        let mut values = zeros(Block::whole(&self.shape)?.len())?;
        self.fill(&mut values)?;
        Ok(values)
    }

    /// Checks all that may fail, on a block without elements; errors name the rule, which has this number.
    pub(crate) fn check(&self, number: usize) -> Result<(), Error> {
        let result = with_type!(self.dtype, self.check_as());
        result.map_err(|error| match error {
            Error::Memory | Error::Threads(_) => error,
            error => {
                let (label, name) = (quote(&self.rule.label()), quote(&self.name));
                Error::Recipe(format!("rule {number}, {label}: weight {name} cannot be filled: {error}"))
            }
        })
    }

    fn check_as<T: WeightElement>(&self) -> Result<(), Error> {
        Block::whole(&self.shape)?;
        let shape = &self.shape[self.rule.stack..];
        let (start, extent) = (vec![0; shape.len()], vec![0; shape.len()]);
        let mut values = [T::default()];
        let values = if extent.is_empty() { &mut values[..] } else { &mut [] };
        self.fill_part(self.seed, shape, Some(&start), TensorMut::new(&extent, values)?)?;
        match &self.rule.named.exact {
            Some(exact) if self.dtype == Dtype::Bool => {
                let order = self.order.clone().unwrap_or_else(|| (0..shape.len()).collect());
                let shape: Vec<u64> = order.iter().map(|&axis| shape[axis]).collect();
                let (execution, interrupted) = (Execution::current(), &mut || false);
                let (seed, start) = (self.seed, Some(&start[..]));
                exact.check_truth(Request { seed, shape: &shape, start, execution, interrupted })
            }
            _ => Ok(()),
        }
    }

    /// Adds the weight to a digest, by pieces.
    pub(crate) fn add_to(&self, digest: &mut Digest) -> Result<(), Error> {
        with_type!(self.dtype, self.add_as(digest))
    }

    fn add_as<T: WeightElement>(&self, digest: &mut Digest) -> Result<(), Error> {
        let bytes = Block::whole(&self.shape)?.len() * self.dtype.item_size();
        digest.begin(&self.name, self.dtype.name(), &self.shape, bytes);
        let rows = self.shape.first().copied().unwrap_or(1);
        let row_bytes = bytes.checked_div(rows).unwrap_or(0).max(1);
        let step = (PIECE_BYTES / row_bytes).max(1);
        for first in (0..rows).step_by(step as usize) {
            let (mut start, mut extent) = (vec![0; self.shape.len()], self.shape.clone());
            if let (Some(start), Some(extent)) = (start.first_mut(), extent.first_mut()) {
                (*start, *extent) = (first, step.min(rows - first));
            }
            let mut values = zeros::<T>(extent.iter().product())?;
            self.fill_block(&start, TensorMut::new(&extent, &mut values)?)?;
            if cfg!(target_endian = "big") {
                for value in &mut values {
                    bytemuck::bytes_of_mut(value).reverse();
                }
            }
            digest.update(bytemuck::cast_slice(&values));
        }
        Ok(())
    }
}
