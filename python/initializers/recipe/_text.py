"""Reads and writes recipes as TOML, which people edit, and as JSON.

Both hold the same table: `seed`, `dtype`, `convention`, `stream_version`, `comment`, and the list
`rules` of tables with the attributes of `Rule`, with the pattern under `glob` or `regex`. In TOML,
comments are TOML comments in the lines above their subject. Numbers that strict parsers refuse
(integers beyond 64 bits, inf, -inf and nan) are written as strings, and read in both forms.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from .._arguments import unique_json
from .._arguments.checks import check_text, hint, show
from .._core import STREAM_VERSION
from ._resolve import read_data
from ._rule import OPTIONS, Rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEYS = ("comment", "stream_version", "seed", "dtype", "convention", "rules")
_RULE_KEYS = ("glob", "regex", "initializer", "config", *OPTIONS, "comment")
_RULE_HEADER = re.compile(r"[ \t]*\[\[[ \t]*rules[ \t]*\]\][ \t]*(#.*)?")
_COMMENT = re.compile(r"[ \t]*#(?: )?(.*)")
# Strings that mean numbers. Integers within 64 bits are never written as strings.
_NUMBER = re.compile(r"-?(?:[0-9]{19,40}|inf)|nan")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def write_dict(recipe: Any) -> dict[str, Any]:
    """Return a recipe as a dict of plain values."""
    fields = {
        "comment": recipe.comment,
        "stream_version": STREAM_VERSION,
        "seed": _to_plain(recipe.seed),
        "dtype": recipe.dtype,
        "convention": recipe.convention,
        "rules": [_write_rule(rule) for rule in recipe.rules],
    }
    return {key: value for key, value in fields.items() if value is not None}


def _write_rule(rule: Rule) -> dict[str, Any]:
    fields = rule.to_dict()
    return {key: _to_plain(part) if key == "config" else part for key, part in fields.items()}


def _to_plain(value: Any) -> Any:
    """Replace numbers that strict parsers refuse by strings."""
    if isinstance(value, dict):
        return {key: _to_plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(part) for part in value]
    if isinstance(value, str) and not isinstance(_from_plain(value), str):
        raise ValueError(
            f"a recipe as text must have no string that means a number, received: {show(value)}"
        )
    is_beyond = isinstance(value, float) and not math.isfinite(value)
    if isinstance(value, int) and not isinstance(value, bool):
        is_beyond = not -(2**63) <= value < 2**63
    return str(value) if is_beyond else value


def _from_plain(value: Any) -> Any:
    """Replace the strings that `_to_plain` writes by their numbers."""
    if isinstance(value, dict):
        return {key: _from_plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_from_plain(part) for part in value]
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    if value[-1] in "fn":
        return float(value)
    number = int(value)
    return value if -(2**63) <= number < 2**63 or str(number) != value else number


def read_dict(data: Any, lines: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the arguments of a recipe from plain values; `lines` are the lines of its rules.

    Raises:
        ValueError: If the values are not a recipe. The message names the place.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a recipe must be a table of keys, received: {show(data)}")
    _check_keys("a recipe", data, _KEYS)
    for key in ("seed", "rules"):
        if key not in data:
            raise ValueError(f"a recipe must have the key {key!r}, received: {show(list(data))}")
    version = data.get("stream_version", STREAM_VERSION)
    if isinstance(version, bool) or version != STREAM_VERSION:
        raise ValueError(f"`stream_version` must be {STREAM_VERSION}, received: {show(version)}")
    if not isinstance(data["rules"], list):
        raise ValueError(f"`rules` must be a list of tables, received: {show(data['rules'])}")
    rules = []
    for number, entry in enumerate(data["rules"], 1):
        place = f"rule {number}" + (f" (line {lines[number - 1]})" if lines else "")
        try:
            rules.append(_read_rule(entry))
        except RecursionError:
            raise ValueError(f"{place} must not be nested too deeply") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{place}: {error}") from None
    arguments = {key: data[key] for key in _KEYS if key in data and key != "stream_version"}
    return {**arguments, "seed": _from_plain(data["seed"]), "rules": rules}


def _read_rule(entry: Any) -> Rule:
    if not isinstance(entry, Mapping):
        raise ValueError(f"a rule must be a table of keys, received: {show(entry)}")
    _check_keys("a rule", entry, _RULE_KEYS)
    if ("glob" in entry) == ("regex" in entry):
        raise ValueError(f"a rule must have either 'glob' or 'regex', received: {show(entry)}")
    if "initializer" not in entry:
        raise ValueError(f"a rule must have the key 'initializer', received: {show(entry)}")
    fields = {key: entry[key] for key in _RULE_KEYS[4:] if key in entry}
    pattern = check_text("pattern", entry.get("glob", entry.get("regex")))
    initializer = _read_initializer(entry["initializer"], _from_plain(entry.get("config")))
    return read_data(Rule(initializer, pattern, regex="regex" in entry, **fields))


def _read_initializer(initializer: Any, config: Any) -> Any:
    """Return an argument for `get`: a name or a configuration, never an object."""
    if isinstance(initializer, str):
        return initializer if config is None else {"class_name": initializer, "config": config}
    if not isinstance(initializer, dict):
        raise ValueError(
            f"`initializer` must be a name or a configuration, received: {show(initializer)}"
        )
    if config is not None:
        raise ValueError(
            "`config` must stand beside the name of an initializer, not beside its configuration, "
            f"received: {show(config)}"
        )
    return _from_plain(initializer)


def _check_keys(what: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ValueError(
                f"{what} must have no keys but {', '.join(known)}, "
                f"received: {show(key)}{hint(str(key), known)}"
            )


def read_json(text: str) -> dict[str, Any]:
    """Return the arguments of a recipe from JSON."""
    return read_dict(_parse("JSON", lambda: unique_json.read_json(text)))


def read_toml(text: str) -> dict[str, Any]:
    """Return the arguments of a recipe from TOML, with the comments above the rules."""
    # The added newline makes errors in the last line report its number.
    data = _parse("TOML", lambda: tomllib.loads(text + "\n"))
    headers = list(_find_headers(text))
    rules = data.get("rules")
    if not isinstance(rules, list) or len(rules) != len(headers):
        return read_dict(data)  # rules in another TOML form, such as an inline array
    for entry, (_, comment) in zip(rules, headers, strict=True):
        if comment and isinstance(entry, dict):
            entry.setdefault("comment", comment)
    comment = _join_comment(list(takewhile(_COMMENT.fullmatch, _split_lines(text))))
    if comment:
        data.setdefault("comment", comment)
    return read_dict(data, tuple(line for line, _ in headers))


def _find_headers(text: str) -> Iterator[tuple[int, str | None]]:
    """Yield the line of each `[[rules]]`, counted from 1, and the comment above it."""
    above: list[str] = []
    for number, line in enumerate(_split_lines(text), 1):
        if _RULE_HEADER.fullmatch(line):
            yield number, _join_comment(above)
        if _COMMENT.fullmatch(line):
            above.append(line)
        else:
            above.clear()


def _split_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")  # TOML's line ends only, unlike `splitlines`


def _join_comment(lines: list[str]) -> str | None:
    parts = [match[1] for line in lines if (match := _COMMENT.fullmatch(line))]
    return "\n".join(parts) or None


def _parse(language: str, parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(
            f"a recipe must be {language}, received text that is not: {reason}"
        ) from None


def write_json(recipe: Any, indent: int | None) -> str:
    """Return a recipe as JSON."""
    return json.dumps(write_dict(recipe), ensure_ascii=False, indent=indent, allow_nan=False)


def write_toml(recipe: Any) -> str:
    """Return a recipe as TOML."""
    data = write_dict(recipe)
    rules = data["rules"]
    if rules:
        del data["rules"]  # the rules follow as [[rules]] tables, and a key must not occur twice
    parts = [list(_write_table(data))]
    parts += [list(_write_table(rule, "[[rules]]")) for rule in rules]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _write_table(table: dict[str, Any], *header: str) -> Iterator[str]:
    comment = table.pop("comment", None)
    if comment:
        yield from (f"# {line}" if line else "#" for line in comment.split("\n"))
    yield from header
    yield from (f"{_write_key(key)} = {_write_value(value)}" for key, value in table.items())


def _write_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _write_text(key)


def _write_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _write_text(value)
    if isinstance(value, (int, float)):
        return repr(value)  # for floats, the shortest text that reads as the same number
    if isinstance(value, list):
        return f"[{', '.join(map(_write_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_write_key(key)} = {_write_value(part)}" for key, part in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    raise ValueError(f"a recipe in TOML must have no null, received in it: {show(value)}")


def _write_text(text: str) -> str:
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"  # backslashes of a regular expression need no escape
    # JSON's escapes are valid TOML, except that TOML also escapes U+007F.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
