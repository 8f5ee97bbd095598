"""Patterns of weight names: globs, and regular expressions that match in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .. import _core
from .._arguments.checks import check_text, show


@dataclass(frozen=True)
class Pattern:
    """A glob or a regular expression for the whole names of weights.

    Attributes:
        text: The glob or the expression.
        regex: Whether it is a regular expression.

    Raises:
        TypeError: If `text` is not a string.
        ValueError: If it is not Unicode text, or the engine cannot read the expression.
    """

    text: str
    regex: bool = False

    def __post_init__(self) -> None:
        check_text("pattern", self.text)
        if self.regex:
            object.__setattr__(self, "_compiled", _compile(self.text))

    @property
    def label(self) -> str:
        """The pattern in messages and tables: a regular expression stands between slashes."""
        return f"/{self.text}/" if self.regex else self.text

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches a whole name.

        Raises:
            TypeError: If `name` is not a string.
            ValueError: If it is not Unicode text, such as a lone surrogate.
        """
        check_text("name", name)
        if self.regex:
            compiled: _core.Pattern = self.__dict__["_compiled"]
            return compiled.fullmatch(name)
        return fnmatchcase(name, self.text)


def read_pattern(pattern: Any) -> Pattern:
    """Return the pattern of a string (a glob) or of a compiled expression.

    Raises:
        TypeError: If `pattern` is neither.
        ValueError: If a compiled expression has flags that its text does not have.
    """
    if not isinstance(pattern, re.Pattern):
        return Pattern(pattern)
    text: Any = pattern.pattern
    if isinstance(text, str) and re.compile(text).flags != pattern.flags:  # a rule keeps the text
        raise ValueError(
            "a compiled `regex` must have its flags in its text, such as '(?s)', received: "
            f"{show(pattern)}"
        )
    return Pattern(text, True)


def _compile(text: str) -> _core.Pattern:
    try:
        return _core.Pattern(text)
    except ValueError as error:
        raise ValueError(
            "`regex` must be a regular expression without look-around, back-references and flags "
            f"but m and s, received: {show(text)} ({error})"
        ) from None
