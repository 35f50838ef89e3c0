"""The command: one group whose verbs are imported when they are called."""

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
# The short help stands here so that --help imports no verb.
VERBS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "Start", "Watch an agent sleep, be killed, and go on. Needs no key."),
    "init": ("init", "Start", "Write a starter crontab."),
    "edit": ("edit", "Start", "Open the crontab in $EDITOR; a broken one is not kept."),
    "up": ("up", "Run", "Run the daemon in the foreground."),
    "tick": ("tick", "Run", "Do one pass and exit, as a system crontab line would call it."),
    "run": ("run", "Run", "Fire a job now; its schedule stays as it is."),
    "list": ("list", "Look", "Show jobs, and the runs that are not over."),
    "next": ("next", "Look", "Show upcoming fires and wake-ups."),
    "show": ("show", "Look", "Show a run: what was said, done and spent."),
    "spend": ("spend", "Look", "Show what was spent, by job, day or model."),
    "why": ("why", "Look", "Say why a job did or did not run."),
    "check": ("check", "Look", "Lint the crontab and say what it may cost."),
    "explain": ("explain", "Look", "Say in words what a schedule means."),
    "log": ("log", "Look", "Read the daily log: what was done, in a chain."),
    "doctor": ("doctor", "Look", "Check everything that can be checked."),
    "resume": ("steer", "Steer", "Wake a sleeping run now, or go on with an ended one."),
    "cancel": ("steer", "Steer", "Cancel a run, or a job that an agent made."),
    "pause": ("steer", "Steer", "Let a job fire no more."),
    "unpause": ("steer", "Steer", "Let a paused job fire again."),
    "halt": ("halt", "Steer", "Start nothing any more: the kill switch."),
    "unhalt": ("halt", "Steer", "Go on where everything was halted."),
    "approvals": ("consent", "Trust", "Show what runs ask before they may act."),
    "approve": ("consent", "Trust", "Let one call happen, as it was shown."),
    "deny": ("consent", "Trust", "Refuse one call; its run goes on."),
    "confirm": ("confirm", "Trust", "Let a job fire that an agent made."),
    "trust": ("trust", "Trust", "Say what a job may do; take a grant back."),
    "backup": ("backup", "Keep", "Copy the database to a file, while daemons work."),
    "restore": ("restore", "Keep", "Put a backup in its place; nothing is repeated."),
    "prune": ("prune", "Keep", "Delete runs that their jobs keep no longer."),
    "db": ("db", "Keep", "Look after the database."),
    "completion": ("completion", "Keep", "Print the shell completion script."),
    "help": ("topics", "Keep", "Explain a topic: sleep, misfire, dst, budget, effects."),
}

DEBUG_VARIABLE = "AGENTCRON_DEBUG"

SECTIONS = ("Start", "Run", "Look", "Steer", "Trust", "Keep")


class Verbs(click.Group):
    """A group that knows its verbs by name and imports only the one that is called."""

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
        """Find the verb, or say which one was probably meant."""
        known = ctx.resilient_parsing or not args or args[0] in VERBS or args[0].startswith("-")
        if not known:
            from scheduler.core.text.suggest import did_you_mean

            near = did_you_mean(args[0], VERBS)
            raise UsageError(
                f"there is no verb {args[0]!r}", help=near or "`agentcron --help` shows all of them"
            )
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
            # A variable of a script that is not set must not lead to another home.
            raise UsageError(f"{option} is empty", help="name a place, or leave the option out")
    ctx.obj = load(home, crontab, database)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status; no error of ours ever shows a traceback."""
    if sys.platform == "win32":
        complain("agentcron runs on Linux and macOS, not on Windows", "use it inside WSL")
        sys.exit(5)
    _hold_streams()
    sys.exit(_status(argv))


def _hold_streams() -> None:
    """Let a closed standard stream be /dev/null: else the next file, the database, takes its place."""
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
            # A terminal that knows no `…` gets an escape, not a fault.
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
            _close(sys.stderr)  # nobody is there to be told
            return 5
    return int(answer or 0)


def first_of(error: BaseException) -> BaseException:
    """Return the first error of a group, or the error itself: a person is told one thing."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _failed(error: BaseException) -> int:
    """Tell a person what went wrong and return the exit status."""
    match error:
        case AgentcronError():
            complain(error.message, error.help)
            return error.exit_status
        case click.exceptions.Exit():
            return int(error.exit_code)
        case SystemExit() if not isinstance(sys.stdout, TextIOWrapper):
            # click's own ending after a BrokenPipeError, with a wrapper in place of stdout: see below.
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
            # The reader of our output went away (`agentcron list | head`): not a fault of anybody.
            _close(sys.stdout)
            return 0
        case OSError():
            # What could not be written is given up, or Python's own end would try, and complain, again.
            _close(sys.stdout)
            place = f" {error.filename}" if error.filename else ""
            complain(f"the system refused:{place} {error.strerror or error}", "")
            return 5
        case Exception() if not os.environ.get(DEBUG_VARIABLE):
            complain(
                f"a fault in agentcron itself: {type(error).__name__}: {error}",
                f"please report it; {DEBUG_VARIABLE}=1 shows where it happened",
            )
            return 5
        case _:
            raise error


def _close(stream: TextIO | None) -> None:
    """Let a stream that cannot be written any more swallow what is left in it."""
    if stream is None:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
