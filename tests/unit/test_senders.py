"""Senders by kind: built-in and plugged in, found when they are first needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path

import pytest

from scheduler.adapters.report_command import REPORT
from scheduler.app import senders
from scheduler.core.run.notice import Notice
from scheduler.errors import ConfigError, SendFault
from scheduler.ports.sender import Receipt, SendContext
from tests.unit.test_tools_registry import FakeDistribution

CONTEXT = SendContext(id="7", run_id="xsf44h2c", job="brief", state="succeeded")


class Push:
    """A sender of a plug-in."""

    kind = "push"

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Send nothing."""
        return Receipt(f"{notice.target}/{context.id}")


PUSH = Push()

PlugIn = Callable[..., None]


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlugIn]:
    added: list[EntryPoint] = []

    def add(kind: str, value: str, distribution: str = "strangers") -> None:
        point = EntryPoint(kind, value, senders.GROUP)
        added.append(point._for(FakeDistribution(distribution)))  # type: ignore[attr-defined]

    def find(group: str, name: str = "") -> EntryPoints:
        points = (*entry_points(group=group), *added)
        return EntryPoints(point for point in points if name in ("", point.name))

    monkeypatch.setattr(f"{senders.__name__}.entry_points", find)
    senders._load.cache_clear()
    yield add
    senders._load.cache_clear()


def test_the_report_command_is_the_built_in_sender() -> None:
    assert senders.find_sender("report") is REPORT


def test_a_kind_without_a_sender_has_none() -> None:
    assert senders.find_sender("pigeon") is None


def test_a_plug_in_is_found_by_its_kind_even_when_it_came_later(plug_in: PlugIn) -> None:
    assert senders.find_sender("push") is None
    plug_in("push", f"{__name__}:PUSH")
    assert senders.find_sender("push") is PUSH


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module:X", r"the sender push \(no.such.module:X\) cannot be loaded: ModuleNotFoundError"),
        (f"{__name__}:CONTEXT", "is not a sender but SendContext"),
        (f"{__name__}:Push", "is not a sender but <class"),
    ],
)
def test_what_is_no_sender_is_told_by_its_place(plug_in: PlugIn, value: str, problem: str) -> None:
    plug_in("push", value)
    with pytest.raises(ConfigError, match=problem):
        senders.find_sender("push")


def test_a_sender_has_the_kind_that_it_is_registered_for(plug_in: PlugIn) -> None:
    plug_in("mail", f"{__name__}:PUSH")
    with pytest.raises(ConfigError, match="says that it is for 'push' notices"):
        senders.find_sender("mail")


def test_two_distributions_cannot_provide_one_kind(plug_in: PlugIn) -> None:
    plug_in("report", f"{__name__}:PUSH")
    with pytest.raises(ConfigError, match="'report' notices is provided by agentcron and by strangers"):
        senders.find_sender("report")


def test_to_start_is_not_to_import_a_sender() -> None:
    code = (
        "import sys, scheduler.app.compose\n"
        "assert not [m for m in sys.modules if m.endswith('report_command')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_an_empty_command_is_a_permanent_fault_and_no_success() -> None:
    with pytest.raises(SendFault, match="the report command is empty") as caught:
        await REPORT.send(Notice("report", "  ", "news"), CONTEXT)
    assert caught.value.permanent


async def test_a_command_that_fails_may_succeed_the_next_time(tmp_path: Path) -> None:
    once = Notice("report", f"mkdir {tmp_path}/seen || exec cat > {tmp_path}/body; exit 3", "news")
    with pytest.raises(SendFault, match="ended with status 3") as caught:
        await REPORT.send(once, CONTEXT)
    assert not caught.value.permanent
    assert await REPORT.send(once, CONTEXT) == Receipt()
    assert (tmp_path / "body").read_text() == "news"
