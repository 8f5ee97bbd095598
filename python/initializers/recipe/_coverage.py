"""Whether rules and weights fit each other: a rule for every weight, a weight for every rule."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Protocol

from .._arguments.checks import hint

NUMBER = re.compile("[0-9]+")

# Limits of names in messages and tables: names hold time stamps and hashes, and can come from an
# untrusted file. Digits of the longest number that is read, runs of numbers, characters of a name.
_MOST_DIGITS = 18
_MOST_RUNS = 20
_LONGEST_NAME = 200


class Entry(Protocol):
    """A rule of a list of rules, the first of which that matches a name counts."""

    @property
    def pattern(self) -> str | None:
        """The pattern of names."""

    @property
    def label(self) -> str:
        """The pattern as messages show it."""

    @property
    def optional(self) -> bool:
        """Whether the rule may match no weight."""

    def matches(self, name: str) -> bool:
        """Return whether the rule matches a name."""


def find(entries: Sequence[Entry], name: str) -> int | None:
    """Return the place of the first rule that matches a name, or None."""
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
    """Return for every name the place of its rule.

    Args:
        entries: The rules.
        names: The names of the weights.
        others: Names that need no rule, but are what a rule may be for.
        partial: Whether the weights are a part of a model: a rule may then match none of them.
        subject: What the message calls the rules.

    Raises:
        ValueError: If a weight has no rule, or a rule no weight. The message lists all of them.
    """
    found = {name: find(entries, name) for name in (*names, *others)}
    missing = [name for name in names if found[name] is None]
    problems = list(_list_missing(entries, missing))
    if not partial:
        problems += _list_idle(entries, found)
    if problems:
        raise ValueError(
            f"{subject} must have a rule for every weight and a weight for every rule, received "
            + "; ".join(problems)
        )
    return [place for name in names if (place := found[name]) is not None]


def _list_missing(entries: Sequence[Entry], missing: list[str]) -> Iterator[str]:
    if missing:
        groups: dict[str, list[str]] = {}
        for name in missing:
            groups.setdefault(NUMBER.sub("0", name), []).append(name)
        listed = ", ".join(repr(_shorten(merge_names(group))) for group in groups.values())
        near = hint(missing[0], [entry.pattern or "" for entry in entries])
        count = f"{len(missing)} weights" if len(missing) > 1 else "a weight"
        yield f"{count} without a rule: {listed}{near}"


def _list_idle(entries: Sequence[Entry], found: dict[str, int | None]) -> Iterator[str]:
    busy = set(found.values())
    for place, entry in enumerate(entries):
        if place in busy or entry.optional:
            continue
        if any(map(entry.matches, found)):
            why = ", as earlier rules already match every weight that it matches"
        else:
            pattern = entry.pattern or ""
            why = hint(pattern, found) or _hint_end(pattern, found)
        yield (
            f"rule {place + 1} without a weight: {_shorten(entry.label)}{why} "
            "(`optional` lets a rule match none, `partial=True` is for a part of a model)"
        )


def _hint_end(pattern: str, names: Collection[str]) -> str:
    """Return a hint by the last parts of names, as many as a pattern has after its `*`."""
    end = pattern.rpartition("*")[2].strip("./")
    parts = len(re.split(r"[./]", end))
    return hint(end, {"".join(re.split(r"([./])", name)[1 - 2 * parts :]) for name in names})


def merge_names(names: list[str]) -> str:
    """Return `"h.{0-10,12}.bias"` for names that differ in numbers only."""
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
    """Yield the runs of consecutive integers, `"0-10"` and `"12"`, of sorted ones."""
    first = last = numbers[0]
    for number in [*numbers[1:], -1]:
        if number == last + 1:
            last = number
            continue
        yield f"{first}" if first == last else f"{first}-{last}"
        first = last = number
