//! Kernels that compute a short-time Fourier transform, as the class `STFT` of the Python package makes them.

use crate::cpu::float_mode::in_standard_mode;
use crate::error::Error;
use crate::float::element::Element;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::recipe::numbers::Number;
use crate::recipe::show::{quote, show, show_float, show_shape};
use crate::roots::unit_roots;

/// The kernel (T, 1, K) whose element (t, 0, k) is w(t)·cos(2πtk/N)/c, or −w(t)·sin(2πtk/N)/c, with N = 2(K − 1).
#[derive(Clone, Debug)]
pub(crate) struct Stft {
    pub(crate) is_imaginary: bool,
    pub(crate) window: Window,
    pub(crate) scaling: Option<Scaling>,
    pub(crate) periodic: bool,
}

/// The weights w of a transform.
#[derive(Clone, Debug)]
pub(crate) enum Window {
    None,
    /// a − (1 − a)·cos(2πt/M).
    Cosine(&'static str, f64),
    Values(Vec<f64>),
}

/// The number c that a kernel is divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scaling {
    /// √(Σ w²).
    Density,
    /// Σ |w|.
    Spectrum,
}

impl Window {
    fn show(&self) -> String {
        match self {
            Self::None => "None".into(),
            Self::Cosine(name, _) => quote(name),
            Self::Values(values) => {
                let texts: Vec<String> = values.iter().map(|&value| show_float(value)).collect();
                show(show_shape(&texts))
            }
        }
    }
}

impl Stft {
    /// Returns the window of `length` values and its divisor; None for no window.
    fn weigh(&self, length: u64) -> Result<Option<(Vec<f64>, f64)>, Error> {
        let weights = match &self.window {
            Window::None => return Ok(None),
            Window::Cosine(..) if length == 1 => vec![1.0],
            Window::Cosine(_, offset) => {
                let period = if self.periodic { length } else { length - 1 };
                let (cosines, _) = unit_roots(period)?;
                let weight = |t: u64| offset - (1.0 - offset) * cosines[(t % period) as usize];
                in_standard_mode(|| (0..length).map(weight).collect())
            }
            Window::Values(values) => values.clone(),
        };
        if weights.len() as u64 != length {
            let text = format!("`window` must have as many values as the shape has in dimension 0, {length}");
            return Err(Error::Recipe(format!("{text}, received: {}", weights.len())));
        }
        let total = in_standard_mode(|| match self.scaling {
            None => 1.0,
            Some(Scaling::Density) => exact_sum(weights.iter().map(|w| w * w)).sqrt(),
            Some(Scaling::Spectrum) => exact_sum(weights.iter().map(|w| w.abs())),
        });
        if total > 0.0 && total.is_finite() {
            return Ok(Some((weights, total)));
        }
        let text = "`window` must have a finite sum other than 0 to be scaled";
        Err(Error::Recipe(format!("{text}, received: {} of {length} values", self.window.show())))
    }
}

impl Initializer for Stft {}

impl FillElements for Stft {
    fn fill_elements<T: Element>(&self, request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        let &[times, 1, frequencies] = request.shape else { return Err(wrong_shape(request.shape)) };
        if times == 0 || frequencies < 2 {
            return Err(wrong_shape(request.shape));
        }
        request.block(&out.shape)?;
        let length = frequencies.checked_mul(2).ok_or(Error::Memory)? - 2;
        let (mut roots, sines) = unit_roots(length)?;
        if self.is_imaginary {
            roots = in_standard_mode(|| sines.iter().map(|sine| 0.0 - sine).collect()); // a minus would turn 0 into −0
        }
        let weights = self.weigh(times)?;
        if let Some((weights, total)) = &weights {
            check_range::<T>(weights, *total, &roots)?;
        }
        let start = request.start.unwrap_or(&[0, 0, 0]);
        let mut out = out.into_view()?;
        in_standard_mode(|| {
            for (place, element) in out.indexed_iter_mut() {
                let (time, frequency) = (start[0] + place[0] as u64, start[2] + place[2] as u64);
                let angle = u128::from(time % length) * u128::from(frequency % length) % u128::from(length);
                let root = roots[angle as usize];
                let value = weights.as_ref().map_or(root, |(weights, total)| root * weights[time as usize] / total);
                *element = Number::Float(value + 0.0).represent("window")?; // + 0.0 turns −0 into 0
            }
            Ok(())
        })
    }
}

