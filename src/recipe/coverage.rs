//! Checks that every weight has a rule and every rule a weight.

use crate::error::Error;
use crate::recipe::nearest::find_nearest;
use crate::recipe::rule::Rule;
use crate::recipe::show::quote;
use std::collections::HashSet;

/// Limits of names in messages, which can come from an untrusted file: digits of a number, runs of numbers, characters.
const MOST_DIGITS: usize = 18;
const MOST_RUNS: usize = 20;
const LONGEST_NAME: usize = 200;

/// Returns the place of the rule of each name; an error that lists all weights without a rule and all rules without one.
pub(crate) fn assign(rules: &[Rule], names: &[&str]) -> Result<Vec<usize>, Error> {
    let mut seen = HashSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(**name)) {
        return Err(Error::Recipe(format!("a name must stand once, received twice: {}", quote(name))));
    }
    let find = |name: &&str| rules.iter().position(|rule| rule.matches(name));
    let places: Vec<Option<usize>> = names.iter().map(find).collect();
    let missing: Vec<&str> =
        names.iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
    let mut problems = Vec::new();
    if !missing.is_empty() {
        let advice = "Add a rule; a last one with the pattern \"*\" matches all that is left.";
        problems.push((describe_missing(rules, &missing), advice));
    }
    let taken: HashSet<usize> = places.iter().copied().flatten().collect();
    for (place, rule) in rules.iter().enumerate().filter(|(place, rule)| !rule.optional && !taken.contains(place)) {
        let text = format!("rule {} of the recipe, `{}`,", place + 1, unquoted(&shorten(&rule.label())));
        if names.iter().any(|name| rule.matches(name)) {
            let cause = format!("{text} matches only weights that earlier rules match");
            problems.push((cause, "Move it up, or mark it optional."));
        } else {
            let near = nearest(rule.pattern(), names).or_else(|| nearest_end(rule.pattern(), names));
            let cause = format!("{text} matches no weight{}", near.unwrap_or_default());
            problems.push((cause, "Fix its pattern, or mark it optional; `Recipe::weight` is for a part of a model."));
        }
    }
    if !problems.is_empty() {
        let (causes, mut advice): (Vec<String>, Vec<&str>) = problems.into_iter().unzip();
        let mut seen = HashSet::new();
        advice.retain(|line| seen.insert(*line));
        return Err(Error::Recipe(format!("{}\n{}", causes.join("; "), advice.join("\n"))));
    }
    check_stacks(rules, names, &places)?;
    Ok(places.into_iter().flatten().collect())
}

/// Refuses a rule that gives the tensors of two stacks the same names.
fn check_stacks(rules: &[Rule], names: &[&str], places: &[Option<usize>]) -> Result<(), Error> {
    for (place, rule) in rules.iter().enumerate() {
        let Some(name) = rule.name_of_one_stack() else { continue };
        let found: Vec<String> =
            names.iter().zip(places).filter(|(_, own)| **own == Some(place)).map(|(name, _)| quote(name)).collect();
        if found.len() > 1 {
            let text = format!("a rule with `stack` and `name`={} must match one weight", quote(name));
            return Err(Error::Recipe(format!("{text}, received: {}", found.join(", "))));
        }
    }
    Ok(())
}

/// Returns that weights have no rule; names that differ only in numbers stand together.
pub(crate) fn describe_missing(rules: &[Rule], missing: &[&str]) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for name in missing {
        let key = split_numbers(name).0.join("0");
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(name),
            None => groups.push((key, vec![name])),
        }
    }
    let listed: Vec<String> = groups.iter().map(|(_, group)| quote(&shorten(&merge_names(group)))).collect();
    let patterns: Vec<&str> = rules.iter().map(Rule::pattern).collect();
    let (listed, near) = (listed.join(", "), nearest(missing[0], &patterns).unwrap_or_default());
    match missing.len() {
        1 => format!("no rule of the recipe matches the weight {listed}{near}"),
        count => format!("no rule of the recipe matches {count} weights{near}: {listed}"),
    }
}

fn nearest(name: &str, known: &[&str]) -> Option<String> {
    find_nearest(name, known.iter().copied()).map(|near| format!(" (nearest: {})", quote(near)))
}

/// Returns the name whose last parts are nearest to those that a pattern has after its `*`.
fn nearest_end(pattern: &str, names: &[&str]) -> Option<String> {
    let signs = ['.', '/'];
    let end = pattern.rsplit('*').next().unwrap_or_default().trim_matches(signs);
    let parts = end.split(signs).count();
    let ends: Vec<&str> = names
        .iter()
        .map(|name| {
            let start = name.rmatch_indices(signs).nth(parts - 1).map_or(0, |(place, _)| place + 1);
            &name[start..]
        })
        .collect();
    let found = find_nearest(end, ends.iter().copied())?;
    let place = ends.iter().rposition(|end| *end == found)?;
    Some(format!(" (nearest: {})", quote(names[place])))
}

/// Returns the texts between the numbers of a name, and its numbers.
fn split_numbers(name: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut texts, mut numbers, mut rest) = (Vec::new(), Vec::new(), name);
    while let Some(start) = rest.find(|sign: char| sign.is_ascii_digit()) {
        let length = rest[start..].find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len() - start);
        texts.push(&rest[..start]);
        numbers.push(&rest[start..start + length]);
        rest = &rest[start + length..];
    }
    texts.push(rest);
    (texts, numbers)
}

/// Returns `"h.{0-10,12}.bias"` for names that differ only in numbers.
fn merge_names(names: &[&str]) -> String {
    let (texts, _) = split_numbers(names[0]);
    let columns: Vec<Vec<&str>> = names.iter().map(|name| split_numbers(name).1).collect();
    let mut merged = String::from(texts[0]);
    for (place, text) in texts[1..].iter().enumerate() {
        let numbers: HashSet<&str> = columns.iter().map(|numbers| numbers[place]).collect();
        merged += &match (numbers.len(), numbers.iter().map(|number| number.len()).max()) {
            (1, _) => columns[0][place].to_owned(),
            (_, Some(digits)) if digits > MOST_DIGITS => "{…}".to_owned(),
            _ => list_runs(&numbers),
        };
        merged += text;
    }
    merged
}

/// Returns runs of consecutive numbers, such as `"{0-10,12}"`.
fn list_runs(numbers: &HashSet<&str>) -> String {
    let mut numbers: Vec<u64> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let show = |(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let mut shown: Vec<String> = runs.iter().take(MOST_RUNS).map(show).collect();
    if runs.len() > MOST_RUNS {
        shown.push("…".into());
    }
    format!("{{{}}}", shown.join(","))
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST_NAME {
        return text.to_owned();
    }
    text.chars().take(LONGEST_NAME - 1).collect::<String>() + "…"
}

/// Returns text as quotes would escape it, without them.
fn unquoted(text: &str) -> String {
    let quoted = quote(text);
    quoted[1..quoted.len() - 1].to_owned()
}
