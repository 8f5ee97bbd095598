//! Constants of recipes: one number or an array of them, in floats, integers and truth values.

use crate::error::Error;
use crate::float::element::Element;
use crate::float::rounding::round_once;
use crate::float::tensor::TensorMut;
use crate::initializer::{FillElements, Initializer, Request};
use crate::recipe::data::{Data, Table};
use crate::recipe::show::{show, show_float, show_shape};
use crate::samplers::constant::fill_memory;
use ndarray::{ArrayD, Slice};

/// A number of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

/// One number, or an array of them; `kind` is its dtype in NumPy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    array: ArrayD<Number>,
    kind: &'static str,
}

/// An element that numbers are written as.
pub(crate) trait FromNumber: Copy + Default + Send + Sync {
    /// Rounds once to a float, or converts exactly to an integer; None if the type has no such value.
    fn from_number(number: Number) -> Option<Self>;
    /// The type's name.
    const KIND: &'static str;
}

impl<T: Element> FromNumber for T {
    const KIND: &'static str = T::NAME;

    fn from_number(number: Number) -> Option<Self> {
        let value = match number {
            Number::Float(value) => value,
            Number::Integer(value) if size_of::<T>() == 8 => value as f64,
            Number::Integer(value) => to_odd(value),
        };
        round_once("", value).ok()
    }
}

/// Rounds an integer so that rounding again, to fewer bits, gives what rounding once would.
fn to_odd(value: i128) -> f64 {
    let near = value as f64;
    match (near as i128).cmp(&value) {
        std::cmp::Ordering::Equal => near,
        _ if near.to_bits() & 1 == 1 => near,
        std::cmp::Ordering::Less => near.next_up(),
        std::cmp::Ordering::Greater => near.next_down(),
    }
}

/// 2^100, beyond all integers of elements.
const LARGE: f64 = (1u128 << 100) as f64;

/// Returns the integer that a number is, if it is one.
pub(crate) fn to_integer(number: Number) -> Option<i128> {
    match number {
        Number::Integer(value) => Some(value),
        Number::Float(value) if value.fract() == 0.0 && value.abs() < LARGE => Some(value as i128),
        Number::Float(_) => None,
    }
}

impl Number {
    fn show(self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => show_float(value),
        }
    }

    /// Converts to an element; an error that names the argument if the type has no such value.
    pub(crate) fn represent<T: FromNumber>(self, name: &str) -> Result<T, Error> {
        T::from_number(self).ok_or_else(|| {
            Error::Recipe(format!("`{name}` must be representable in {}, received: {}", T::KIND, self.show()))
        })
    }
}

impl From<f64> for Numbers {
    fn from(value: f64) -> Self {
        Self::scalar(Number::Float(value), "float64")
    }
}

impl Numbers {
    fn scalar(number: Number, kind: &'static str) -> Self {
        Self { array: ArrayD::from_elem(vec![], number), kind }
    }

    /// Reads a number, a nested list or an array as Keras writes it.
    pub(crate) fn read(argument: &str, data: &Data) -> Result<Self, Error> {
        if let Data::Table(table) = data {
            let text = format!("`{argument}` must be a serialized array, received: {}", show(data));
            return Self::read_array(table).ok_or(Error::Recipe(text));
        }
        let text = format!("`{argument}` must be a number or an array of numbers, received: {}", show(data));
        let numbers = Self::read_list(data).ok_or(Error::Recipe(text))?;
        let is_long = |number: &Number| match *number {
            Number::Integer(value) if i64::try_from(value).is_ok() || u64::try_from(value).is_ok() => false,
            Number::Integer(value) => value as f64 as i128 != value,
            Number::Float(_) => false,
        };
        match numbers.array.iter().find(|number| is_long(number)) {
            None => Ok(numbers),
            Some(number) => Err(Error::Recipe(format!(
                "`{argument}` must have integers of 64 bits, or floats, received: {}",
                number.show()
            ))),
        }
    }

