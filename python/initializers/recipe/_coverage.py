"""Checks that every weight has a rule and every rule a weight."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from .._arguments.checks import find_nearest, show_text

NUMBER = re.compile("[0-9]+")

# Limits of names in messages and tables: names can hold time stamps and hashes, and can come from
# an untrusted file. The most digits of a number, runs of numbers, and characters of a name.
_MOST_DIGITS = 18
_MOST_RUNS = 20
_LONGEST_NAME = 200


class Entry(Protocol):
    """A rule of a list. The first rule that matches a name applies to it."""

    @property
    def pattern(self) -> str | None:
        """The pattern of names."""

    @property
    def label(self) -> str:
        """The pattern for messages."""

    @property
    def optional(self) -> bool:
        """Whether the rule may match no weight."""

    def matches(self, name: str) -> bool:
        """Return whether the rule matches a name."""


def find(entries: Sequence[Entry], name: str) -> int | None:
    """Return the position of the first rule that matches a name, or None."""
    for place, entry in enumerate(entries):
        if entry.matches(name):
            return place
    return None


def assign(
    entries: Sequence[Entry],
    names: Collection[str],
    *,
    others: Collection[str] = (),
    partial: bool = False,
    subject: str = "`rules`",
) -> list[int]:
    """Return the position of the rule of each name.

    Args:
        entries: The rules.
        names: The names of the weights.
        others: Names that need no rule, but that a rule may match.
        partial: Whether the weights are part of a model: a rule may then match none of them.
        subject: The rules' name in messages.

    Raises:
        ValueError: If a weight has no rule, or a rule no weight. The message lists all of them.
    """
    found = {name: find(entries, name) for name in (*names, *others)}
    missing = [name for name in names if found[name] is None]
    problems = list(_list_missing(entries, missing, subject))
    if not partial:
        problems += _list_idle(entries, found, subject)
    if problems:
        causes, advice = zip(*problems, strict=True)
        raise ValueError("\n".join(["; ".join(causes), *dict.fromkeys(advice)]))
    return [place for name in names if (place := found[name]) is not None]


def _list_missing(
    entries: Sequence[Entry], missing: list[str], subject: str
) -> Iterator[tuple[str, str]]:
    """Yield the weights without a rule, and the advice."""
    if missing:
        groups: dict[str, list[str]] = {}
        for name in missing:
            groups.setdefault(NUMBER.sub("0", name), []).append(name)
        listed = ", ".join(repr(_shorten(merge_names(group))) for group in groups.values())
        near = _nearest(missing[0], [entry.pattern or "" for entry in entries])
        what = f"{len(missing)} weights{near}: {listed}"
        if len(missing) == 1:
            what = f"the weight {listed}{near}"
        cause = f"no rule of {subject} matches {what}"
        yield cause, 'Add a rule; a last one with the pattern "*" matches all that is left.'


def _list_idle(
    entries: Sequence[Entry], found: dict[str, int | None], subject: str
) -> Iterator[tuple[str, str]]:
    """Yield the rules without a weight, and the advice."""
    busy = set(found.values())
    for place, entry in enumerate(entries):
        if place in busy or entry.optional:
            continue
        rule = f"rule {place + 1} of {subject}, `{show_text(_shorten(entry.label))}`,"
        if any(map(entry.matches, found)):
            cause = f"{rule} matches only weights that earlier rules match"
            advice = "Move it up, or mark it optional."
        else:
            pattern = entry.pattern or ""
            near = _nearest(pattern, found) or _nearest_end(pattern, found)
            cause = f"{rule} matches no weight{near}"
            advice = (
                "Fix its pattern, mark it optional, or pass `partial=True` for a part of a model."
            )
        yield cause, advice


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return `" (nearest: 'x')"`, or nothing."""
    found = find_nearest(name, known)
    return "" if found is None else f" (nearest: {found!r})"


def _nearest_end(pattern: str, names: Collection[str]) -> str:
    """Return the name whose last parts are nearest to those that a pattern has after its `*`."""
    end = pattern.rpartition("*")[2].strip("./")
    parts = len(re.split(r"[./]", end))
    ends = {"".join(re.split(r"([./])", name)[1 - 2 * parts :]): name for name in names}
    found = find_nearest(end, ends)
    return "" if found is None else f" (nearest: {ends[found]!r})"


def merge_names(names: list[str]) -> str:
    """Return `"h.{0-10,12}.bias"` for names that differ only in numbers."""
    numbers = iter([set(column) for column in zip(*map(NUMBER.findall, names), strict=True)])

    def write(match: re.Match[str]) -> str:
        texts = next(numbers)
        if len(texts) == 1:
            return match[0]
        if max(map(len, texts)) > _MOST_DIGITS:
            return "{…}"
        runs = list(islice(_list_runs(sorted(set(map(int, texts)))), _MOST_RUNS + 1))
        return f"{{{','.join([*runs[:_MOST_RUNS], *['…'] * (len(runs) > _MOST_RUNS)])}}}"

    return NUMBER.sub(write, names[0])


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _list_runs(numbers: list[int]) -> Iterator[str]:
    """Yield the runs of consecutive integers, such as `"0-10"` and `"12"`, of a sorted list."""
    first = last = numbers[0]
    for number in [*numbers[1:], -1]:
        if number == last + 1:
            last = number
            continue
        yield f"{first}" if first == last else f"{first}-{last}"
        first = last = number
