//! Distributions whose scale depends on the fans of a weight (`docs/stream.md`, section 7).

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::fans::Fans;
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::samplers::normal::Normal;
use crate::samplers::truncated_normal::TruncatedNormal;
use crate::samplers::uniform::Uniform;

/// The standard deviation of a standard normal variable that is truncated to (−2, 2).
const TRUNCATED_STDDEV: f64 = 0.87962566103423978;

/// The count n that the variance of a [`VarianceScaling`] is divided by.
///
/// ```
/// use initializers::{Mode, ScaledDistribution, VarianceScaling};
/// let scaling = VarianceScaling::new(1.0, Mode::FanOut, ScaledDistribution::Uniform)?;
/// assert_eq!(scaling.mode(), Mode::FanOut);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The number of inputs.
    FanIn,
    /// The number of outputs.
    FanOut,
    /// The mean of both.
    FanAvg,
    /// The geometric mean of both.
    FanGeoAvg,
}

/// The distribution of a [`VarianceScaling`].
///
/// ```
/// use initializers::{ScaledDistribution, VarianceScaling};
/// assert_eq!(VarianceScaling::he_uniform().distribution(), ScaledDistribution::Uniform);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScaledDistribution {
    /// Normal, truncated at two standard deviations, and widened so that the variance is that after truncation.
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform in [−limit, limit).
    Uniform,
}

/// Values of mean 0 and variance `scale` / n, where n ≥ 1 is a count of inputs or outputs.
///
/// The presets are [`glorot_normal`](Self::glorot_normal), [`he_normal`](Self::he_normal),
/// [`lecun_normal`](Self::lecun_normal) and their uniform forms. Fans are counted in Keras's convention, or by
/// [`with_axes`](Self::with_axes). Where the fans are known, the samplers have constructors of the same distributions, such
/// as [`TruncatedNormal::he`].
///
/// ```
/// use initializers::{Fans, Fill, TruncatedNormal, VarianceScaling};
///
/// let kernel: Vec<f32> = VarianceScaling::he_normal().sample_vec(42, &[784, 10])?;
/// assert_eq!(kernel, TruncatedNormal::he(Fans::of(&[784, 10])?)?.sample_vec::<f32>(42, &[784, 10])?);
/// # Ok::<(), initializers::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct VarianceScaling {
    scale: f64,
    mode: Mode,
    distribution: ScaledDistribution,
    /// Axes that are inputs and outputs; None: those of Keras's convention.
    axes: Option<(Vec<i64>, Vec<i64>)>,
}

/// The distribution for one shape.
enum Scaled {
    Uniform(Uniform),
    Normal(Normal),
    TruncatedNormal(TruncatedNormal),
}

macro_rules! presets {
    ($($name:ident, $scale:literal, $mode:ident, $distribution:ident, $words:literal, $source:literal;)*) => {$(
        #[doc = concat!($words, "\n\n", $source)]
        ///
        /// ```
        /// use initializers::{Fill, VarianceScaling};
        ///
        #[doc = concat!("let kernel: Vec<f32> = VarianceScaling::", stringify!($name), "().sample_vec(42, &[784, 256])?;")]
        /// assert!(kernel.iter().all(|x| x.abs() < 0.14));
        /// # Ok::<(), initializers::Error>(())
        /// ```
        #[must_use]
        pub const fn $name() -> Self {
            let (mode, distribution) = (Mode::$mode, ScaledDistribution::$distribution);
            Self { scale: $scale, mode, distribution, axes: None }
        }
    )*};
}

impl VarianceScaling {
    presets! {
        glorot_normal, 1.0, FanAvg, TruncatedNormal,
            "Truncated normal with variance 2 / (inputs + outputs), also called Xavier normal.",
            "X. Glorot and Y. Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.";
        glorot_uniform, 1.0, FanAvg, Uniform,
            "Uniform in [−limit, limit), limit = √(6 / (inputs + outputs)), also called Xavier uniform.",
            "X. Glorot and Y. Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.";
        he_normal, 2.0, FanIn, TruncatedNormal,
            "Truncated normal with variance 2 / inputs, also called Kaiming normal.",
            "K. He et al. (2015), Delving deep into rectifiers.";
        he_uniform, 2.0, FanIn, Uniform,
            "Uniform in [−limit, limit), limit = √(6 / inputs), also called Kaiming uniform.",
            "K. He et al. (2015), Delving deep into rectifiers.";
        lecun_normal, 1.0, FanIn, TruncatedNormal,
            "Truncated normal with variance 1 / inputs.",
            "Y. LeCun et al. (1998), Efficient backprop; G. Klambauer et al. (2017), Self-normalizing neural networks.";
        lecun_uniform, 1.0, FanIn, Uniform,
            "Uniform in [−limit, limit), limit = √(3 / inputs).",
            "Y. LeCun et al. (1998), Efficient backprop.";
    }

