//! Which rule applies to which weight of a model, and the values of each.

use crate::cpu::execution::Execution;
use crate::error::Error;
use crate::fans::Convention;
use crate::fill::block::Block;
use crate::float::element::Element;
use crate::float::float8::{F8E4M3FN, F8E5M2};
use crate::float::tensor::TensorMut;
use crate::initializer::Request;
use crate::memory::zeros;
use crate::recipe::digest::Digest;
use crate::recipe::dtype::Dtype;
use crate::recipe::initializers::{Named, fill_permuted};
use crate::recipe::rule::Rule;
use crate::stream::seed::Seed;
use half::{bf16, f16};
use ndarray::Axis;

/// Bytes that are made and hashed at once.
const PIECE_BYTES: u64 = 16 << 20;

/// A weight of a model before it is initialized: its shape, and perhaps its dtype and convention.
///
/// ```
/// use initializers::{Convention, Dtype, Spec};
/// let spec = Spec::new(&[768, 768]).with_dtype(Dtype::BFloat16).with_convention(Convention::Torch);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    shape: Vec<u64>,
    dtype: Option<Dtype>,
    convention: Option<Convention>,
}

impl Spec {
    /// Creates the spec of a weight of this shape.
    ///
    /// ```
    /// let spec = initializers::Spec::new(&[784, 10]);
    /// ```
    #[must_use]
    pub fn new(shape: &[u64]) -> Self {
        Self { shape: shape.to_vec(), dtype: None, convention: None }
    }

    /// Returns the same with this dtype, which counts where neither the rule nor the recipe has one.
    ///
    /// ```
    /// use initializers::{Dtype, Spec};
    /// assert_ne!(Spec::new(&[2]).with_dtype(Dtype::Float16), Spec::new(&[2]));
    /// ```
    #[must_use]
    pub fn with_dtype(self, dtype: Dtype) -> Self {
        Self { dtype: Some(dtype), ..self }
    }

    /// Returns the same with this convention, which counts where neither the rule nor the recipe has one.
    ///
    /// ```
    /// use initializers::{Convention, Spec};
    /// assert_ne!(Spec::new(&[2]).with_convention(Convention::Torch), Spec::new(&[2]));
    /// ```
    #[must_use]
    pub fn with_convention(self, convention: Convention) -> Self {
        Self { convention: Some(convention), ..self }
    }
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
    name: String,
    shape: Vec<u64>,
    dtype: Dtype,
    seed: Seed,
    rule: Rule,
    /// The order of axes in which the values are made; of a stack, that of one of its tensors.
    order: Option<Vec<usize>>,
}

impl Weight {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the shape.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Returns the dtype.
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
    pub fn fill<T: Element>(&self, out: &mut [T]) -> Result<(), Error> {
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
    pub fn fill_block<'a, T: Element>(&self, start: &[u64], out: impl Into<TensorMut<'a, T>>) -> Result<(), Error> {
        if self.dtype.name() != T::NAME {
            let text = format!("weight '{}' must be filled as {}", self.name, self.dtype.name());
            return Err(Error::Recipe(format!("{text}, received memory of {}", T::NAME)));
        }
        let (out, stack) = (out.into(), self.rule.stack);
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

    fn fill_part<T: Element>(
        &self,
        seed: Seed,
        shape: &[u64],
        start: Option<&[u64]>,
        out: TensorMut<'_, T>,
    ) -> Result<(), Error> {
        let request = Request { seed, shape, start, execution: Execution::current(), interrupted: &mut || false };
        let Named { initializer, .. } = &self.rule.named;
        match &self.order {
            None => initializer.fill_any(request, T::erase(out)),
            Some(order) => fill_permuted(&**initializer, order, request, out),
        }
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
    pub fn sample_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        let mut values = zeros(Block::whole(&self.shape)?.len())?;
        self.fill(&mut values)?;
        Ok(values)
    }

    /// Checks all that may fail, on a block without elements.
    fn check(&self) -> Result<(), Error> {
        let result = match self.dtype {
            Dtype::Float32 => self.check_as::<f32>(),
            Dtype::Float64 => self.check_as::<f64>(),
            Dtype::Float16 => self.check_as::<f16>(),
            Dtype::BFloat16 => self.check_as::<bf16>(),
            Dtype::Float8E4M3FN => self.check_as::<F8E4M3FN>(),
            Dtype::Float8E5M2 => self.check_as::<F8E5M2>(),
        };
        result.map_err(|error| match error {
            Error::Recipe(_) | Error::Memory | Error::Threads(_) => error,
            error => Error::Recipe(format!("weight '{}' cannot be made: {error}", self.name)),
        })
    }

    fn check_as<T: Element>(&self) -> Result<(), Error> {
        Block::whole(&self.shape)?;
        let shape = &self.shape[self.rule.stack..];
        let (start, extent) = (vec![0; shape.len()], vec![0; shape.len()]);
        let mut values = [T::default()];
        let values = if extent.is_empty() { &mut values[..] } else { &mut [] };
        self.fill_part(self.seed, shape, Some(&start), TensorMut::new(&extent, values)?)
    }

    /// Adds the weight to a digest, by pieces.
    fn add_to(&self, digest: &mut Digest) -> Result<(), Error> {
        match self.dtype {
            Dtype::Float32 => self.add_as::<f32>(digest),
            Dtype::Float64 => self.add_as::<f64>(digest),
            Dtype::Float16 => self.add_as::<f16>(digest),
            Dtype::BFloat16 => self.add_as::<bf16>(digest),
            Dtype::Float8E4M3FN => self.add_as::<F8E4M3FN>(digest),
            Dtype::Float8E5M2 => self.add_as::<F8E5M2>(digest),
        }
    }

    fn add_as<T: Element>(&self, digest: &mut Digest) -> Result<(), Error> {
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

/// Which rule of a [`Recipe`](crate::Recipe) applies to which weight of a model.
///
/// ```
/// use initializers::{Recipe, Spec};
///
/// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'zeros'")?;
/// let plan = recipe.plan([("a", Spec::new(&[2])), ("b", Spec::new(&[]))], None)?;
/// assert_eq!(plan.weights().iter().map(|weight| weight.name()).collect::<Vec<_>>(), ["a", "b"]);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    weights: Vec<Weight>,
}

impl Plan {
    /// Returns the weights, in the order of the specs.
    #[must_use]
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// Returns the digest of all initial weights, which `initializers.digest` gives in Python. Weights are made by pieces, so
    /// it takes little memory.
    ///
    /// # Errors
    /// The errors of [`Weight::fill`].
    ///
    /// ```
    /// use initializers::{Recipe, Spec};
    ///
    /// let recipe = Recipe::from_toml("seed = 1\n[[rules]]\nglob = '*'\ninitializer = 'ones'")?;
    /// let digest = recipe.plan([("gamma", Spec::new(&[2]))], None)?.digest()?;
    /// assert_eq!(digest.len(), 64);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    pub fn digest(&self) -> Result<String, Error> {
        let mut digest = Digest::new();
        self.weights.iter().try_for_each(|weight| weight.add_to(&mut digest))?;
        Ok(digest.finish())
    }
}

/// What a recipe says beside its rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    pub(crate) seed: i128,
    pub(crate) dtype: Option<Dtype>,
    pub(crate) convention: Option<Convention>,
}

