//! Values in messages, as Python shows them: the messages of both languages are compared word for word.

use crate::recipe::nearest::{LONGEST_TEXT, find_nearest};
use std::fmt::Display;

/// Longer lists of names come last in a message, after the suggestion.
const MOST_LISTED: usize = 8;

/// Returns a value on one short line.
pub(crate) fn show(value: impl Display) -> String {
    let text = value.to_string().split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LONGEST_TEXT {
        return text;
    }
    text.chars().take(LONGEST_TEXT - 3).collect::<String>() + "..."
}

/// Returns text in quotes, as Python's `repr`.
pub(crate) fn quote(text: &str) -> String {
    let sign = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(sign);
    for letter in text.chars() {
        match letter {
            '\\' => quoted += r"\\",
            '\n' => quoted += r"\n",
            '\r' => quoted += r"\r",
            '\t' => quoted += r"\t",
            _ if letter == sign => quoted.extend(['\\', letter]),
            _ if is_printable(letter) => quoted.push(letter),
            _ => quoted.push_str(&escape(letter as u32)),
        }
    }
    quoted.push(sign);
    quoted
}

fn escape(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

/// Returns whether a character is shown as it is. Rust escapes combining characters at the start of a text alone.
fn is_printable(letter: char) -> bool {
    letter == '"' || letter == '\'' || ['a', letter].iter().collect::<String>().escape_debug().count() == 2
}

/// Returns a float as Python's `repr`: the shortest digits that mean it.
pub(crate) fn show_float(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string().to_lowercase();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("an exponent");
    let exponent: i32 = exponent.parse().expect("an integer");
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let text = value.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

/// Returns a shape as a Python tuple.
pub(crate) fn show_shape<T: Display>(shape: &[T]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    if sizes.len() == 1 { format!("({},)", sizes[0]) } else { format!("({})", sizes.join(", ")) }
}

/// Returns `" (did you mean 'x'?)"` for the known name nearest to a name, or nothing.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    find_nearest(name, known).map_or_else(String::new, |near| format!(" (did you mean {}?)", quote(near)))
}

/// Returns the end of a message about an unknown name: of many names, the list comes last.
pub(crate) fn list_known(received: &str, name: &str, known: &[&str]) -> String {
    let near = hint(name, known.iter().copied());
    let listed = known.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    if known.len() <= MOST_LISTED {
        return format!("must be one of {listed}, received: {received}{near}");
    }
    format!("must be one of those listed, received: {received}{near}; known: {listed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_in_python() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (-1.5e300, "-1.5e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(show_float(value), text);
        }
        assert_eq!(quote("it's"), r#""it's""#);
        assert_eq!(quote(r#"it's "so""#), r#"'it\'s "so"'"#);
        assert_eq!(quote("ß\u{301}\t\u{7f}\u{a0}\u{200b}\u{e0001}"), "'ß\u{301}\\t\\x7f\\xa0\\u200b\\U000e0001'");
        assert_eq!(show("x".repeat(101)), "x".repeat(97) + "...");
        assert_eq!((show_shape::<u64>(&[]), show_shape(&[2]), show_shape(&[2, 3])), {
            ("()".to_string(), "(2,)".to_string(), "(2, 3)".to_string())
        });
    }
}