    /// Creates a variance scaling with a finite scale > 0.
    ///
    /// ```
    /// use initializers::{Mode, ScaledDistribution, VarianceScaling};
    ///
    /// let he = VarianceScaling::new(2.0, Mode::FanIn, ScaledDistribution::TruncatedNormal)?;
    /// assert_eq!(he, VarianceScaling::he_normal());
    /// # Ok::<(), initializers::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is not finite or not above 0.
    pub fn new(scale: f64, mode: Mode, distribution: ScaledDistribution) -> Result<Self, Error> {
        if scale > 0.0 && scale.is_finite() {
            return Ok(Self { scale, mode, distribution, axes: None });
        }
        Err(Error::Parameter { name: "scale", condition: "a finite number > 0", value: scale })
    }

    /// Returns the same initializer with these axes as inputs and outputs; negative axes count from the end.
    ///
    /// ```
    /// use initializers::{Fill, VarianceScaling};
    ///
    /// // A projection of 512 numbers to 8 heads of 64.
    /// let projection = VarianceScaling::glorot_uniform().with_axes(&[0], &[1, 2]);
    /// let kernel: Vec<f32> = projection.sample_vec(42, &[512, 8, 64])?;
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn with_axes(self, input_axes: &[i64], output_axes: &[i64]) -> Self {
        Self { axes: Some((input_axes.to_vec(), output_axes.to_vec())), ..self }
    }

    /// Returns the scale.
    ///
    /// ```
    /// use initializers::VarianceScaling;
    /// assert_eq!(VarianceScaling::he_normal().scale(), 2.0);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Returns the count that the variance is divided by.
    ///
    /// ```
    /// use initializers::{Mode, VarianceScaling};
    /// assert_eq!(VarianceScaling::he_normal().mode(), Mode::FanIn);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the distribution.
    ///
    /// ```
    /// use initializers::{ScaledDistribution, VarianceScaling};
    /// assert_eq!(VarianceScaling::he_normal().distribution(), ScaledDistribution::TruncatedNormal);
    /// # Ok::<(), initializers::Error>(())
    /// ```
    #[must_use]
    pub fn distribution(&self) -> ScaledDistribution {
        self.distribution
    }

    /// Returns the axes that are inputs and those that are outputs; None: those of Keras's convention.
    ///
    /// ```
    /// use initializers::VarianceScaling;
    ///
    /// let heads = VarianceScaling::glorot_uniform().with_axes(&[0], &[1, 2]);
    /// assert_eq!(heads.axes(), Some((&[0][..], &[1, 2][..])));
    /// assert_eq!(VarianceScaling::glorot_uniform().axes(), None);
    /// ```
    #[must_use]
    pub fn axes(&self) -> Option<(&[i64], &[i64])> {
        self.axes.as_ref().map(|(inputs, outputs)| (&inputs[..], &outputs[..]))
    }

    fn fans(&self, shape: &[u64]) -> Result<Fans, Error> {
        match &self.axes {
            None => Fans::of(shape),
            Some((inputs, outputs)) => Fans::with_axes(shape, inputs, outputs),
        }
    }

    /// Returns the distribution of a weight with these fans.
    fn scaled(&self, fans: Fans) -> Result<Scaled, Error> {
        // The order of the operations is part of the stream: others differ in the last bit.
        in_standard_mode(|| {
            let (inputs, outputs) = (fans.inputs() as u128, fans.outputs() as u128);
            let fan = match self.mode {
                Mode::FanIn => inputs as f64,
                Mode::FanOut => outputs as f64,
                Mode::FanAvg => (inputs + outputs) as f64 / 2.0,
                Mode::FanGeoAvg => ((inputs * outputs) as f64).sqrt(),
            };
            let variance = self.scale / fan.max(1.0);
            Ok(match self.distribution {
                ScaledDistribution::Uniform => {
                    let limit = (3.0 * variance).sqrt();
                    Scaled::Uniform(Uniform::new(-limit, limit)?)
                }
                ScaledDistribution::UntruncatedNormal => Scaled::Normal(Normal::new(0.0, variance.sqrt())?),
                ScaledDistribution::TruncatedNormal => {
                    Scaled::TruncatedNormal(TruncatedNormal::new(0.0, variance.sqrt() / TRUNCATED_STDDEV)?)
                }
            })
        })
    }
}

