"""F56: tools that return gigabytes, or what nobody can print or send; the run goes on, and is shown."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.run import State
from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.kit.cases import play, prompt
from tests.kit.person import ask
from tests.kit.processes import Installation, Process, Zygote
from tests.kit.soak import SOAK
from tests.kit.validity import assert_valid
from tests.plugin.noisy_tools import GARBLED

pytestmark = pytest.mark.process

MEGABYTE = 1_000_000
FLOOD_BYTES = 2_000 * MEGABYTE if SOAK else 200 * MEGABYTE
MAX_GROWTH = 150 * MEGABYTE
"""How much more memory a daemon may have needed, whatever its tools say."""

TRANSCRIPT_BYTES = 300_000


def peak_bytes(daemon: Process) -> int:
    """The most memory that a process has needed so far, in one moment."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@dataclass(frozen=True, slots=True)
class Noise:
    """A home in which each kind of noise was made by a job of its own."""

    place: Installation
    api: FakeMessagesAPI

    def result(self, name: str) -> Any:
        """What the agent got to read, after everything that must hold of such a run was checked."""
        (run,) = self.place.runs(name)
        assert run.state is State.SUCCEEDED, run
        with SqliteDatabase(self.place.database).history() as reader:
            messages = reader.messages(run.id)
            (call,) = [call for call in reader.calls(run.id) if call.name != "finish"]
        assert_valid(messages)
        stored = json.dumps([message.as_param() for message in messages], allow_nan=False, ensure_ascii=False)
        assert len(stored) < TRANSCRIPT_BYTES, "the transcript took it all"
        for verb in (("show", run.id), ("show", run.id, "--full"), ("show", run.id, "--json")):
            shown = ask(self.place, *verb)
            assert shown.status == 0, shown
            if "--json" in verb:
                json.loads(shown.out)
            else:
                shown.is_clean()
        return call.result


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"garble-{number}": ("garble", {"kind": kind}) for number, kind in enumerate(GARBLED)},
    "read-nul": ("read", {"file_path": "nul.txt"}),
    "read-latin": ("read", {"file_path": "latin.txt"}),
    "read-large": ("read", {"file_path": "large.txt"}),
    "grep-latin": ("grep", {"pattern": "caf"}),
    "grep-large": ("grep", {"pattern": "x"}),
    "glob-names": ("glob", {"pattern": "*"}),
    "write-surrogate": ("write", {"file_path": "new.txt", "content": "a\ud800b\0c"}),
}


def fill(workdir: Path) -> None:
    """Lay out files of every bad kind."""
    workdir.mkdir(parents=True)
    (workdir / "nul.txt").write_bytes(b"a\0b\n")
    (workdir / "latin.txt").write_bytes(b"caf\xe9 \xed\xa0\x80 \x1b[2J\n")
    (workdir / "large.txt").write_bytes(b"x\n" * (2 * MEGABYTE))
    (workdir / os.fsdecode(b"name-\xff\x1b[31m.txt")).write_bytes(b"odd\n")


@pytest.fixture(scope="module")
def noise(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Noise]:
    """All kinds of noise, made under one daemon."""
    with FakeMessagesAPI() as api:
        place = Installation(zygote, tmp_path_factory.mktemp("noise") / "home")
        place.home.mkdir(mode=0o700)
        for name, call in CALLS.items():
            fill(place.home / "work" / name)
            api.script(prompt(name), answer(calls=[call]), answer("Heard."))
        tools = "tools=garble,read,write,grep,glob"
        (daemon,) = play(place, api.url, dict.fromkeys(CALLS, tools))
        daemon.send(signal.SIGTERM)
        assert daemon.wait() == 0, daemon.stderr
        verify_pairing(api.requests)
        assert not api.refusals
        yield Noise(place, api)
        place.close()


@pytest.mark.parametrize("name", CALLS)
def test_f56_what_nobody_can_print_or_send_becomes_harmless(noise: Noise, name: str) -> None:
    noise.result(name)


def test_f56_what_the_agent_reads_says_what_happened(noise: Noise) -> None:
    kinds = dict(zip(GARBLED, CALLS, strict=False))
    assert noise.result(kinds["nul"]) == r"a\x00b"
    assert noise.result(kinds["surrogate"]) == r"a\ud800b\udcffc"
    assert noise.result(kinds["huge"]).endswith("of 60,000,000 bytes shown]")
    for kind in ("nan", "digits", "deep", "rather deep", "many blocks", "a number", "bytes"):
        assert noise.result(kinds[kind]).startswith("garble broke: "), kind


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_f56_gigabytes_of_output_need_no_memory(place: Installation, api: FakeMessagesAPI) -> None:
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "warm": ("flood", {"bytes": 1000}),
        "child": ("flood", {"bytes": FLOOD_BYTES}),
        "search": ("grep", {"pattern": "x"}),
    }
    for name, call in cases.items():
        api.script(prompt(name), answer(calls=[call]), answer("Heard."))
    # Many names for one file: grep says all of it once for each.
    folder = place.home / "work" / "search"
    place.home.mkdir(mode=0o700)
    folder.mkdir(parents=True)
    (folder / "0").write_bytes((b"x" * 99 + b"\n") * (MEGABYTE // 10))
    for number in range(1, FLOOD_BYTES // (10 * MEGABYTE)):
        os.link(folder / "0", folder / str(number))

    (first,) = play(place, api.url, {"warm": "tools=flood"})
    before = peak_bytes(first)
    first.kill()
    (daemon,) = play(place, api.url, dict.fromkeys(cases, "tools=flood,grep"))
    grown = peak_bytes(daemon) - before
    assert grown < MAX_GROWTH, f"{grown / MEGABYTE:.0f} MB more"
    noise = Noise(place, api)
    assert f"{FLOOD_BYTES - 100_000} dropped" in noise.result("child")
    assert "narrow the search" in noise.result("search")
    print(f"{FLOOD_BYTES / MEGABYTE:.0f} MB twice: {grown / MEGABYTE:.0f} MB more memory")