    fn read_list(data: &Data) -> Option<Self> {
        let (mut shape, mut values) = (Vec::new(), Vec::new());
        flatten(data, 0, &mut shape, &mut values)?;
        let has_float = values.iter().any(|value| matches!(value, Data::Float(_))) || values.is_empty();
        let is_bool = values.iter().all(|value| matches!(value, Data::Bool(_)));
        let kind = match (has_float, is_bool) {
            (true, _) => "float64",
            (false, true) => "bool",
            (false, false) => "int64",
        };
        let number = |value: Data| match value {
            Data::Bool(value) => Some(Number::Integer(value.into())),
            Data::Integer(value) => Some(Number::Integer(value)),
            Data::Float(value) => Some(Number::Float(value)),
            _ => None,
        };
        let mut numbers: Vec<Number> = values.into_iter().map(number).collect::<Option<_>>()?;
        if has_float {
            for number in &mut numbers {
                if let Number::Integer(value) = *number {
                    *number = Number::Float(value as f64);
                }
            }
        }
        ArrayD::from_shape_vec(shape, numbers).ok().map(|array| Self { array, kind })
    }

    fn read_array(table: &Table) -> Option<Self> {
        let find =
            |table: &Table, key: &str| table.iter().find(|(known, _)| known == key).map(|(_, data)| data.clone());
        if !matches!(find(table, "class_name")?, Data::Text(name) if name == "__numpy__" || name == "__tensor__") {
            return None;
        }
        let Data::Table(inner) = find(table, "config")? else { return None };
        let Data::Text(dtype) = find(&inner, "dtype")? else { return None };
        let Self { array, .. } = Self::read_list(&find(&inner, "value")?)?;
        let (kind, convert) = KINDS.iter().find(|(kind, _)| *kind == dtype)?;
        let values: Vec<Number> = array.iter().map(|number| convert(*number)).collect::<Option<_>>()?;
        Some(Self { array: ArrayD::from_shape_vec(array.shape(), values).ok()?, kind })
    }

    /// Returns the array as messages show it.
    pub(crate) fn show(&self) -> String {
        match self.array.first() {
            Some(number) if self.array.ndim() == 0 => number.show(),
            _ => format!("an array of shape {} and dtype {}", show_shape(self.array.shape()), self.kind),
        }
    }

    /// Returns the numbers of a list.
    pub(crate) fn floats(&self) -> Option<Vec<f64>> {
        let float = |number: &Number| match number {
            Number::Integer(value) => *value as f64,
            Number::Float(value) => *value,
        };
        (self.array.ndim() == 1).then(|| self.array.iter().map(float).collect())
    }

    /// Fills a block of a tensor with the numbers, repeated along axes that they do not have.
    pub(crate) fn fill<T: FromNumber>(&self, request: &mut Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        request.block(&out.shape)?;
        let (rank, own) = (request.shape.len(), self.array.shape());
        if own.is_empty() {
            let number = self.array.first().copied().unwrap_or(Number::Integer(0));
            return fill_memory(number.represent("value")?, out.memory, request.interrupted);
        }
        let sizes: Vec<usize> =
            std::iter::repeat_n(1, rank.saturating_sub(own.len())).chain(own.iter().copied()).collect();
        let fits = |(own, size): (&usize, &u64)| *own == 1 || *own as u64 == *size;
        if sizes.len() != rank || !sizes.iter().zip(request.shape).all(fits) {
            let text = format!("`value` must broadcast to the shape {}", show_shape(request.shape));
            return Err(Error::Recipe(format!("{text}, received: {}", self.show())));
        }
        let values: Vec<T> = self.array.iter().map(|number| number.represent("value")).collect::<Result<_, _>>()?;
        let error = |error: ndarray::ShapeError| Error::Shape(format!("shape {:?}: {error}", request.shape));
        let values = ArrayD::from_shape_vec(sizes, values).map_err(error)?;
        let (mut out, origin) = (out.into_view()?, vec![0; rank]);
        let start = request.start.unwrap_or(&origin);
        let block = values.slice_each_axis(|axis| {
            let (first, count) = (start[axis.axis.index()] as usize, out.shape()[axis.axis.index()]);
            if axis.len == 1 { Slice::from(..) } else { Slice::from(first..first + count) }
        });
        let shape = out.raw_dim();
        let block = block.broadcast(shape).ok_or_else(|| Error::Shape("a block of another shape".into()))?;
        out.assign(&block);
        Ok(())
    }
}

impl Initializer for Numbers {}

