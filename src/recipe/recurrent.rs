//! The arguments of initializers for recurrent and state space models, and for positions.

use crate::error::Error;
use crate::families::lstm_bias::{GATES, LstmBias};
use crate::recipe::arguments::{Arguments, wrong};
use crate::recipe::data::Data;
use crate::recipe::named::Named;
use crate::recipe::show::{quote, show_float};
use crate::samplers::log_of_uniform::LogOfUniform;
use crate::samplers::ring_radius::RingRadius;
use crate::samplers::time_step_bias::TimeStepBias;

impl Arguments {
    /// Returns a truth value.
    pub(crate) fn truth(&mut self, name: &'static str, default: bool) -> Result<bool, Error> {
        let value = match self.take(name) {
            None => default,
            Some(Data::Bool(value)) => value,
            Some(other) => return Err(wrong(name, "a bool", other)),
        };
        if value != default {
            self.note(name, if value { "True" } else { "False" }.into());
        }
        Ok(value)
    }

    /// Returns the value that a name means; the first one is the default.
    pub(crate) fn choice<T: Copy, const N: usize>(
        &mut self,
        argument: &'static str,
        named: [(&'static str, T); N],
    ) -> Result<T, Error> {
        let names = named.map(|(name, _)| name);
        let name = self.name(argument, &names, "")?.unwrap_or(names[0]);
        let (default, text) = (named[0].1, quote(names[0]));
        self.forget(argument, &text);
        Ok(named.into_iter().find(|(known, _)| *known == name).map_or(default, |(_, value)| value))
    }

    pub(crate) fn base(&mut self) -> Result<f64, Error> {
        self.number("base", 10000.0, " in [1, 1e300]", |base| (1.0..=1e300).contains(&base))
    }

    pub(crate) fn log_of_uniform(mut self) -> Result<Named, Error> {
        let minval = self.number("minval", 1.0, " >= 0", |minval| minval >= 0.0)?;
        let condition = format!(" >= 1e-250 and >= `minval` = {}", show_float(minval));
        let maxval = self.number("maxval", 16.0, &condition, |maxval| maxval >= 1e-250 && maxval >= minval)?;
        Ok(self.finish(LogOfUniform::new(minval, maxval)?, false))
    }

    pub(crate) fn time_step_bias(mut self) -> Result<Named, Error> {
        let range = 1e-300..=1e300;
        let dt_min = self.number("dt_min", 0.001, " in [1e-300, 1e300]", |dt| range.contains(&dt))?;
        let condition = format!(" <= 1e300 and >= `dt_min` = {}", show_float(dt_min));
        let dt_max = self.number("dt_max", 0.1, &condition, |dt| range.contains(&dt) && dt >= dt_min)?;
        let dt_floor = self.number("dt_floor", 0.0001, " >= 0", |dt| dt >= 0.0)?;
        Ok(self.finish(TimeStepBias::new(dt_min, dt_max, dt_floor)?, false))
    }

    pub(crate) fn ring_radius(mut self) -> Result<Named, Error> {
        let low = self.number("min_radius", 0.0, " in [0, 1]", |radius| (0.0..=1.0).contains(&radius))?;
        let condition = format!(" in [1e-100, 1] and >= `min_radius` = {}", show_float(low));
        let high =
            self.number("max_radius", 1.0, &condition, |radius| (1e-100..=1.0).contains(&radius) && radius >= low)?;
        let softplus = self.truth("softplus", false)?;
        Ok(self.finish(RingRadius::new(low, high, softplus)?, false))
    }

    pub(crate) fn lstm_bias(mut self) -> Result<Named, Error> {
        let forget = self.finite("forget", 1.0)?;
        let data = self.take("gates").unwrap_or_else(|| Data::Text("ifgo".into()));
        let Data::Text(gates) = &data else { return Err(wrong("gates", GATES, data)) };
        let Ok(bias) = LstmBias::new(forget, gates) else { return Err(wrong("gates", GATES, quote(gates))) };
        if gates != "ifgo" {
            self.note("gates", quote(gates));
        }
        Ok(self.finish(bias, false))
    }
}
