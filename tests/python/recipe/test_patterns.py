"""Patterns of weight names: regular expressions that match in linear time."""

from __future__ import annotations

import copy
import pickle
import re
import time

import pytest

from initializers import (
    Recipe,
)
from initializers.recipe import Rule


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        # Syntax that no linear-time engine can match.
        (r"(a)\1", "backreferences are not supported at position 3"),
        (r"(?P<a>a)(?P=a)", "unrecognized flag at position 10"),
        (r"a(?=b).*", "look-around, .* at position 1"),
        (r".*(?<!b)", "look-around"),
        (r"(?>a)", "unrecognized flag"),
        # Syntax with another meaning in Python's `re`, or that only some versions of `re` accept.
        (r"a*+a", "a repetition of a repetition at position 2"),
        (r"a{2}{3}", "a repetition of a repetition"),
        (r"[[a]]", "a set in a set"),
        (r"[[:alpha:]]", "a set in a set"),
        (r"[a&&b]", "an operation between sets at position 1"),
        (r"[a--b]", "an operation between sets"),
        (r"\<a", "a boundary other than"),
        (r"(?i)a", "a flag other than m and s at position 2"),
        (r"(?x) a", "a flag other than m and s"),
        (r"(?-u:a)", "a flag other than m and s"),
        (r"a(?s).", "flags that are not at the start at position 1"),
        (r"\Z", "unrecognized escape"),
        (r"\pL", "Unicode property not found"),
        # Text that becomes valid only inside the parentheses that anchor an expression.
        (r"a)|(?:b", "unopened group at position 1"),
        # Expressions beyond the size limits.
        (r"(?:a{1000}){1000}", "more than 262144 bytes when compiled"),
        ("a" * 10_001, "10001 characters, at most 10000"),
    ],
)
def test_unsupported_expressions_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Rule("ones", pattern, regex=True)
    assert "`regex` must be a regular expression without look-around" in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r".*\.(q|k)",
        r"a|ab",
        r"[^.]+\.\w+",
        r"(?s).*",
        r"(?:a|b){2,3}?",
        r"\d+\s*",
        r"[]a\-é]+",
        "",
        r"(?sm)a$",
    ],
)
def test_expressions_match_as_those_of_re(pattern: str) -> None:
    rule = Rule("ones", pattern, regex=True)
    for name in (
        "",
        "a",
        "ab",
        "b",
        "aba",
        "x.q",
        "x\n.q",
        "x.k2",
        "layers.\uff13",
        "12 ",
        "٣",
        "é]-",
    ):
        assert rule.matches(name) == (re.fullmatch(pattern, name) is not None), name
    for made_again in (pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)):
        assert made_again == rule
        assert made_again.matches("ab") == rule.matches("ab")


def test_hostile_expressions_take_linear_time() -> None:
    name = "a" * 5000
    start = time.perf_counter()
    for pattern in (r"(a+)+b", r"(a|a)*b", r"(?:a?){500}a{500}", r"(?:[^b]*){200}b"):
        Rule("ones", pattern, regex=True).matches(name)
    # `re` would need longer than the age of the universe; the slowest engine here 0.1 s.
    assert time.perf_counter() - start < 20


def test_flags_of_compiled_expressions_are_in_their_text() -> None:
    for flags in (re.IGNORECASE, re.DOTALL, re.ASCII):
        with pytest.raises(ValueError, match=r"must have its flags in its text, such as '\(\?s\)'"):
            Recipe([(re.compile("a", flags), "ones")], seed=1)
    assert Recipe([(re.compile("(?s)a.b"), "ones")], seed=1).find("a\nb") == 0