impl FillElements for Numbers {
    fn fill_elements<T: Element>(&self, mut request: Request<'_>, out: TensorMut<'_, T>) -> Result<(), Error> {
        self.fill(&mut request, out)
    }
}

/// Makes a number one of a dtype; None if that has none such.
type Convert = fn(Number) -> Option<Number>;

/// Dtypes of arrays.
const KINDS: [(&str, Convert); 15] = [
    ("bool", |number| Some(Number::Integer(i128::from(number != Number::Integer(0) && number != Number::Float(0.0))))),
    ("int8", within::<i8>),
    ("int16", within::<i16>),
    ("int32", within::<i32>),
    ("int64", within::<i64>),
    ("uint8", within::<u8>),
    ("uint16", within::<u16>),
    ("uint32", within::<u32>),
    ("uint64", within::<u64>),
    ("float32", rounded::<f32>),
    ("float64", rounded::<f64>),
    ("float16", rounded::<half::f16>),
    ("bfloat16", rounded::<half::bf16>),
    ("float8_e4m3fn", rounded::<crate::float::float8::F8E4M3FN>),
    ("float8_e5m2", rounded::<crate::float::float8::F8E5M2>),
];

fn within<T: TryFrom<i128>>(number: Number) -> Option<Number> {
    to_integer(number).filter(|value| T::try_from(*value).is_ok()).map(Number::Integer)
}

fn rounded<T: Element>(number: Number) -> Option<Number> {
    use crate::float::element::Compute;
    T::from_number(number).map(|value| Number::Float(value.widen().to_f64()))
}

/// Collects the numbers of a nested list in C order, and its shape; None if it is ragged.
fn flatten(data: &Data, depth: usize, shape: &mut Vec<usize>, values: &mut Vec<Data>) -> Option<()> {
    let Data::List(list) = data else {
        values.push(data.clone());
        return (shape.len() == depth).then_some(());
    };
    if shape.len() == depth {
        if !values.is_empty() {
            return None;
        }
        shape.push(list.len());
    }
    if shape[depth] != list.len() {
        return None;
    }
    list.iter().try_for_each(|part| flatten(part, depth + 1, shape, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::data::read_json;

    fn read(text: &str) -> Result<Numbers, Error> {
        Numbers::read("value", &read_json(text).unwrap())
    }

    #[test]
    fn arrays_are_read() {
        let show = |text| read(text).unwrap().show();
        assert_eq!(show("[[1, 2, 3], [4, 5, 6]]"), "an array of shape (2, 3) and dtype int64");
        assert_eq!(show("[true, false]"), "an array of shape (2,) and dtype bool");
        assert_eq!(show("[1, 0.5]"), "an array of shape (2,) and dtype float64");
        assert_eq!(show("[]"), "an array of shape (0,) and dtype float64");
        let keras = r#"{"class_name": "__numpy__", "config": {"value": [0.1], "dtype": "float32"}}"#;
        assert_eq!(read(keras).unwrap().floats(), Some(vec![f64::from(0.1f32)]));
        for text in ["[[1], [2, 3]]", "[[1], 2]", "[1, [2]]", "\"a\"", "[\"a\"]", "null"] {
            assert!(read(text).unwrap_err().to_string().contains("a number or an array of numbers"), "{text}");
        }
        for text in [
            r#"{"class_name": "__numpy__", "config": {"value": [300], "dtype": "int8"}}"#,
            r#"{"class_name": "__numpy__", "config": {"value": [[1, 2]], "dtype": "complex64"}}"#,
            r#"{"class_name": "Zeros", "config": {}}"#,
        ] {
            assert!(read(text).unwrap_err().to_string().contains("a serialized array"), "{text}");
        }
    }

    #[test]
    fn integers_are_rounded_once() {
        // Just above the middle of two numbers: rounding to f64 first would hide that.
        let above = (1i128 << 60) + (1 << 36) + 1;
        assert_eq!(f32::from_number(Number::Integer(above)), Some((1u64 << 60) as f32 + (1u64 << 37) as f32));
        assert_eq!(f32::from_number(Number::Integer(-above)), Some(-((1u64 << 60) as f32) - (1u64 << 37) as f32));
        assert_eq!(f64::from_number(Number::Integer(i128::from(u64::MAX))), Some(2f64.powi(64)));
    }
}
