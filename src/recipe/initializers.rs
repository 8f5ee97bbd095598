//! Initializers by the names and configurations of recipes.

use crate::error::Error;
use crate::families::convolution::{ConvolutionOrthogonal, DeltaOrthogonal};
use crate::families::places::{Dirac, Identity};
use crate::families::sparse::Sparse;
use crate::families::variance_scaling::{Mode, ScaledDistribution, VarianceScaling};
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::matrix::orthogonal::Orthogonal;
use crate::recipe::data::{Data, Table, take, take_text};
use crate::samplers::constant::Constant;
use crate::samplers::normal::Normal;
use crate::samplers::truncated_normal::TruncatedNormal;
use crate::samplers::uniform::Uniform;
use std::sync::Arc;

/// An initializer of a recipe.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) initializer: Arc<dyn Initializer>,
    /// Whether its values depend on which axes of a weight are inputs.
    pub(crate) has_layout: bool,
}

/// Other names of classes.
const ALIASES: [(&str, &str); 7] = [
    ("IdentityInitializer", "Identity"),
    ("OrthogonalInitializer", "Orthogonal"),
    ("STFTInitializer", "STFT"),
    ("normal", "RandomNormal"),
    ("one", "Ones"),
    ("uniform", "RandomUniform"),
    ("zero", "Zeros"),
];

const CLASSES: [&str; 22] = [
    "Constant",
    "ConvolutionOrthogonal1D",
    "ConvolutionOrthogonal2D",
    "ConvolutionOrthogonal3D",
    "DeltaOrthogonal",
    "Dirac",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "Sparse",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
];

/// Returns `"he_normal"` for `"HeNormal"`; a run of capitals is one word.
fn to_snake_case(name: &str) -> String {
    let mut result = String::new();
    let mut after_lower = false;
    for sign in name.chars() {
        if after_lower && sign.is_ascii_uppercase() {
            result.push('_');
        }
        after_lower = sign.is_ascii_lowercase();
        result.push(sign.to_ascii_lowercase());
    }
    result
}

/// Returns the initializer that a rule names.
pub(crate) fn read_initializer(initializer: Data, config: Option<Data>) -> Result<Named, Error> {
    match (initializer, config.map(Data::with_numbers)) {
        (Data::Text(name), None) => from_name(&name, Table::new()),
        (Data::Text(name), Some(Data::Table(config))) => from_name(&name, config),
        (Data::Text(name), Some(other)) => {
            Err(Error::Recipe(format!("`config` of {name} must be a dict, received: {other}")))
        }
        (Data::Table(_), Some(config)) => Err(Error::Recipe(format!(
            "`config` must stand beside the name of an initializer, not beside its configuration, received: {config}"
        ))),
        (Data::Table(table), None) => from_configuration(table),
        (other, _) => Err(Error::Recipe(format!("`initializer` must be a name or a configuration, received: {other}"))),
    }
}

/// Reads a configuration as Python's `serialize` writes it.
fn from_configuration(mut table: Table) -> Result<Named, Error> {
    let Some(name) = take_text(&mut table, "class_name")? else {
        let text = format!("`config` must have a string under the key 'class_name', received: {}", Data::Table(table));
        return Err(Error::Recipe(text));
    };
    let module = table.iter().find(|(key, _)| key == "module").map(|(_, module)| module.clone());
    let is_known = match module {
        None => true,
        Some(Data::Text(module)) => {
            ["initializers", "keras", "tf_keras", "tensorflow"].contains(&module.split('.').next().unwrap_or_default())
        }
        Some(_) => false,
    };
    let registered = take_text(&mut table, "registered_name")?;
    if !is_known || registered.is_some_and(|key| key != format!("initializers>{name}") && key.contains('>')) {
        return Err(unknown(&name));
    }
    match take(&mut table, "config").map(Data::with_numbers) {
        None => from_name(&name, Table::new()),
        Some(Data::Table(config)) => from_name(&name, config),
        Some(other) => Err(Error::Recipe(format!("`config` of {name} must be a dict, received: {other}"))),
    }
}

fn unknown(name: &str) -> Error {
    let text = "an initializer must be named by one of `initializers`, without registered ones";
    Error::Recipe(format!("{text}, received: '{name}'"))
}

