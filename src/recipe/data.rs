//! Plain values of TOML and JSON, in which no key stands twice.

use crate::error::Error;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Data>),
    Table(Table),
}

/// Keys and values, in the order of the file.
pub(crate) type Table = Vec<(String, Data)>;

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadData)
    }
}

struct ReadData;

impl<'de> Visitor<'de> for ReadData {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
        Ok(Data::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
        Ok(Data::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = access.next_element()? {
            list.push(value);
        }
        Ok(Data::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut table = Table::new();
        while let Some((key, value)) = access.next_entry::<String, Data>()? {
            if table.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format_args!("the key '{key}' stands twice")));
            }
            table.push((key, value));
        }
        Ok(Data::Table(table))
    }
}

/// Reads TOML.
pub(crate) fn read_toml(text: &str) -> Result<Data, Error> {
    toml::from_str(text).map_err(|error| not_a("TOML", &error))
}

/// Reads JSON.
pub(crate) fn read_json(text: &str) -> Result<Data, Error> {
    serde_json::from_str(text).map_err(|error| not_a("JSON", &error))
}

fn not_a(language: &str, error: &dyn fmt::Display) -> Error {
    let reason = error.to_string();
    Error::Recipe(format!("a recipe must be {language}, received text that is not: {}", reason.trim_end()))
}

impl Data {
    /// Returns the value with numbers in place of the strings that stand for those beyond 64 bits, infinities and NaN.
    pub(crate) fn with_numbers(self) -> Self {
        match self {
            Self::Text(text) => number(&text).unwrap_or(Self::Text(text)),
            Self::List(list) => Self::List(list.into_iter().map(Self::with_numbers).collect()),
            Self::Table(table) => Self::Table(table.into_iter().map(|(key, x)| (key, x.with_numbers())).collect()),
            other => other,
        }
    }
}

/// Returns the number that a string stands for.
fn number(text: &str) -> Option<Data> {
    match text {
        "inf" => return Some(Data::Float(f64::INFINITY)),
        "-inf" => return Some(Data::Float(f64::NEG_INFINITY)),
        "nan" => return Some(Data::Float(f64::NAN)),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !(19..=40).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: i128 = text.parse().ok()?;
    (i64::try_from(value).is_err() && value.to_string() == text).then_some(Data::Integer(value))
}

/// As a message shows a value: like Python.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("None"),
            Self::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::List(list) => {
                let parts: Vec<String> = list.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", parts.join(", "))
            }
            Self::Table(table) => {
                let parts: Vec<String> = table.iter().map(|(key, value)| format!("'{key}': {value}")).collect();
                write!(f, "{{{}}}", parts.join(", "))
            }
        }
    }
}

/// Removes the value of a key. Null means that there is none.
pub(crate) fn take(table: &mut Table, key: &str) -> Option<Data> {
    let place = table.iter().position(|(known, _)| known == key)?;
    Some(table.remove(place).1).filter(|value| *value != Data::Null)
}

/// Removes a text; an error if it is something else.
pub(crate) fn take_text(table: &mut Table, key: &str) -> Result<Option<String>, Error> {
    match take(table, key) {
        None => Ok(None),
        Some(Data::Text(text)) => Ok(Some(text)),
        Some(other) => Err(Error::Recipe(format!("`{key}` must be a string, received: {other}"))),
    }
}

/// Refuses keys that are not known.
pub(crate) fn check_keys(subject: &str, table: &Table, known: &[&str]) -> Result<(), Error> {
    match table.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            Err(Error::Recipe(format!("{subject} must have no keys but {}, received: '{key}'", known.join(", "))))
        }
    }
}
