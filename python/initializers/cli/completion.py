"""`initializers completion`: a script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ._command import make_command
from ._output import write_json

_SHELLS = ("bash", "zsh", "fish")


@make_command(
    "completion",
    "let a shell complete commands and options",
    "initializers completion bash >> ~/.bashrc",
    "initializers completion zsh >> ~/.zshrc",
    "initializers completion fish > ~/.config/fish/completions/initializers.fish",
    section="Set up",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str, as_json: bool) -> None:
    """Print a script that lets SHELL complete commands, options and file names."""
    complete = get_completion_class(shell)
    assert complete is not None
    script = complete(context.find_root().command, {}, "initializers", "_INITIALIZERS_COMPLETE")
    if as_json:
        write_json({"shell": shell, "script": script.source()})
    else:
        click.echo(script.source())
