//! Initializers by the names and configurations of recipes.

use crate::error::Error;
use crate::families::convolution::DeltaOrthogonal;
use crate::families::places::Dirac;
use crate::families::positions::{Rotary, RotaryPart, Sinusoidal};
use crate::families::sparse::Sparse;
use crate::families::state_space::{Hippo, HippoPart, S4d, S4dPart};
use crate::families::variance_scaling::VarianceScaling;
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::matrix::orthogonal::Orthogonal;
use crate::recipe::arguments::Arguments;
use crate::recipe::data::{Data, Table, take};
use crate::recipe::element::fill_in_order;
use crate::recipe::named::Named;
use crate::recipe::numbers::Numbers;
use crate::recipe::show::{hint, quote, show, show_float};
use crate::samplers::normal::Normal;
use crate::samplers::truncated_normal::TruncatedNormal;
use crate::samplers::uniform::Uniform;

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

const SCALED: &[&str] = &["seed", "input_axes", "output_axes"];

/// The classes, and the parameters of their constructors in Python.
const CLASSES: [(&str, &[&str]); 30] = [
    ("Constant", &["value"]),
    ("ConvolutionOrthogonal1D", &["gain", "seed"]),
    ("ConvolutionOrthogonal2D", &["gain", "seed"]),
    ("ConvolutionOrthogonal3D", &["gain", "seed"]),
    ("DeltaOrthogonal", &["gain", "seed"]),
    ("Dirac", &["groups"]),
    ("GlorotNormal", SCALED),
    ("GlorotUniform", SCALED),
    ("HeNormal", SCALED),
    ("HeUniform", SCALED),
    ("Hippo", &["part"]),
    ("Identity", &["gain"]),
    ("LecunNormal", SCALED),
    ("LecunUniform", SCALED),
    ("LogOfUniform", &["minval", "maxval", "seed"]),
    ("LstmBias", &["forget", "gates"]),
    ("Ones", &[]),
    ("Orthogonal", &["gain", "seed", "axis"]),
    ("RandomNormal", &["mean", "stddev", "seed"]),
    ("RandomUniform", &["minval", "maxval", "seed"]),
    ("RingRadius", &["min_radius", "max_radius", "softplus", "seed"]),
    ("Rotary", &["part", "base", "interleaved"]),
    ("S4D", &["part"]),
    ("STFT", &["side", "window", "scaling", "periodic"]),
    ("Sinusoidal", &["base", "interleaved", "endpoint"]),
    ("Sparse", &["sparsity", "stddev", "seed"]),
    ("TimeStepBias", &["dt_min", "dt_max", "dt_floor", "seed"]),
    ("TruncatedNormal", &["mean", "stddev", "seed", "bounds"]),
    ("VarianceScaling", &["scale", "mode", "distribution", "seed", "input_axes", "output_axes"]),
    ("Zeros", &[]),
];

