"""The frame of every command: its help ends with examples, and it knows `--json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

# Adds an option to a command's function.
Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


class Command(click.Command):
    """A command whose help shows examples as they are typed."""

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = examples

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, which are not wrapped."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def make_command(
    name: str, summary: str, *examples: str
) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a `Command` of a function; `as_json` is its last argument."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        option = click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
        )
        decorator = click.command(name, cls=Command, short_help=summary, examples=examples)
        return decorator(option(function))

    return decorate
