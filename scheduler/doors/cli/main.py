"""The command ``agentcron``: one group that imports a verb when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any, TextIO

import click
from click.shell_completion import CompletionItem

from scheduler.config import CRONTAB_VARIABLE, DATABASE_VARIABLE, HOME_VARIABLE, load
from scheduler.doors.cli.text.out import complain
from scheduler.errors import AgentcronError, UsageError

# verb -> (module, section of --help and folder, short help).
# The short help is kept here so that --help imports no verb.
VERBS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "Start", "Watch an agent sleep, get killed, and resume. Needs no key."),
    "init": ("init", "Start", "Write a starter crontab."),
    "edit": ("edit", "Start", "Edit the crontab in $EDITOR; a broken one is not installed."),
    "up": ("up", "Run", "Run the daemon in the foreground."),
    "tick": ("tick", "Run", "Do one pass and exit, for a line of a system crontab."),
    "run": ("run", "Run", "Fire a job now; its schedule stays as it is."),
    "list": ("list", "Look", "Show jobs, and the runs that are not over."),
    "next": ("next", "Look", "Show upcoming fires and wake-ups."),
    "show": ("show", "Look", "Show a run: messages, tool calls and cost."),
    "spend": ("spend", "Look", "Show what was spent, by job, day or model."),
    "why": ("why", "Look", "Explain why a job did or did not run."),
    "check": ("check", "Look", "Lint the crontab and estimate its cost."),
    "explain": ("explain", "Look", "Explain a schedule in plain words."),
    "log": ("log", "Look", "Read the daily log, a chain of records."),
    "doctor": ("doctor", "Look", "Check the installation, the database and the jobs."),
    "resume": ("steer", "Steer", "Wake a sleeping run now, or continue an ended one."),
    "cancel": ("steer", "Steer", "Cancel a run, or a job that an agent made."),
    "pause": ("steer", "Steer", "Stop a job from firing."),
    "unpause": ("steer", "Steer", "Let a paused job fire again."),
    "halt": ("halt", "Steer", "Stop all effects and model calls: the kill switch."),
    "unhalt": ("halt", "Steer", "Resume everything that halt stopped."),
    "approvals": ("consent", "Trust", "Show the calls that wait for approval."),
    "approve": ("consent", "Trust", "Allow one call, exactly as shown."),
    "deny": ("consent", "Trust", "Refuse one call; its run continues."),
    "confirm": ("confirm", "Trust", "Allow a job that an agent made to fire."),
    "trust": ("trust", "Trust", "Show what a job may do; revoke a grant."),
    "backup": ("backup", "Keep", "Copy the database to a file; daemons keep running."),
    "restore": ("restore", "Keep", "Restore a backup; no effect is repeated."),
    "prune": ("prune", "Keep", "Delete runs older than their job keeps them."),
    "db": ("db", "Keep", "Inspect or upgrade the database."),
    "completion": ("completion", "Keep", "Print the shell completion script."),
    "help": ("topics", "Keep", "Explain a topic: sleep, misfire, dst, budget, effects."),
}

DEBUG_VARIABLE = "AGENTCRON_DEBUG"

SECTIONS = ("Start", "Run", "Look", "Steer", "Trust", "Keep")


class Verbs(click.Group):
    """A group that lists its verbs by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the verbs in the order of the help page."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        name, section, _ = VERBS[cmd_name]
        module = import_module(f"scheduler.doors.cli.verbs.{section.lower()}.{name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or suggest the nearest one."""
        known = ctx.resilient_parsing or not args or args[0] in VERBS or args[0].startswith("-")
        if not known:
            from scheduler.core.text.suggest import did_you_mean

            near = did_you_mean(args[0], VERBS)
            raise UsageError(f"no verb {args[0]!r}", help=near or "`agentcron --help` lists all of them")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Complete a verb, without importing any."""
        return [
            CompletionItem(verb, help=text)
            for verb, (_, _, text) in VERBS.items()
            if verb.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the verbs by section, without importing any."""
        for section in SECTIONS:
            with formatter.section(section):
                formatter.write_dl(
                    [(verb, text) for verb, (_, part, text) in VERBS.items() if part == section]
                )


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="First steps:  agentcron demo  |  agentcron init  |  agentcron up",
)
@click.option("--home", metavar="DIR", help=f"Where state is kept [{HOME_VARIABLE}, else ~/.agentcron].")
@click.option("--crontab", metavar="FILE", help=f"The crontab [{CRONTAB_VARIABLE}, else HOME/crontab].")
@click.option(
    "--database", metavar="PATH|URL", help=f"The database [{DATABASE_VARIABLE}, else HOME/agentcron.db]."
)
@click.version_option(None, "--version", package_name="agentcron", message="agentcron %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: str | None, crontab: str | None, database: str | None) -> None:
    """A cron for LLM agents that can sleep."""
    for option, given in (("--home", home), ("--crontab", crontab), ("--database", database)):
        if given == "":
            # An unset variable in a script must not select another home.
            raise UsageError(f"{option} is empty", help="give a path, or leave the option out")
    ctx.obj = load(home, crontab, database)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status; an expected error never shows a traceback."""
    if sys.platform == "win32":
        complain("agentcron runs on Linux and macOS, not on Windows", "use it inside WSL")
        sys.exit(5)
    _hold_streams()
    sys.exit(_status(argv))


def _hold_streams() -> None:
    """Open /dev/null for a closed standard stream, else the next file, the database, takes its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            held = os.open(os.devnull, os.O_RDWR)
            if held != number:
                os.dup2(held, number)
                os.close(held)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _status(argv: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show `…` gets an escape instead of an error.
            with suppress(OSError):
                stream.reconfigure(errors="backslashreplace")
    try:
        answer: Any = cli.main(
            args=None if argv is None else list(argv), prog_name="agentcron", standalone_mode=False
        )
        if sys.stdout:  # None when it was closed for us (`>&-`)
            sys.stdout.flush()
    except BaseException as error:
        try:
            return _failed(first_of(error))
        except OSError:
            _close(sys.stderr)  # there is no stream left for a message
            return 5
    return int(answer or 0)


def first_of(error: BaseException) -> BaseException:
    """Return the first error of a group, or the error itself: one message is enough for a person."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _failed(error: BaseException) -> int:
    """Print what went wrong and return the exit status."""
    match error:
        case AgentcronError():
            complain(error.message, error.help)
            return error.exit_status
        case click.exceptions.Exit():
            return int(error.exit_code)
        case SystemExit() if not isinstance(sys.stdout, TextIOWrapper):
            # click ends like this after a BrokenPipeError, with a wrapper in place of stdout: see below.
            _close(sys.stdout)
            return 0
        case SystemExit() if isinstance(error.code, int):
            return error.code
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.message, err=True)
            return 2
        case click.UsageError():
            hint = f"`{error.ctx.command_path} --help` shows how" if error.ctx else ""
            complain(error.format_message().rstrip("."), hint)
            return 2
        case click.Abort() | KeyboardInterrupt():
            complain("interrupted", "")
            return 130
        case BrokenPipeError():
            # The reader of our output is gone (`agentcron list | head`): this is not an error.
            _close(sys.stdout)
            return 0
        case OSError():
            # Drop the rest of the output: at exit Python would try to write it, and complain again.
            _close(sys.stdout)
            place = f" {error.filename}" if error.filename else ""
            complain(f"the system refused:{place} {error.strerror or error}", "")
            return 5
        case Exception() if not os.environ.get(DEBUG_VARIABLE):
            complain(
                f"internal error in agentcron: {type(error).__name__}: {error}",
                f"please report it; {DEBUG_VARIABLE}=1 shows where it happened",
            )
            return 5
        case _:
            raise error


def _close(stream: TextIO | None) -> None:
    """Discard what is left in a stream that can no longer be written."""
    if stream is None:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
