//! Regular expressions of recipes: matched in time linear in the name's length, whoever wrote them.
//!
//! The engine is the crate `regex`. Its syntax is Python's but for a few constructs, and a few texts are valid in both
//! with two meanings: [`check`] refuses those, so that no expression silently changes what it matches.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{
    AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Flag, Flags, FlagsItemKind, GroupKind, Visitor, parse::Parser,
    visit,
};

/// Characters of an expression: each can be a class with hundreds of ranges.
const MAX_CHARACTERS: usize = 10_000;

/// Bytes of a compiled expression: matching can visit every state for every byte of a name (at most some 40 µs a byte).
const MAX_BYTES: usize = 1 << 18;

/// A regular expression for whole names.
#[pyclass(module = "initializers._core", frozen)]
pub(crate) struct Pattern {
    text: String,
    regex: Regex,
}

#[pymethods]
impl Pattern {
    #[new]
    fn new(text: String) -> PyResult<Self> {
        let regex = compile(&text).map_err(PyValueError::new_err)?;
        Ok(Self { text, regex })
    }

    /// Whether the expression matches the whole name.
    fn fullmatch(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// For pickle and copy.
    fn __getnewargs__(&self) -> (&str,) {
        (&self.text,)
    }
}

/// The expression for whole names, or why there is none.
fn compile(text: &str) -> Result<Regex, String> {
    let length = text.chars().count();
    if length > MAX_CHARACTERS {
        return Err(format!("{length} characters, at most {MAX_CHARACTERS} are allowed"));
    }
    let at = |what: String, offset: usize| format!("{what} at position {}", text[..offset].chars().count());
    // Checked alone first: `a)|(b` would be valid between the parentheses below.
    let ast = Parser::new().parse(text).map_err(|error| at(error.kind().to_string(), error.span().start.offset))?;
    visit(&ast, Check).map_err(|(what, offset)| at(what.to_string(), offset))?;
    RegexBuilder::new(&format!(r"\A(?:{text})\z")).size_limit(MAX_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("it needs more than {limit} bytes when compiled"),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

/// Refuses the constructs that Python's `re` reads in another way.
struct Check;

/// What is refused, and the byte where it begins.
type Refusal = (&'static str, usize);

impl Check {
    fn flags(flags: &Flags) -> Result<(), Refusal> {
        let known = |item: &FlagsItemKind| {
            matches!(item, FlagsItemKind::Negation | FlagsItemKind::Flag(Flag::MultiLine | Flag::DotMatchesNewLine))
        };
        match flags.items.iter().find(|item| !known(&item.kind)) {
            None => Ok(()),
            Some(item) => Err(("a flag other than m and s", item.span.start.offset)),
        }
    }
}

impl Visitor for Check {
    type Output = ();
    type Err = Refusal;

    fn finish(self) -> Result<(), Refusal> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Refusal> {
        let start = ast.span().start.offset;
        match ast {
            Ast::Flags(set) if start > 0 => Err(("flags that are not at the start", set.span.start.offset)),
            Ast::Flags(set) => Self::flags(&set.flags),
            Ast::Group(group) => match &group.kind {
                GroupKind::NonCapturing(flags) => Self::flags(flags),
                _ => Ok(()),
            },
            // Python: possessive, or an error.
            Ast::Repetition(outer) if matches!(*outer.ast, Ast::Repetition(_)) => {
                Err(("a repetition of a repetition", outer.op.span.start.offset))
            }
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText
                | AssertionKind::WordBoundary
                | AssertionKind::NotWordBoundary => Ok(()),
                _ => Err(("a boundary other than ^, $, \\A, \\z, \\b and \\B", start)),
            },
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Refusal> {
        match item {
            ClassSetItem::Bracketed(_) | ClassSetItem::Ascii(_) => {
                Err((r"a set in a set (a bracket in a set is \[)", item.span().start.offset))
            }
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, operation: &ClassSetBinaryOp) -> Result<(), Refusal> {
        Err(("an operation between sets", operation.span.start.offset))
    }
}