fn from_name(name: &str, config: Table) -> Result<Named, Error> {
    let name = name.strip_prefix("initializers>").unwrap_or(name);
    let scaling = |mode, distribution, scale| -> Result<_, Error> {
        let arguments = Arguments { class: name, config: config.clone() };
        arguments.scaling(VarianceScaling::new(scale, mode, distribution)?)
    };
    // The names of `torch.nn.init`, whose normal distributions are not truncated.
    match name {
        "kaiming_normal" => return scaling(Mode::FanIn, ScaledDistribution::UntruncatedNormal, 2.0),
        "kaiming_uniform" => return scaling(Mode::FanIn, ScaledDistribution::Uniform, 2.0),
        "xavier_normal" => return scaling(Mode::FanAvg, ScaledDistribution::UntruncatedNormal, 1.0),
        "xavier_uniform" => return scaling(Mode::FanAvg, ScaledDistribution::Uniform, 1.0),
        _ => {}
    }
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, class)| *class);
    let Some(class) = CLASSES.into_iter().find(|class| *class == name || to_snake_case(class) == name) else {
        return Err(unknown(name));
    };
    let mut arguments = Arguments { class, config };
    arguments.refuse_seed()?;
    match class {
        "Zeros" => arguments.finish(Constant::new(0.0), false),
        "Ones" => arguments.finish(Constant::new(1.0), false),
        "Constant" => {
            let value = arguments.number("value", 0.0)?;
            arguments.finish(Constant::new(value), false)
        }
        "Identity" => {
            let gain = arguments.number("gain", 1.0)?;
            arguments.finish(Identity::new(gain)?, false)
        }
        "RandomNormal" => {
            let (mean, stddev) = (arguments.number("mean", 0.0)?, arguments.number("stddev", 0.05)?);
            arguments.finish(Normal::new(mean, stddev)?, false)
        }
        "RandomUniform" => {
            let (minval, maxval) = (arguments.number("minval", -0.05)?, arguments.number("maxval", 0.05)?);
            arguments.finish(Uniform::new(minval, maxval)?, false)
        }
        "TruncatedNormal" => {
            let (mean, stddev) = (arguments.number("mean", 0.0)?, arguments.number("stddev", 0.05)?);
            let [lower, upper] = arguments.bounds()?;
            arguments.finish(TruncatedNormal::with_bounds(mean, stddev, lower, upper)?, false)
        }
        "GlorotNormal" => arguments.scaling(VarianceScaling::glorot_normal()),
        "GlorotUniform" => arguments.scaling(VarianceScaling::glorot_uniform()),
        "HeNormal" => arguments.scaling(VarianceScaling::he_normal()),
        "HeUniform" => arguments.scaling(VarianceScaling::he_uniform()),
        "LecunNormal" => arguments.scaling(VarianceScaling::lecun_normal()),
        "LecunUniform" => arguments.scaling(VarianceScaling::lecun_uniform()),
        "VarianceScaling" => {
            let (scale, mode) = (arguments.number("scale", 1.0)?, arguments.mode()?);
            let distribution = arguments.distribution()?;
            arguments.scaling(VarianceScaling::new(scale, mode, distribution)?)
        }
        "Orthogonal" => {
            let (gain, axis) = (arguments.number("gain", 1.0)?, arguments.integer("axis", -1)?);
            arguments.finish(OrthogonalAlong { matrix: Orthogonal::new(gain)?, axis }, true)
        }
        "DeltaOrthogonal" => {
            let gain = arguments.number("gain", 1.0)?;
            arguments.finish(DeltaOrthogonal::new(gain)?, true)
        }
        "ConvolutionOrthogonal1D" => arguments.convolution(1),
        "ConvolutionOrthogonal2D" => arguments.convolution(2),
        "ConvolutionOrthogonal3D" => arguments.convolution(3),
        "Sparse" => {
            let sparsity = arguments.number("sparsity", f64::NAN)?;
            let stddev = arguments.number("stddev", 0.01)?;
            arguments.finish(Sparse::new(sparsity, stddev)?, true)
        }
        "Dirac" => {
            let groups = arguments.integer("groups", 1)?;
            let groups = u64::try_from(groups).map_err(|_| arguments.wrong("groups", "an integer >= 1", groups))?;
            arguments.finish(Dirac::new(groups)?, true)
        }
        _ => Err(Error::Recipe(format!("{class} is not in the Rust crate: initialize these weights in Python"))),
    }
}

/// The arguments of a class that a recipe gives.
struct Arguments<'a> {
    class: &'a str,
    config: Table,
}

