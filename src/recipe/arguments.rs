//! The arguments of an initializer in a recipe, checked as the constructors of the Python package check them.

use crate::error::Error;
use crate::families::convolution::ConvolutionOrthogonal;
use crate::families::places::Identity;
use crate::families::variance_scaling::{Mode, ScaledDistribution, VarianceScaling};
use crate::initializer::Initializer;
use crate::recipe::data::{Data, Table, take};
use crate::recipe::exact::Exact;
use crate::recipe::named::Named;
use crate::recipe::numbers::Numbers;
use crate::recipe::show::{hint, list_known, quote, show, show_float};
use crate::recipe::stft::{Scaling, Stft, Window};
use std::fmt::Display;
use std::sync::Arc;

/// The arguments of a class, which are taken one by one.
pub(crate) struct Arguments {
    class: &'static str,
    parameters: &'static [&'static str],
    config: Table,
    /// Name and text of each argument that is not the default.
    given: Vec<(&'static str, String)>,
}

/// Returns an error about an argument.
pub(crate) fn wrong(name: &str, wanted: &str, received: impl Display) -> Error {
    Error::Recipe(format!("`{name}` must be {wanted}, received: {}", show(received)))
}

/// Returns the number that a value is for a parameter that is a float. Python counts truth values as numbers.
fn to_float(data: &Data) -> Option<f64> {
    match data {
        Data::Bool(value) => Some(f64::from(u8::from(*value))),
        Data::Integer(value) => Some(*value as f64),
        Data::Float(value) => Some(*value),
        _ => None,
    }
}