impl Initializer for VarianceScaling {}

impl FillElements for VarianceScaling {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        match self.scaled(self.fans(request.shape)?)? {
            Scaled::Uniform(uniform) => uniform.fill_elements(request, out),
            Scaled::Normal(normal) => normal.fill_elements(request, out),
            Scaled::TruncatedNormal(truncated) => truncated.fill_elements(request, out),
        }
    }
}

macro_rules! constructors {
    ($sampler:ident, $getter:ident; $($name:ident, $preset:ident, $words:literal, $value:literal;)*) => {
        impl $sampler {$(
            #[doc = concat!("Returns the distribution of [`VarianceScaling::", stringify!($preset), "`] for these fans: ", $words)]
            ///
            /// ```
            #[doc = concat!("use initializers::{Fans, ", stringify!($sampler), "};")]
            ///
            #[doc = concat!("let sampler = ", stringify!($sampler), "::", stringify!($name), "(Fans::of(&[784, 10])?)?;")]
            #[doc = concat!("assert_eq!(sampler.", stringify!($getter), "(), ", $value, ");")]
            /// # Ok::<(), initializers::Error>(())
            /// ```
            ///
            /// # Errors
            /// None with the scales of the presets; the constructor of the sampler checks its parameters.
            pub fn $name(fans: Fans) -> Result<Self, Error> {
                match VarianceScaling::$preset().scaled(fans)? {
                    Scaled::$sampler(sampler) => Ok(sampler),
                    _ => unreachable!("the distribution of the preset"),
                }
            }
        )*}
    };
}
constructors! { TruncatedNormal, stddev;
    glorot, glorot_normal, "variance 2 / (inputs + outputs).", "0.05705672713531256";
    he, he_normal, "variance 2 / inputs.", "0.057419456326711804";
    lecun, lecun_normal, "variance 1 / inputs.", "0.040601686940662726";
}
constructors! { Uniform, maxval;
    glorot, glorot_uniform, "limit √(6 / (inputs + outputs)).", "0.0869291381699617";
    he, he_uniform, "limit √(6 / inputs).", "0.08748177652797065";
    lecun, lecun_uniform, "limit √(3 / inputs).", "0.06185895741317419";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fill;

    /// The vectors of `docs/stream.md`, section 7.
    #[test]
    fn scales_are_those_of_the_stream() {
        let fans = Fans::new(784, 10);
        assert_eq!(TruncatedNormal::he(fans).unwrap().stddev().to_bits(), 0x3fad66153e279778);
        assert_eq!(Uniform::glorot(fans).unwrap().maxval().to_bits(), 0x3fb640fced826b5e);
        assert_eq!(TruncatedNormal::he(Fans::new(0, 5)).unwrap().stddev(), 2f64.sqrt() / TRUNCATED_STDDEV);
    }

    #[test]
    fn every_mode_has_its_count() {
        let stddev = |mode| {
            let scaling = VarianceScaling::new(1.0, mode, ScaledDistribution::UntruncatedNormal).unwrap();
            match scaling.scaled(Fans::new(4, 16)).unwrap() {
                Scaled::Normal(normal) => normal.stddev(),
                _ => 0.0,
            }
        };
        let counts = [Mode::FanIn, Mode::FanOut, Mode::FanAvg, Mode::FanGeoAvg].map(stddev);
        assert_eq!(counts, [0.5, 0.25, 0.1f64.sqrt(), 0.125f64.sqrt()]);
    }

    #[test]
    fn bad_requests() {
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = VarianceScaling::new(scale, Mode::FanIn, ScaledDistribution::Uniform).unwrap_err();
            assert!(error.to_string().starts_with("`scale` must be a finite number > 0"));
        }
        let wrong = VarianceScaling::he_normal().with_axes(&[2], &[0]).sample_vec::<f32>(1, &[2, 2]);
        assert!(matches!(wrong, Err(Error::Axes(_))));
    }
}