impl Arguments<'_> {
    fn wrong(&self, name: &str, condition: &str, received: impl std::fmt::Display) -> Error {
        Error::Recipe(format!("`{name}` of {} must be {condition}, received: {received}", self.class))
    }

    fn refuse_seed(&mut self) -> Result<(), Error> {
        match take(&mut self.config, "seed") {
            None => Ok(()),
            Some(seed) => Err(Error::Recipe(format!(
                "`initializer` of a rule must have no seed, as the recipe gives one to each weight, received: {seed}"
            ))),
        }
    }

    fn number(&mut self, name: &str, default: f64) -> Result<f64, Error> {
        match take(&mut self.config, name) {
            None if default.is_nan() => Err(self.wrong(name, "given", "nothing")),
            None => Ok(default),
            Some(Data::Float(value)) => Ok(value),
            // Larger integers could be rounded twice.
            Some(Data::Integer(value)) if value.unsigned_abs() <= 1 << 53 => Ok(value as f64),
            Some(other) => Err(self.wrong(name, "a float, or an integer within ±2^53", other)),
        }
    }

    fn integer(&mut self, name: &str, default: i64) -> Result<i64, Error> {
        match take(&mut self.config, name) {
            None => Ok(default),
            Some(Data::Integer(value)) if i64::try_from(value).is_ok() => Ok(value as i64),
            Some(other) => Err(self.wrong(name, "an integer within 64 bits", other)),
        }
    }

    fn bounds(&mut self) -> Result<[f64; 2], Error> {
        let Some(bounds) = take(&mut self.config, "bounds") else { return Ok([-2.0, 2.0]) };
        let number = |data: &Data| match data {
            Data::Float(value) => Some(*value),
            Data::Integer(value) if value.unsigned_abs() <= 1 << 53 => Some(*value as f64),
            _ => None,
        };
        if let Data::List(list) = &bounds
            && let [lower, upper] = &list[..]
            && let (Some(lower), Some(upper)) = (number(lower), number(upper))
        {
            return Ok([lower, upper]);
        }
        Err(self.wrong("bounds", "a list of two numbers", bounds))
    }

    fn axes(&mut self, name: &str) -> Result<Option<Vec<i64>>, Error> {
        let Some(axes) = take(&mut self.config, name) else { return Ok(None) };
        let integer = |data: &Data| match data {
            Data::Integer(value) => i64::try_from(*value).ok(),
            _ => None,
        };
        match &axes {
            Data::List(list) => list.iter().map(integer).collect::<Option<Vec<i64>>>().map(Some),
            _ => None,
        }
        .ok_or_else(|| self.wrong(name, "a list of different integers", axes))
    }

    fn mode(&mut self) -> Result<Mode, Error> {
        match take_text(&mut self.config, "mode")?.as_deref() {
            None | Some("fan_in") => Ok(Mode::FanIn),
            Some("fan_out") => Ok(Mode::FanOut),
            Some("fan_avg") => Ok(Mode::FanAvg),
            Some("fan_geo_avg") => Ok(Mode::FanGeoAvg),
            Some(other) => Err(self.wrong("mode", "'fan_in', 'fan_out', 'fan_avg' or 'fan_geo_avg'", other)),
        }
    }

    fn distribution(&mut self) -> Result<ScaledDistribution, Error> {
        let name = take_text(&mut self.config, "distribution")?.map(|name| name.to_lowercase());
        match name.as_deref() {
            None | Some("truncated_normal" | "normal") => Ok(ScaledDistribution::TruncatedNormal),
            Some("untruncated_normal") => Ok(ScaledDistribution::UntruncatedNormal),
            Some("uniform") => Ok(ScaledDistribution::Uniform),
            Some(other) => {
                Err(self.wrong("distribution", "'truncated_normal', 'untruncated_normal' or 'uniform'", other))
            }
        }
    }

    fn scaling(mut self, scaling: VarianceScaling) -> Result<Named, Error> {
        self.refuse_seed()?;
        match (self.axes("input_axes")?, self.axes("output_axes")?) {
            (None, None) => self.finish(scaling, true),
            (Some(inputs), Some(outputs)) => self.finish(scaling.with_axes(&inputs, &outputs), false),
            _ => Err(Error::Recipe("`input_axes` and `output_axes` must be given together, received: one".into())),
        }
    }

    fn convolution(mut self, dimensions: usize) -> Result<Named, Error> {
        let gain = self.number("gain", 1.0)?;
        self.finish(ConvolutionOrthogonal::new(gain, dimensions)?, true)
    }

    /// Returns the initializer; an error if arguments are left.
    fn finish(self, initializer: impl Initializer + 'static, has_layout: bool) -> Result<Named, Error> {
        if let Some((name, value)) = self.config.first() {
            let text = format!("{} has no argument `{name}`, received: {value}", self.class);
            return Err(Error::Recipe(text));
        }
        Ok(Named { initializer: Arc::new(initializer), has_layout })
    }
}

/// Orthogonal matrices whose columns are any axis.
#[derive(Clone, Copy, Debug)]
struct OrthogonalAlong {
    matrix: Orthogonal,
    axis: i64,
}

impl Initializer for OrthogonalAlong {}

impl FillElements for OrthogonalAlong {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let rank = request.shape.len() as i64;
        if !(-rank..rank).contains(&self.axis) {
            let text = format!("`axis` must be a dimension of the shape {:?}, received: {}", request.shape, self.axis);
            return Err(Error::Shape(text));
        }
        let axis = self.axis.rem_euclid(rank) as usize;
        if axis + 1 == rank as usize {
            return self.matrix.fill_elements(request, out);
        }
        let order: Vec<usize> = (0..rank as usize).filter(|&other| other != axis).chain([axis]).collect();
        fill_permuted(&self.matrix, &order, request, out)
    }
}

/// Fills `out` so that its axes in this order hold the values of the initializer.
pub(crate) fn fill_permuted<T: Element>(
    initializer: &dyn Initializer,
    order: &[usize],
    request: Request<'_>,
    out: TensorMut<'_, T>,
) -> Result<(), Error> {
    let permute = |sizes: &[u64]| -> Vec<u64> { order.iter().map(|&axis| sizes[axis]).collect() };
    request.block(&out.shape)?;
    let (shape, start) = (permute(request.shape), request.start.map(permute));
    let view = out.into_view()?.permuted_axes(order);
    let Request { seed, execution, interrupted, .. } = request;
    let request = Request { seed, shape: &shape, start: start.as_deref(), execution, interrupted };
    initializer.fill_any(request, T::erase(view.into()))
}
