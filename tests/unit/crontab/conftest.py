"""A reader of crontabs for these tests, on files that exist only here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from scheduler.core.crontab.load import Table, parse
from scheduler.core.job.job import Job
from scheduler.errors import ConfigError, NotFoundError

Read = Callable[..., Table]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class FakeLook:
    """A folder ``/etc/agents`` with the given prompt files, and every gate but ``missing.sh``."""

    def __init__(self, prompts: Mapping[str, str]) -> None:
        self.prompts = prompts

    def absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"/etc/agents/{path}"

    def read_prompt(self, path: str) -> str:
        if path.startswith(("/", "..")):
            raise ConfigError(f"prompt file {path} lies outside the crontab's folder")
        if path not in self.prompts:
            hint = "create it, or quote the prompt in place"
            raise NotFoundError(f"prompt file {path} does not exist", help=hint)
        return self.prompts[path]

    def gate_problem(self, command: str) -> str | None:
        return f"{command} does not exist" if command.endswith("missing.sh") else None

    def editable(self, _jobs: Sequence[Job]) -> Iterator[tuple[int, str, str, str]]:
        return iter(())

    def workdir_problem(self, workdir: str) -> str | None:
        crontab = "/etc/agents/crontab"
        return f"it contains {crontab}" if crontab.startswith(workdir) else None


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def read() -> Read:
    """Read a crontab: ``read(text, {"jobs/a.md": "prompt"})``."""

    def parsed(text: str, prompts: Mapping[str, str] | None = None, tz: str = "UTC") -> Table:
        return parse(text, file="crontab", look=FakeLook(prompts or {}), now=NOW, default_tz=tz)

    return parsed
