"""``agentcron completion``: print the completion script of a shell."""

from __future__ import annotations

import os
from pathlib import Path

import click

from scheduler.doors.cli.text import out
from scheduler.errors import UsageError

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_AGENTCRON_COMPLETE"


@click.command("completion", short_help="Print the shell completion script.")
@click.argument("shell", required=False, type=click.Choice(SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str | None) -> None:
    """Print the completion script of a shell: the named one, else that of $SHELL.

    \b
    bash:  eval "$(agentcron completion bash)"      in ~/.bashrc
    zsh:   eval "$(agentcron completion zsh)"       in ~/.zshrc
    fish:  agentcron completion fish | source       in config.fish

    Example:  agentcron completion bash >> ~/.bash_completion
    """
    from click.shell_completion import get_completion_class

    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError(
            f"there is no completion for {name!r}" if name else "which shell is it?",
            help=f"name one: agentcron completion {'|'.join(SHELLS)}",
        )
    found = get_completion_class(name)
    assert found is not None, "click has these three"
    root = ctx.find_root()
    script = found(root.command, {}, root.info_name or "agentcron", _VARIABLE)
    # Not `source()`: for bash it starts bash only to read its version.
    out.say(script.source_template % script.source_vars())
