"""Few globs for many names: an ordered list of which the first that matches counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from fnmatch import translate
from itertools import combinations
from typing import NamedTuple

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
# Endings of so many different names are compared with each other.
_MOST_COMPARED = 80
# Letters of a word's end that stand for the word, such as `norm` for `layernorm`.
_SHORTEST_END = 4
# So many groups are tried as the last.
_MOST_TRIED = 4


class _Class(NamedTuple):
    """Names that differ in numbers only and belong together, or one name."""

    names: list[str]
    group: Hashable

    @property
    def name(self) -> str:
        """The first of the names."""
        return self.names[0]


def describe(
    groups: Mapping[str, Hashable | None], sizes: Mapping[str, int]
) -> list[tuple[str, Hashable]]:
    """Return globs with groups: the first glob that matches a name has the name's group.

    Parts of names are separated by dots.

    Args:
        groups: The group of each name; None for a name that no glob may match.
        sizes: The number of elements of each name. Of lists that are equally short, the one is
            returned that ends with the group of the most elements.
    """
    classes = _classify(groups)
    masks = _match_all(classes)
    members: dict[Hashable | None, int] = {}
    totals: Counter[Hashable] = Counter()
    for place, each in enumerate(classes):
        members[each.group] = members.get(each.group, 0) | 1 << place
        if each.group is not None:
            totals[each.group] += sum(sizes[name] for name in each.names)
    members.pop(None, None)
    most = sorted(members, key=lambda group: (-totals[group], -members[group].bit_count()))
    # A plain `*` can stand for the last group.
    lists = [_cover(classes, masks, members, last) for last in most[:_MOST_TRIED]]
    return min(lists, key=len, default=[])


def _cover(
    classes: list[_Class],
    masks: dict[str, int],
    members: dict[Hashable | None, int],
    last: Hashable,
) -> list[tuple[str, Hashable]]:
    """Return patterns for all groups, those of one at the end if possible."""
    rules: list[tuple[str, Hashable]] = []
    left, before = (1 << len(classes)) - 1, 0
    while left != before:  # patterns of other groups may need those of the last before them
        before = left
        for wanted in ([group for group in members if group != last], [last]):
            while (best := _choose(masks, members, wanted, left)) is not None:
                rules.append(best)
                left &= ~masks[best[0]]
    # No pattern tells these from other names: whole names, before everything else.
    rest = [
        (_escape(name), each.group)
        for place, each in enumerate(classes)
        if left >> place & 1 and each.group is not None
        for name in each.names
    ]
    return rest + rules


def _choose(
    masks: dict[str, int], members: dict[Hashable | None, int], wanted: list[Hashable], left: int
) -> tuple[str, Hashable] | None:
    """Return the pattern that matches the most names, all of one wanted group."""
    best: tuple[tuple[int, bool, int, str], str, Hashable] | None = None
    for group in wanted:
        own = members.get(group, 0)
        for pattern, mask in masks.items():
            hit = mask & left
            if not hit or hit & ~own:
                continue
            # Patterns that match other groups' names too depend on the rules before them.
            rank = (-hit.bit_count(), pattern != "*" and mask & ~own != 0, _cost(pattern), pattern)
            if best is None or rank < best[0]:
                best = (rank, pattern, group)
    return None if best is None else best[1:]


def _cost(pattern: str) -> int:
    """Prefer short patterns, and ends to beginnings and middles."""
    start = 0 if pattern.startswith(("*.", "*_")) else 2 if pattern.startswith("*") else 3
    return len(pattern) + 4 * (pattern.count("*") - 1) + start


def _classify(groups: Mapping[str, Hashable | None]) -> list[_Class]:
    alike: dict[str, list[str]] = {}
    for name in groups:
        alike.setdefault(_NUMBER.sub("0", name), []).append(name)
    classes = []
    for names in alike.values():
        own = {groups[name] for name in names}
        if len(own) == 1:
            classes.append(_Class(names, own.pop()))
        else:
            classes += [_Class([name], groups[name]) for name in names]
    return classes


def _match_all(classes: list[_Class]) -> dict[str, int]:
    """Return every pattern worth a try, with the classes that it matches as bits."""
    alike = Counter(_NUMBER.sub("0", each.name) for each in classes)
    candidates: dict[str, None] = {"*": None}
    for each in classes:
        # A name whose like have other laws is told apart by its numbers.
        is_single = alike[_NUMBER.sub("0", each.name)] > 1
        candidates.update(dict.fromkeys(_list_candidates(each.name, is_single)))
    by_group: dict[Hashable, list[str]] = {}
    for each in classes:
        by_group.setdefault(each.group, []).append(each.name)
    for group, names in by_group.items():
        if group is not None:
            candidates.update(dict.fromkeys(_list_common_ends(names)))
    masks = {}
    for pattern in candidates:
        mask = _match(pattern, classes)
        if mask is not None:
            masks[pattern] = mask
    return masks


def _match(pattern: str, classes: list[_Class]) -> int | None:
    """Return the classes that a pattern matches as bits; None if it cuts one in two."""
    matches = re.compile(translate(pattern)).match
    has_number = re.search(r"\d", pattern) is not None
    mask = 0
    for place, each in enumerate(classes):
        names = each.names if has_number else each.names[:1]
        hits = sum(matches(name) is not None for name in names)
        if 0 < hits < len(names):
            return None
        mask |= (hits > 0) << place
    return mask


def _list_candidates(name: str, is_single: bool) -> Iterator[str]:
    plain = [_escape(part) for part in name.split(".")]
    forms = [plain] if is_single else []
    forms.append(["*" if _NUMBER.fullmatch(part) else part for part in plain])
    forms.append([re.sub(r"\d+", "*", part) for part in plain])
    for parts in forms:
        yield _join(parts)
        for start in range(1, len(parts)):
            yield _join(["*", *parts[start:]])
            yield "*" + _join(parts[start:]).lstrip("*.")  # also at the beginning of a name
            yield _join([*parts[:start], "*"])
            if start < len(parts) - 1:
                yield _join([*parts[:start], "*", parts[-1]])
                yield _join(["*", parts[start], "*", parts[-1]])
                yield _join(["*", parts[start], "*"])
        yield "*" + parts[-1]
        for start in range(len(parts)):  # words of one part: `*_norm.weight`, `*_token`
            for match in re.finditer("_", parts[start]):
                yield _join(["*" + parts[start][match.start() :], *parts[start + 1 :]])


def _escape(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _join(parts: list[str]) -> str:
    return re.sub(r"\*(?:\.\*)+", "*", ".".join(parts))


def _list_common_ends(names: list[str]) -> Iterator[str]:
    """Yield the ends that two names share, such as `*norm.weight`."""
    ends = dict.fromkeys(".".join(name.split(".")[-2:]) for name in names)
    for one, other in combinations(list(ends)[:_MOST_COMPARED], 2):
        size = 0
        while size < min(len(one), len(other)) and one[-1 - size] == other[-1 - size]:
            size += 1
        end = one[len(one) - size :].lstrip("0123456789")
        if len(end.partition(".")[0]) >= _SHORTEST_END:
            yield "*" + _escape(end)
