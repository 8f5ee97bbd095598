//! Plain values of TOML and JSON, in which no key stands twice.

use crate::error::Error;
use crate::recipe::show::{hint, quote, show, show_float};
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
                let text = format!("the key {} must occur once in an object, received twice", show(quote(&key)));
                return Err(A::Error::custom(text));
            }
            table.push((key, value));
        }
        Ok(Data::Table(table))
    }
}

/// Reads TOML.
pub(crate) fn read_toml(text: &str) -> Result<Data, Error> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = &text[..error.span().map_or(0, |span| span.start).min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        not_a("TOML", &format!("{} (at line {line}, column {column})", error.message().replace('\n', ", ")))
    })
}

/// Reads JSON.
pub(crate) fn read_json(text: &str) -> Result<Data, Error> {
    serde_json::from_str(text).map_err(|error| not_a("JSON", &error.to_string()))
}

fn not_a(language: &str, reason: &str) -> Error {
    Error::Recipe(format!("a recipe must be {language}, received text that is not: {reason}"))
}

/// Returns the lines of the headers `[[rules]]` of a TOML text, counted from 1.
pub(crate) fn find_headers(text: &str) -> Vec<usize> {
    let is_header = |line: &str| {
        let blank = [' ', '\t'];
        let inner = line.trim_matches(blank).strip_prefix("[[")?.trim_start_matches(blank).strip_prefix("rules")?;
        let rest = inner.trim_start_matches(blank).strip_prefix("]]")?.trim_start_matches(blank);
        (rest.is_empty() || rest.starts_with('#')).then_some(())
    };
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    (1..).zip(lines).filter_map(|(number, line)| is_header(line).map(|()| number)).collect()
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
    if !is_long_integer(text) {
        return None;
    }
    let value: i128 = text.parse().ok()?;
    (i64::try_from(value).is_err() && value.to_string() == text).then_some(Data::Integer(value))
}

/// Returns whether a string may stand for an integer beyond 64 bits.
pub(crate) fn is_long_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (19..=40).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Shows a value as Python's `repr`.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("None"),
            Self::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => f.write_str(&show_float(*value)),
            Self::Text(text) => f.write_str(&quote(text)),
            Self::List(list) => {
                let parts: Vec<String> = list.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", parts.join(", "))
            }
            Self::Table(table) => {
                let parts: Vec<String> = table.iter().map(|(key, value)| format!("{}: {value}", quote(key))).collect();
                write!(f, "{{{}}}", parts.join(", "))
            }
        }
    }
}

/// Removes the value of a key.
pub(crate) fn take(table: &mut Table, key: &str) -> Option<Data> {
    let place = table.iter().position(|(known, _)| known == key)?;
    Some(table.remove(place).1)
}

/// Removes the value of a key. Null means that there is none.
pub(crate) fn take_given(table: &mut Table, key: &str) -> Option<Data> {
    take(table, key).filter(|value| *value != Data::Null)
}

/// Removes the comment of a recipe or of a rule.
pub(crate) fn check_comment(table: &mut Table) -> Result<(), Error> {
    let is_control = |sign: char| (sign < ' ' && sign != '\t' && sign != '\n') || sign == '\x7f';
    match take_given(table, "comment") {
        None => Ok(()),
        Some(Data::Text(text)) if !text.contains(is_control) => Ok(()),
        Some(Data::Text(text)) => {
            let wanted = "`comment` must have no control characters but new lines";
            Err(Error::Recipe(format!("{wanted}, received: {}", show(quote(&text)))))
        }
        Some(other) => Err(Error::Recipe(format!("`comment` must be a string, received: {}", show(other)))),
    }
}

/// Refuses keys that are not known.
pub(crate) fn check_keys(subject: &str, table: &Table, known: &[&str]) -> Result<(), Error> {
    match table.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            let (listed, near) = (known.join(", "), hint(key, known.iter().copied()));
            let text = format!("{subject} must have no keys but {listed}, received: {}{near}", show(quote(key)));
            Err(Error::Recipe(text))
        }
    }
}

/// Returns the keys of a table, as Python shows a list.
pub(crate) fn show_keys(table: &Table) -> String {
    show(Data::List(table.iter().map(|(key, _)| Data::Text(key.clone())).collect()))
}
