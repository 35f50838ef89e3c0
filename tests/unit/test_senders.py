"""Senders by kind: built-in and plugged in, found when they are first needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.adapters.report_command import REPORT
from scheduler.app import senders
from scheduler.core.run.notice import Notice
from scheduler.errors import ConfigError, SendFault
from scheduler.ports.sender import Receipt, SendContext
from tests.kit.plug_ins import Distributions

CONTEXT = SendContext(id="7", run_id="xsf44h2c", job="brief", state="succeeded")


class Push:
    """A sender of a plug-in."""

    kind = "push"

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Send nothing."""
        return Receipt(f"{notice.target}/{context.id}")


PUSH = Push()


def test_the_report_command_is_the_built_in_sender() -> None:
    assert senders.find_sender("report") is REPORT


def test_a_kind_without_a_sender_has_none() -> None:
    assert senders.find_sender("pigeon") is None


def test_a_plug_in_is_found_by_its_kind_even_when_it_came_later(distributions: Distributions) -> None:
    assert senders.find_sender("push") is None
    distributions.provide(senders.GROUP, "push", f"{__name__}:PUSH")
    assert senders.find_sender("push") is PUSH


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no.such.module:X", r"the sender push \(no.such.module:X\) cannot be loaded: ModuleNotFoundError"),
        (f"{__name__}:CONTEXT", "is not a sender but SendContext"),
        (f"{__name__}:Push", "is not a sender but <class"),
    ],
)
def test_what_is_no_sender_is_told_by_its_place(
    distributions: Distributions, value: str, problem: str
) -> None:
    distributions.provide(senders.GROUP, "push", value)
    with pytest.raises(ConfigError, match=problem):
        senders.find_sender("push")


def test_a_sender_has_the_kind_that_it_is_registered_for(distributions: Distributions) -> None:
    distributions.provide(senders.GROUP, "mail", f"{__name__}:PUSH")
    with pytest.raises(ConfigError, match="calls itself push"):
        senders.find_sender("mail")


def test_two_distributions_cannot_provide_one_kind(distributions: Distributions) -> None:
    distributions.provide(senders.GROUP, "report", f"{__name__}:PUSH")
    with pytest.raises(ConfigError, match="report is provided twice, by agentcron and strangers"):
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