fn wrong_shape(shape: &[u64]) -> Error {
    let text = "`shape` must be (T, 1, K) with T >= 1 and K >= 2 for STFT";
    Error::Recipe(format!("{text}, received: {}", show_shape(shape)))
}

/// Refuses a kernel of which an element overflows, whatever block of it is filled.
///
/// Row t uses the roots 0, t, 2t, …, which are the multiples of gcd(t, count). Columns reach only half of the count; the other
/// roots differ from them at most in the sign.
fn check_range<T: Element>(weights: &[f64], total: f64, roots: &[f64]) -> Result<(), Error> {
    let fits = |value: f64| Number::Float(value).represent::<T>("window");
    in_standard_mode(|| {
        // Roots are at most 1.
        if weights.iter().all(|weight| fits(weight.abs() / total).is_ok()) {
            return Ok(());
        }
        for (t, weight) in weights.iter().enumerate() {
            let step = greatest_divisor(t, roots.len());
            let longest = roots.iter().step_by(step).fold(0.0, |longest: f64, root| longest.max(root.abs()));
            fits(longest * weight.abs() / total)?;
        }
        Ok(())
    })
}

fn greatest_divisor(a: usize, b: usize) -> usize {
    if a == 0 { b } else { greatest_divisor(b % a, a) }
}

/// Returns the sum, rounded once: Python's `math.fsum` (J. Shewchuk, 1997, Adaptive precision floating-point arithmetic).
fn exact_sum(values: impl Iterator<Item = f64>) -> f64 {
    // Numbers without common bits, of growing size, whose sum is that of the values so far.
    let mut parts: Vec<f64> = Vec::new();
    for mut value in values {
        if !value.is_finite() {
            return value;
        }
        let mut kept = 0;
        for place in 0..parts.len() {
            let mut part = parts[place];
            if value.abs() < part.abs() {
                (value, part) = (part, value);
            }
            let high = value + part;
            let low = part - (high - value);
            if low != 0.0 {
                parts[kept] = low;
                kept += 1;
            }
            value = high;
        }
        parts.truncate(kept);
        parts.push(value);
    }
    let Some(mut high) = parts.pop() else { return 0.0 };
    while let Some(part) = parts.pop() {
        let sum = high + part;
        let low = part - (sum - high);
        high = sum;
        if low != 0.0 {
            // A tie is decided by what is left.
            let rest = parts.last().copied().unwrap_or(0.0);
            if low < 0.0 && rest < 0.0 || low > 0.0 && rest > 0.0 {
                let double = low * 2.0;
                let next = high + double;
                if double == next - high {
                    high = next;
                }
            }
            break;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_rounded_once() {
        let tenths = [0.1; 10];
        assert_eq!(exact_sum(tenths.into_iter()), 1.0);
        assert_eq!(exact_sum([1e100, 1.0, -1e100, 1e-100, 1e50, -1.0, -1e50].into_iter()), 1e-100);
        // A tie with something left.
        assert_eq!(exact_sum([1.0, 2f64.powi(-53), 2f64.powi(-110)].into_iter()), 1.0 + 2f64.powi(-52));
        assert_eq!(exact_sum([1.0, 2f64.powi(-53)].into_iter()), 1.0);
        assert_eq!(exact_sum([].into_iter()), 0.0);
        assert_eq!(exact_sum([1.0, f64::INFINITY].into_iter()), f64::INFINITY);
    }
}