/// A name, the class that it means, and the scale and the mode of its arguments.
type TorchName = (&'static str, &'static str, Option<(f64, &'static str)>);

/// Names of `torch.nn.init`, whose normal distributions are not truncated.
const TORCH_NAMES: [TorchName; 4] = [
    ("kaiming_normal", "VarianceScaling", Some((2.0, "fan_in"))),
    ("kaiming_uniform", "HeUniform", None),
    ("xavier_normal", "VarianceScaling", Some((1.0, "fan_avg"))),
    ("xavier_uniform", "GlorotUniform", None),
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

/// Returns the initializer that a rule names: a name and its configuration, or a whole configuration.
pub(crate) fn read_initializer(initializer: Data, config: Option<Data>) -> Result<Named, Error> {
    match (initializer.with_numbers(), config) {
        (Data::Text(name), None) => from_name(&name, None, true),
        (Data::Text(name), Some(Data::Table(config))) => from_name(&name, Some(config), true),
        (Data::Text(name), Some(other)) => {
            Err(Error::Recipe(format!("`config` of {name} must be a dict, received: {}", show(other))))
        }
        (Data::Table(table), _) => from_configuration(table),
        (other, _) => {
            Err(Error::Recipe(format!("`initializer` must be a name or a configuration, received: {}", show(other))))
        }
    }
}

/// Reads a configuration as Python's `serialize` writes it.
fn from_configuration(mut table: Table) -> Result<Named, Error> {
    let whole = Data::Table(table.clone());
    let Some(Data::Text(name)) = take(&mut table, "class_name") else {
        let text = "`config` must have a string under the key 'class_name'";
        return Err(Error::Recipe(format!("{text}, received: {}", show(whole))));
    };
    let config = match take(&mut table, "config") {
        Some(Data::Text(function)) if name == "function" => return Err(unregistered(&function)),
        None | Some(Data::Null) => Table::new(),
        Some(Data::Table(config)) => config,
        Some(other) => {
            return Err(Error::Recipe(format!("`config` of {name} must be a dict, received: {}", show(other))));
        }
    };
    let is_plain = table.iter().all(|(key, _)| key != "module" && key != "registered_name");
    let (registered, module) = (take(&mut table, "registered_name"), take(&mut table, "module"));
    for (argument, value) in [("registered_name", &registered), ("module", &module)] {
        if let Some(other) = value.as_ref().filter(|value| !matches!(value, Data::Text(_) | Data::Null)) {
            let text = format!("`{argument}` of {name} must be a string, received: {}", show(other));
            return Err(Error::Recipe(text));
        }
    }
    if let Some(Data::Text(key)) = registered.filter(|key| matches!(key, Data::Text(key) if key.contains('>'))) {
        return from_name(&key, Some(config), false);
    }
    let is_ours = match module {
        None => true,
        Some(Data::Text(module)) => {
            ["initializers", "keras", "tf_keras", "tensorflow"].contains(&module.split('.').next().unwrap_or_default())
        }
        Some(_) => false,
    };
    if is_ours { from_name(&name, Some(config), is_plain) } else { Err(unregistered(&name)) }
}

fn unregistered(name: &str) -> Error {
    let text = format!("{} is not registered: the Rust crate has the initializers of `initializers` only", quote(name));
    Error::Recipe(format!("{text}; initialize weights by registered ones in Python"))
}

/// Returns the initializer of a name. A configuration that names a module means that module's class, not torch's function.
fn from_name(name: &str, config: Option<Table>, may_be_torch: bool) -> Result<Named, Error> {
    let torch = TORCH_NAMES.iter().find(|(torch, ..)| may_be_torch && *torch == name);
    let plain = name.strip_prefix("initializers>").unwrap_or(name);
    let known = torch.map_or(plain, |(_, class, _)| *class);
    let known = ALIASES.iter().find(|(alias, _)| *alias == known).map_or(known, |(_, class)| *class);
    let is_class = |class: &str| class == known || (plain == name && to_snake_case(class) == known);
    let Some((class, parameters)) = CLASSES.into_iter().find(|(class, _)| is_class(class)) else {
        if name.contains('>') {
            return Err(unregistered(name));
        }
        let classes = || CLASSES.iter().map(|(class, _)| *class);
        let snakes: Vec<String> = classes().map(to_snake_case).collect();
        let names = classes().chain(snakes.iter().map(String::as_str)).chain(ALIASES.iter().map(|(alias, _)| *alias));
        let near = hint(name, names.chain(TORCH_NAMES.iter().map(|(torch, ..)| *torch)));
        let text = "an initializer must be named by one of `initializers` or registered";
        return Err(Error::Recipe(format!("{text}, received: {}{near}", show(quote(name)))));
    };
    let has_config = config.is_some();
    let mut config = config.unwrap_or_default();
    if let Some((.., Some((scale, mode)))) = torch {
        let given = [
            ("scale", Data::Float(*scale)),
            ("mode", Data::Text((*mode).into())),
            ("distribution", Data::Text("untruncated_normal".into())),
        ];
        for (key, value) in given {
            if config.iter().all(|(known, _)| known != key) {
                config.push((key.into(), value));
            }
        }
    }
    make(class, Arguments::new(class, parameters, config)?, has_config)
}

/// Calls the constructor of a class.
fn make(class: &str, mut arguments: Arguments, has_config: bool) -> Result<Named, Error> {
    Ok(match class {
        "Zeros" => arguments.finish_numbers(Numbers::from(0.0)),
        "Ones" => arguments.finish_numbers(Numbers::from(1.0)),
        "Constant" => arguments.constant()?,
        "Identity" => arguments.identity()?,
        "RandomNormal" => {
            let (mean, stddev) = (arguments.finite("mean", 0.0)?, arguments.stddev(0.05)?);
            arguments.finish(Normal::new(mean, stddev)?, false)
        }
        "RandomUniform" => {
            let minval = arguments.finite("minval", -0.05)?;
            let condition = format!(" >= `minval` = {}", show_float(minval));
            let maxval = arguments.number("maxval", 0.05, &condition, |maxval| maxval >= minval)?;
            arguments.finish(Uniform::new(minval, maxval)?, false)
        }
        "TruncatedNormal" => {
            let (mean, stddev) = (arguments.finite("mean", 0.0)?, arguments.stddev(0.05)?);
            let [lower, upper] = arguments.bounds()?;
            arguments.finish(TruncatedNormal::with_bounds(mean, stddev, lower, upper)?, false)
        }
        "GlorotNormal" => arguments.scaling(VarianceScaling::glorot_normal())?,
        "GlorotUniform" => arguments.scaling(VarianceScaling::glorot_uniform())?,
        "HeNormal" => arguments.scaling(VarianceScaling::he_normal())?,
        "HeUniform" => arguments.scaling(VarianceScaling::he_uniform())?,
        "LecunNormal" => arguments.scaling(VarianceScaling::lecun_normal())?,
        "LecunUniform" => arguments.scaling(VarianceScaling::lecun_uniform())?,
        "VarianceScaling" => arguments.variance_scaling()?,
        "Orthogonal" => {
            let (gain, axis) = (arguments.finite("gain", 1.0)?, arguments.axis()?);
            arguments.finish(OrthogonalAlong { matrix: Orthogonal::new(gain)?, axis }, true)
        }
        "DeltaOrthogonal" => {
            let gain = arguments.finite("gain", 1.0)?;
            arguments.finish(DeltaOrthogonal::new(gain)?, true)
        }
        "ConvolutionOrthogonal1D" => arguments.convolution(1)?,
        "ConvolutionOrthogonal2D" => arguments.convolution(2)?,
        "ConvolutionOrthogonal3D" => arguments.convolution(3)?,
        "Sparse" => {
            arguments.require("sparsity", has_config)?;
            let sparsity = arguments.number("sparsity", f64::NAN, " in [0, 1]", |x| (0.0..=1.0).contains(&x))?;
            let stddev = arguments.stddev(0.01)?;
            arguments.finish(Sparse::new(sparsity, stddev)?, true)
        }
        "Dirac" => {
            let groups = arguments.groups()?;
            arguments.finish(Dirac::new(groups)?, true)
        }
        "LogOfUniform" => arguments.log_of_uniform()?,
        "TimeStepBias" => arguments.time_step_bias()?,
        "RingRadius" => arguments.ring_radius()?,
        "LstmBias" => arguments.lstm_bias()?,
        "S4D" => {
            let part = arguments.choice("part", S4dPart::NAMES)?;
            arguments.finish(S4d::new(part), false)
        }
        "Hippo" => {
            let part = arguments.choice("part", HippoPart::NAMES)?;
            arguments.finish(Hippo::new(part), false)
        }
        "Sinusoidal" => {
            let (base, interleaved) = (arguments.base()?, arguments.truth("interleaved", true)?);
            let endpoint = arguments.truth("endpoint", false)?;
            arguments.finish(Sinusoidal::new(base, interleaved, endpoint)?, false)
        }
        "Rotary" => {
            let part = arguments.choice("part", RotaryPart::NAMES)?;
            let (base, interleaved) = (arguments.base()?, arguments.truth("interleaved", false)?);
            arguments.finish(Rotary::new(part, base, interleaved)?, false)
        }
        _ => arguments.stft()?,
    })
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
        fill_in_order(&self.matrix, &order, request, out)
    }
}
