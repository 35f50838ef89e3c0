"""``agentcron help``: short texts about how things work, and the help page of each verb."""

from __future__ import annotations

from importlib import resources

import click

from scheduler.core.text.suggest import did_you_mean
from scheduler.doors.cli.text import out
from scheduler.errors import NotFoundError

TOPICS: dict[str, str] = {
    "sleep": "how an agent sleeps, and what it may write",
    "misfire": "missed fires, and fires during a run",
    "dst": "what happens when the clocks change",
    "budget": "what a job may spend",
    "effects": "what is repeated after a crash",
    "crontab": "the file: schedules, prompts, options",
    "model": "which model answers, and rehearsals without a key",
}


def topic_text(topic: str) -> str:
    """Return the text of a topic."""
    file = resources.files("scheduler.doors.cli").joinpath("topics", f"{topic}.md")
    return file.read_text(encoding="utf-8")


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    from scheduler.doors.cli.main import VERBS

    return [word for word in (*TOPICS, *VERBS) if word.startswith(incomplete)]


@click.command("help", short_help="Explain a topic.")
@click.argument("topic", required=False, shell_complete=_complete)
@click.pass_context
def help_command(ctx: click.Context, topic: str | None) -> None:
    """Explain a topic, or show the help page of a verb; without one, list the topics.

    Example:  agentcron help sleep
    """
    if topic is None:
        out.say("Topics:")
        for name, about in TOPICS.items():
            out.say(f"  {name:9} {about}")
        out.say()
        out.say("agentcron help TOPIC explains it; agentcron --help lists the verbs.")
        return
    if topic in TOPICS:
        out.say(topic_text(topic).rstrip("\n"))
        return
    parent = ctx.find_root()
    command = parent.command.get_command(parent, topic) if isinstance(parent.command, click.Group) else None
    if command is None:
        from scheduler.doors.cli.main import VERBS

        near = did_you_mean(topic, (*TOPICS, *VERBS))
        raise NotFoundError(f"no topic or verb {topic!r}", help=near or f"the topics are {', '.join(TOPICS)}")
    with click.Context(command, info_name=topic, parent=parent, **command.context_settings) as below:
        out.say(command.get_help(below))
