"""The frame of every command: its help ends with examples, and it has `--json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import click

# Adds an option to a command's function.
Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

# The groups of commands in the help, in its order.
Section: TypeAlias = Literal["Write", "Check", "Look", "Set up"]
_SECTIONS: tuple[Section, ...] = ("Write", "Check", "Look", "Set up")


class Command(click.Command):
    """A command whose help shows examples as they are typed."""

    def __init__(
        self,
        *arguments: Any,
        examples: tuple[str, ...] = (),
        section: Section = "Look",
        **keywords: Any,
    ) -> None:
        super().__init__(*arguments, **keywords)
        self.examples = examples
        self.section = section

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, which are not wrapped."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(click.Group):
    """The commands, listed in groups by what they are for."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group, in the order in which commands were added."""
        widest = max(map(len, self.commands))
        for section in _SECTIONS:
            rows = [
                (f"{name:<{widest}}", command.short_help or "")
                for name, command in self.commands.items()
                if isinstance(command, Command) and command.section == section
            ]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)


def make_command(
    name: str, summary: str, *examples: str, section: Section = "Write"
) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a `Command` of a function; `as_json` is its last argument."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        option = click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON document instead of text."
        )
        decorator = click.command(
            name, cls=Command, short_help=summary, examples=examples, section=section
        )
        return decorator(option(function))

    return decorate