impl Arguments {
    /// Refuses arguments that the class does not have.
    pub(crate) fn new(class: &'static str, parameters: &'static [&'static str], config: Table) -> Result<Self, Error> {
        if let Some((key, _)) = config.iter().find(|(key, _)| !parameters.contains(&key.as_str())) {
            let listed = parameters.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            let text = format!("`config` of {class} must have no keys but [{listed}], received: {}", show(quote(key)));
            return Err(Error::Recipe(text + &hint(key, parameters.iter().copied())));
        }
        Ok(Self { class, parameters, config, given: Vec::new() })
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Data> {
        take(&mut self.config, name)
    }

    /// Notes an argument that is not the default, for messages.
    pub(crate) fn note(&mut self, name: &'static str, text: String) {
        self.given.push((name, text));
    }

    /// Removes the note of an argument that is the default.
    pub(crate) fn forget(&mut self, name: &str, default: &str) {
        self.given.retain(|(known, text)| *known != name || text != default);
    }

    /// Returns a finite number that fulfills a condition, such as `" >= 0"`.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        default: f64,
        condition: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Result<f64, Error> {
        let Some(data) = self.take(name) else { return Ok(default) };
        let Some(value) = to_float(&data).filter(|&value| value.is_finite() && holds(value)) else {
            return Err(wrong(name, &format!("a finite number{condition}"), data));
        };
        if value.to_bits() != default.to_bits() {
            self.note(name, show_float(value));
        }
        Ok(value)
    }

    pub(crate) fn finite(&mut self, name: &'static str, default: f64) -> Result<f64, Error> {
        self.number(name, default, "", |_| true)
    }

    pub(crate) fn stddev(&mut self, default: f64) -> Result<f64, Error> {
        self.number("stddev", default, " >= 0", |value| value >= 0.0)
    }

    /// Returns an argument without a default.
    pub(crate) fn require(&mut self, name: &str, has_config: bool) -> Result<(), Error> {
        if self.config.iter().any(|(key, _)| key == name) {
            return Ok(());
        }
        let (class, received) = (self.class, Data::Table(self.config.clone()));
        Err(Error::Recipe(if has_config {
            format!("`config` of {class} must have the key {}, received: {}", quote(name), show(received))
        } else {
            format!(
                "{class} cannot be created without arguments, received the class: {class}(): missing a required \
                 argument: {}",
                quote(name)
            )
        }))
    }

    pub(crate) fn groups(&mut self) -> Result<u64, Error> {
        let groups = match self.take("groups") {
            None => 1,
            Some(Data::Integer(groups @ 1..)) => match i64::try_from(groups) {
                Ok(groups) => groups as u64,
                Err(_) => return Err(wrong("groups", "an integer < 2**63", groups)),
            },
            Some(other) => return Err(wrong("groups", "an integer >= 1", other)),
        };
        if groups != 1 {
            self.note("groups", groups.to_string());
        }
        Ok(groups)
    }

    pub(crate) fn axis(&mut self) -> Result<i64, Error> {
        let axis = match self.take("axis") {
            None => -1,
            Some(Data::Integer(axis)) => match i64::try_from(axis) {
                Ok(axis) => axis,
                Err(_) => {
                    return Err(Error::Recipe(format!("`axis` must be in [-2**63, 2**63), received: {axis}")));
                }
            },
            Some(other) => return Err(wrong("axis", "an integer", other)),
        };
        if axis != -1 {
            self.note("axis", axis.to_string());
        }
        Ok(axis)
    }

    pub(crate) fn bounds(&mut self) -> Result<[f64; 2], Error> {
        let wanted = "two numbers lower < upper, which may be infinite";
        let Some(data) = self.take("bounds") else { return Ok([-2.0, 2.0]) };
        let Data::List(list) = &data else { return Err(wrong("bounds", wanted, data)) };
        let [lower, upper] = &list[..] else { return Err(wrong("bounds", wanted, data)) };
        let Some(low) = to_float(lower) else { return Err(wrong("bounds", wanted, lower)) };
        let Some(high) = to_float(upper) else { return Err(wrong("bounds", wanted, upper)) };
        if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
            return Err(wrong("bounds", wanted, data));
        }
        if low >= 37.0 || high <= -37.0 {
            let text = format!("`bounds` must include numbers between -37 and 37, received: {}", show(data));
            return Err(Error::Recipe(text));
        }
        if [low, high] != [-2.0, 2.0] {
            self.note("bounds", format!("({}, {})", show_float(low), show_float(high)));
        }
        Ok([low, high])
    }

    /// Returns one of the known names; `lead` begins the message.
    pub(crate) fn name(
        &mut self,
        argument: &'static str,
        known: &[&'static str],
        lead: &str,
    ) -> Result<Option<&'static str>, Error> {
        let Some(data) = self.take(argument) else { return Ok(None) };
        if let Data::Text(text) = &data
            && let Some(name) = known.iter().find(|name| *name == text)
        {
            self.note(argument, quote(name));
            return Ok(Some(name));
        }
        let text = if let Data::Text(text) = &data { text } else { "" };
        let listed = list_known(&show(&data), text, known);
        Err(Error::Recipe(format!("{lead}`{argument}` {listed}")))
    }

    pub(crate) fn variance_scaling(mut self) -> Result<Named, Error> {
        let lead = "Argument `scale` must be positive float: ";
        let scale = self.number("scale", 1.0, " > 0", |scale| scale > 0.0);
        let scale = scale.map_err(|error| Error::Recipe(format!("{lead}{error}")))?;
        let modes = ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"];
        let mode = match self.name("mode", &modes, "Invalid `mode` argument: ")? {
            None | Some("fan_in") => Mode::FanIn,
            Some("fan_out") => Mode::FanOut,
            Some("fan_avg") => Mode::FanAvg,
            _ => Mode::FanGeoAvg,
        };
        for (_, value) in self.config.iter_mut().filter(|(key, _)| key == "distribution") {
            if let Data::Text(text) = value {
                *text = text.to_lowercase();
                if text == "normal" {
                    *text = "truncated_normal".into();
                }
            }
        }
        let names = ["truncated_normal", "untruncated_normal", "uniform"];
        let distribution = match self.name("distribution", &names, "Invalid `distribution` argument: ")? {
            None | Some("truncated_normal") => ScaledDistribution::TruncatedNormal,
            Some("untruncated_normal") => ScaledDistribution::UntruncatedNormal,
            _ => ScaledDistribution::Uniform,
        };
        self.given.retain(|(_, text)| text != "'fan_in'" && text != "'truncated_normal'");
        self.scaling(VarianceScaling::new(scale, mode, distribution)?)
    }

    /// Reads the axes of a variance scaling.
    pub(crate) fn scaling(mut self, scaling: VarianceScaling) -> Result<Named, Error> {
        let (inputs, outputs) = (self.take_axes("input_axes")?, self.take_axes("output_axes")?);
        match (inputs, outputs) {
            (None, None) => Ok(self.finish(scaling, true)),
            (Some(inputs), Some(outputs)) => Ok(self.finish(scaling.with_axes(&inputs, &outputs), false)),
            (inputs, outputs) => {
                let text = |axes: Option<Vec<i64>>| axes.map_or_else(|| "None".into(), |axes| format!("{axes:?}"));
                Err(Error::Recipe(format!(
                    "`input_axes` and `output_axes` must be given together, received: input_axes={}, output_axes={}",
                    text(inputs),
                    text(outputs)
                )))
            }
        }
    }

    fn take_axes(&mut self, name: &'static str) -> Result<Option<Vec<i64>>, Error> {
        let Some(data) = self.take(name).filter(|data| *data != Data::Null) else { return Ok(None) };
        let axes: Option<Vec<i64>> = match &data {
            Data::List(list) => list
                .iter()
                .map(|axis| if let Data::Integer(axis) = axis { i64::try_from(*axis).ok() } else { None })
                .collect(),
            _ => None,
        };
        let is_different = |axes: &Vec<i64>| (1..axes.len()).all(|i| !axes[..i].contains(&axes[i]));
        let Some(axes) = axes.filter(is_different) else {
            return Err(wrong(name, "a list of different integers", data));
        };
        let text: Vec<String> = axes.iter().map(ToString::to_string).collect();
        self.note(name, format!("({}{})", text.join(", "), if axes.len() == 1 { "," } else { "" }));
        Ok(Some(axes))
    }

    pub(crate) fn convolution(mut self, dimensions: usize) -> Result<Named, Error> {
        let gain = self.finite("gain", 1.0)?;
        Ok(self.finish(ConvolutionOrthogonal::new(gain, dimensions)?, true))
    }

    /// Returns the initializer.
    pub(crate) fn finish(mut self, initializer: impl Initializer + 'static, has_layout: bool) -> Named {
        let seed = self.take("seed").filter(|seed| *seed != Data::Null);
        let has_seed = seed.is_some();
        if let Some(seed) = seed {
            self.note("seed", seed.to_string());
        }
        let place = |name: &str| self.parameters.iter().position(|parameter| *parameter == name);
        self.given.sort_by_key(|(name, _)| place(name));
        let given: Vec<String> = self.given.iter().map(|(name, text)| format!("{name}={text}")).collect();
        let text = format!("{}({})", self.class, given.join(", "));
        Named { initializer: Arc::new(initializer), has_layout, text, has_seed, exact: None }
    }

    /// Returns the initializer of given numbers.
    pub(crate) fn finish_numbers(self, numbers: Numbers) -> Named {
        let named = self.finish(numbers.clone(), false);
        Named { exact: Some(Exact::Numbers(numbers)), ..named }
    }

    pub(crate) fn constant(mut self) -> Result<Named, Error> {
        let numbers = match self.take("value") {
            None => Numbers::from(0.0),
            Some(data) => Numbers::read("value", &data)?,
        };
        if numbers != Numbers::from(0.0) {
            self.note("value", numbers.show());
        }
        Ok(self.finish_numbers(numbers))
    }

    pub(crate) fn identity(mut self) -> Result<Named, Error> {
        let gain = self.finite("gain", 1.0)?;
        let named = self.finish(Identity::new(gain)?, false);
        Ok(Named { exact: Some(Exact::Diagonal(gain)), ..named })
    }

    pub(crate) fn stft(mut self) -> Result<Named, Error> {
        let is_imaginary = self.name("side", &["real", "imag"], "")? == Some("imag");
        let is_unscaled = self.config.iter().any(|(key, value)| key == "scaling" && *value == Data::Null);
        let scaling = if is_unscaled {
            self.take("scaling");
            self.note("scaling", "None".into());
            None
        } else {
            let name = self.name("scaling", &["density", "spectrum"], "")?;
            Some(if name == Some("spectrum") { Scaling::Spectrum } else { Scaling::Density })
        };
        let periodic = match self.take("periodic") {
            None => false,
            Some(Data::Bool(periodic)) => periodic,
            Some(other) => return Err(wrong("periodic", "a bool", other)),
        };
        let window = self.take_window()?;
        Ok(self.finish(Stft { is_imaginary, window, scaling, periodic }, true))
    }

    fn take_window(&mut self) -> Result<Window, Error> {
        let wanted = "a name, a sequence of finite numbers or None";
        let data = self.take("window");
        match &data {
            None => return Ok(Window::Cosine("hann", 0.5)),
            Some(Data::Text(name)) if name == "hann" => return Ok(Window::Cosine("hann", 0.5)),
            Some(Data::Text(name)) if name == "hamming" => return Ok(Window::Cosine("hamming", 0.54)),
            Some(Data::Null) => return Ok(Window::None),
            Some(Data::Text(_)) => {
                let known = "'hann', 'hamming', numbers or None, as the Rust crate has no windows of SciPy";
                return Err(wrong("window", known, data.unwrap_or(Data::Null)));
            }
            Some(_) => {}
        }
        let data = data.unwrap_or(Data::Null);
        let values = match &data {
            Data::Table(_) => Numbers::read("window", &data)?.floats(),
            _ => Numbers::read("window", &data).ok().and_then(|numbers| numbers.floats()),
        };
        match values.filter(|values| !values.is_empty() && values.iter().all(|value| value.is_finite())) {
            Some(values) => Ok(Window::Values(values)),
            None => Err(wrong("window", wanted, data)),
        }
    }
}
