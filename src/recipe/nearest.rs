//! The known name nearest to a wrong one: Python's `difflib.get_close_matches`, so that both languages suggest the same.

/// Longer texts are cut in messages, and not compared.
pub(crate) const LONGEST_TEXT: usize = 100;

/// Names that are compared at most: comparing takes time in proportion to the product of the lengths.
const MOST_COMPARED: usize = 250;

/// Names that have less in common are not near.
const CUTOFF: f64 = 0.6;

/// Returns the known name nearest to a name, or None if none is near.
pub(crate) fn find_nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() > LONGEST_TEXT {
        return None;
    }
    let known = known.into_iter().take(MOST_COMPARED).filter(|other| other.chars().count() <= LONGEST_TEXT);
    let known: Vec<&str> = known.collect();
    let find = |fold: fn(&str) -> String| {
        let name: Vec<char> = fold(name).chars().collect();
        let mut best: Option<(f64, String, &str)> = None;
        for &other in &known {
            let folded = fold(other);
            let likeness = likeness(&folded.chars().collect::<Vec<_>>(), &name);
            // Ties as in difflib: the last in the alphabet, and the last listed of names that fold to one.
            let is_nearer = best.as_ref().is_none_or(|(most, text, _)| (*most, text) <= (likeness, &folded));
            if likeness >= CUTOFF && is_nearer {
                best = Some((likeness, folded, other));
            }
        }
        best.map(|(_, _, other)| other)
    };
    find(str::to_owned).or_else(|| find(str::to_lowercase))
}

/// Returns twice the number of characters in matching runs, divided by the number of all.
fn likeness(left: &[char], right: &[char]) -> f64 {
    if left.is_empty() && right.is_empty() {
        return 1.0;
    }
    2.0 * count_matches(left, right) as f64 / (left.len() + right.len()) as f64
}

/// Counts the characters of the longest common run, and of those before and after it on both sides.
fn count_matches(left: &[char], right: &[char]) -> usize {
    let (mut start, mut other, mut longest) = (0, 0, 0);
    // lengths[j]: the length of the run that ends at the last letter of the left and at letter j − 1 of the right.
    let mut lengths = vec![0; right.len() + 1];
    for (i, letter) in left.iter().enumerate() {
        let mut next = vec![0; right.len() + 1];
        for (j, wanted) in right.iter().enumerate() {
            if letter == wanted {
                next[j + 1] = lengths[j] + 1;
                if next[j + 1] > longest {
                    longest = next[j + 1];
                    (start, other) = (i + 1 - longest, j + 1 - longest);
                }
            }
        }
        lengths = next;
    }
    if longest == 0 {
        return 0;
    }
    longest
        + count_matches(&left[..start], &right[..other])
        + count_matches(&left[start + longest..], &right[other + longest..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of `difflib`.
    #[test]
    fn suggestions_are_those_of_python() {
        let known = ["HeNormal", "he_normal", "HeUniform", "he_uniform", "Zeros", "zeros", "zero", "lecun_normal"];
        for (name, near) in [
            ("he_norm", Some("he_normal")),
            ("HENORMAL", Some("HeNormal")),
            ("zeroes", Some("zeros")),
            ("zer", Some("zero")),
            ("xzyx", None),
            ("", None),
        ] {
            assert_eq!(find_nearest(name, known), near, "{name}");
        }
        let long = "a".repeat(101);
        assert_eq!(find_nearest(&long, [long.as_str()]), None);
        let likeness = |left: &str, right: &str| {
            super::likeness(&left.chars().collect::<Vec<_>>(), &right.chars().collect::<Vec<_>>())
        };
        assert_eq!(likeness("abcd", "bcde"), 0.75);
        assert_eq!(likeness("tide", "diet"), 0.25);
        assert_eq!(likeness("diet", "tide"), 0.5);
    }
}