/// Returns the plan of a recipe for a model.
pub(crate) fn make_plan(
    rules: &[Rule],
    defaults: Defaults,
    specs: &[(String, Spec)],
    convention: Option<Convention>,
) -> Result<Plan, Error> {
    if let (Some(stated), Some(given)) = (defaults.convention, convention)
        && stated != given
    {
        return Err(Error::Recipe(format!("`convention` must be the recipe's, {stated:?}, received: {given:?}")));
    }
    let places = assign(rules, specs)?;
    let mut weights = Vec::new();
    for ((name, spec), place) in specs.iter().zip(places) {
        let rule = &rules[place];
        let shape = &spec.shape;
        if shape.len() < rule.stack {
            let text = format!("`stack` of the rule for '{name}' must be at most the rank of its shape {shape:?}");
            return Err(Error::Recipe(format!("{text}, received: {}", rule.stack)));
        }
        let order = rule.order(name, &shape[rule.stack..], defaults.convention, convention.or(spec.convention))?;
        let dtype = rule.dtype.or(defaults.dtype).or(spec.dtype).unwrap_or(Dtype::Float32);
        let (name, shape, seed) = (name.clone(), shape.clone(), Seed::from(defaults.seed));
        let weight = Weight { name, shape, dtype, seed, rule: rule.clone(), order };
        weight.check()?;
        weights.push(weight);
    }
    Ok(Plan { weights })
}

/// Returns for every weight the place of its rule; an error that lists all weights without a rule and all rules without one.
fn assign(rules: &[Rule], specs: &[(String, Spec)]) -> Result<Vec<usize>, Error> {
    if let Some(name) = specs
        .iter()
        .enumerate()
        .find_map(|(i, (name, _))| specs[..i].iter().any(|(other, _)| other == name).then_some(name))
    {
        return Err(Error::Recipe(format!("a name must stand once, received twice: '{name}'")));
    }
    let find = |name: &str| rules.iter().position(|rule| rule.matches(name));
    let places: Vec<Option<usize>> = specs.iter().map(|(name, _)| find(name)).collect();
    let mut problems: Vec<String> = Vec::new();
    let missing = specs.iter().zip(&places).filter(|(_, place)| place.is_none());
    problems.extend(missing.map(|((name, _), _)| format!("a weight without a rule: '{name}'")));
    for (place, rule) in rules.iter().enumerate() {
        let taken: Vec<usize> = (0..specs.len()).filter(|&i| places[i] == Some(place)).collect();
        if taken.is_empty() && !rule.optional {
            let earlier = specs.iter().any(|(name, _)| rule.matches(name));
            let why = if earlier { ", as earlier rules already match every weight that it matches" } else { "" };
            problems.push(format!("rule {} without a weight: {}{why}", place + 1, rule.label()));
        }
        if taken.len() > 1 && rule.stacks_one_weight() {
            let names: Vec<String> = taken.iter().map(|&i| format!("'{}'", specs[i].0)).collect();
            problems.push(format!("a rule with `stack` and `name` for {}", names.join(", ")));
        }
    }
    if problems.is_empty() {
        return Ok(places.into_iter().flatten().collect());
    }
    Err(Error::Recipe(format!(
        "the recipe must have a rule for every weight and a weight for every rule, received {}",
        problems.join("; ")
    )))
}
