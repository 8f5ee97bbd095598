//! Regular expressions of recipes. Matching takes time linear in the length of the name, also for untrusted expressions.
//!
//! The crate `regex` matches them. Its syntax is Python's, except for a few constructs. Some expressions are valid in both
//! but match different names: [`Check`] refuses them, so that no expression silently matches something else.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{
    AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Flag, Flags, FlagsItemKind, GroupKind, Visitor, parse::Parser,
    visit,
};

/// Maximum length of an expression in characters: each can be a class with hundreds of ranges.
const MAX_CHARACTERS: usize = 10_000;

/// Maximum size of a compiled expression in bytes. Matching can visit every state for every byte of a name: at most about
/// 40 µs a byte.
const MAX_BYTES: usize = 1 << 18;

/// Compiles an expression so that it matches whole names; an error says why it cannot be compiled.
pub(crate) fn compile(text: &str) -> Result<Regex, String> {
    let length = text.chars().count();
    if length > MAX_CHARACTERS {
        return Err(format!("{length} characters, at most {MAX_CHARACTERS} are allowed"));
    }
    let at = |what: String, offset: usize| format!("{what} at position {}", text[..offset].chars().count());
    // Parsed alone first: `a)|(b` would be valid between the parentheses below.
    let ast = Parser::new().parse(text).map_err(|error| at(error.kind().to_string(), error.span().start.offset))?;
    visit(&ast, Check).map_err(|(what, offset)| at(what.to_string(), offset))?;
    RegexBuilder::new(&format!(r"\A(?:{text})\z")).size_limit(MAX_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("it needs more than {limit} bytes when compiled"),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

/// Refuses constructs that Python's `re` interprets differently.
struct Check;

/// The refused construct, and the byte where it begins.
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
