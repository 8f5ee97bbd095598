//! Globs, with the meaning of Python's `fnmatch`: `*` is any text, `?` any character, `[abc]` one of some, `[!abc]` another.

/// A glob for whole names.
#[derive(Clone, Debug)]
pub(crate) struct Glob(Vec<Token>);

#[derive(Clone, Debug)]
enum Token {
    Star,
    /// One of these ranges, or none of them.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    pub(crate) fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let (mut tokens, mut at) = (Vec::new(), 0);
        while at < text.len() {
            let sign = text[at];
            at += 1;
            match sign {
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Class { negated: true, ranges: Vec::new() }),
                '[' => {
                    // A bracket right after the first one, or after `!`, is part of the class.
                    let first = at + usize::from(text.get(at) == Some(&'!'));
                    let end = (first + 1..text.len()).find(|&end| text[end] == ']');
                    let Some(end) = end else {
                        tokens.push(literal('['));
                        continue;
                    };
                    tokens.push(class(&text[at..end]));
                    at = end + 1;
                }
                _ => tokens.push(literal(sign)),
            }
        }
        Self(tokens)
    }

    /// Returns whether the glob matches a whole name; takes time proportional to the product of their lengths at most.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut token, mut at) = (0, 0);
        // Where to go on if the rest does not match: after the last star, which then takes one character more.
        let mut retry = None;
        loop {
            match self.0.get(token) {
                Some(Token::Star) => {
                    retry = Some((token + 1, at));
                    token += 1;
                }
                Some(Token::Class { negated, ranges })
                    if name.get(at).is_some_and(|sign| {
                        ranges.iter().any(|(low, high)| (low..=high).contains(&sign)) != *negated
                    }) =>
                {
                    token += 1;
                    at += 1;
                }
                None if at == name.len() => return true,
                _ => {
                    let Some((after, from)) = retry.filter(|&(_, from)| from < name.len()) else { return false };
                    retry = Some((after, from + 1));
                    (token, at) = (after, from + 1);
                }
            }
        }
    }
}

fn literal(sign: char) -> Token {
    Token::Class { negated: false, ranges: vec![(sign, sign)] }
}

/// Reads the text between the brackets of a class.
fn class(text: &[char]) -> Token {
    let negated = text.first() == Some(&'!');
    let text = &text[usize::from(negated)..];
    let (mut ranges, mut at) = (Vec::new(), 0);
    while at < text.len() {
        // A hyphen between two characters makes a range; one whose end is below its start is empty.
        if let [low, '-', high] = text[at..text.len().min(at + 3)] {
            if low <= high {
                ranges.push((low, high));
            }
            at += 3;
        } else {
            ranges.push((text[at], text[at]));
            at += 1;
        }
    }
    Token::Class { negated, ranges }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's `fnmatch.fnmatchcase` on the same names and patterns.
    #[test]
    fn globs_are_those_of_python() {
        let cases = [
            ("", &[""][..]),
            ("*", &NAMES[..]),
            ("?", &["a", "b", "-", "]", "[", "!", "^", "\\"][..]),
            ("*.bias", &["h.0.bias", "h.10.attn.bias", "a.b.c.bias"][..]),
            ("h.?.bias", &["h.0.bias"][..]),
            ("h.*.bias", &["h.0.bias", "h.10.attn.bias"][..]),
            ("*.*.bias", &["h.0.bias", "h.10.attn.bias", "a.b.c.bias"][..]),
            ("[ab]", &["a", "b"][..]),
            ("[!ab]", &["-", "]", "[", "!", "^", "\\"][..]),
            ("[a-c]", &["a", "b"][..]),
            ("[c-a]", &[][..]),
            ("[!c-a]", &["a", "b", "-", "]", "[", "!", "^", "\\"][..]),
            ("[]]", &["]"][..]),
            ("[!]]", &["a", "b", "-", "[", "!", "^", "\\"][..]),
            ("[]a-]", &["a", "-", "]"][..]),
            ("[-a]", &["a", "-"][..]),
            ("[a-]", &["a", "-"][..]),
            ("[", &["["][..]),
            ("[a", &[][..]),
            ("[]", &[][..]),
            ("[!]", &[][..]),
            ("[!", &[][..]),
            ("[^a]", &["a", "^"][..]),
            ("[\\]", &["\\"][..]),
            ("a[-]b", &["a-b"][..]),
            ("a[]]b", &["a]b"][..]),
            ("[[]a]", &["[a]"][..]),
            ("[[a]", &["a", "["][..]),
            ("*[0-9]*", &["h.0.bias", "h.10.attn.bias", "h.10.attn.c_proj.weight", "layer_3/kernel"][..]),
            ("h.[0-9]*.c_proj.*", &["h.10.attn.c_proj.weight"][..]),
            ("gr??e", &["größe"][..]),
            ("x?y", &["x\ny"][..]),
            (
                "**a**",
                &[
                    "a",
                    "ab",
                    "a-b",
                    "a]b",
                    "[a]",
                    "h.0.bias",
                    "h.10.attn.bias",
                    "h.10.attn.c_proj.weight",
                    "layer_3/kernel",
                    "aXbXc",
                    "a.b.c.bias",
                ][..],
            ),
            ("a*b*c", &["aXbXc"][..]),
            ("a*", &["a", "ab", "a-b", "a]b", "aXbXc", "a.b.c.bias"][..]),
            ("*c", &["aXbXc"][..]),
            ("[a-c-e]", &["a", "b", "-"][..]),
            ("*/kernel", &["layer_3/kernel"][..]),
            ("[!-a]", &["b", "]", "[", "!", "^", "\\"][..]),
            ("[--a]", &["a", "-", "]", "[", "^", "\\"][..]),
            ("[a-b-]", &["a", "b", "-"][..]),
        ];
        for (pattern, matching) in cases {
            let found: Vec<&str> = NAMES.into_iter().filter(|name| Glob::new(pattern).matches(name)).collect();
            assert_eq!(found, matching, "{pattern}");
        }
    }

    const NAMES: [&str; 22] = [
        "",
        "a",
        "b",
        "-",
        "]",
        "[",
        "!",
        "^",
        "\\",
        "ab",
        "a-b",
        "a]b",
        "[a]",
        "h.0.bias",
        "h.10.attn.bias",
        "h.10.attn.c_proj.weight",
        "wte.weight",
        "größe",
        "x\ny",
        "layer_3/kernel",
        "aXbXc",
        "a.b.c.bias",
    ];
}
