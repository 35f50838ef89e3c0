"""The how-tos do what they say: each command of a ``console`` block is run, in order, in a home of its own.

Lines of output that a block shows must come out of the command, with ids, times and amounts as they may be.
``agentcron`` is the real command; everything else goes to the shell, in this repository, with another HOME.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fake_messages_api import FakeMessagesAPI, turn_from_json
from tests.kit.person import ask
from tests.kit.processes import ROOT, Installation, Process, Zygote, until

pytestmark = pytest.mark.process

HOWTO = ROOT / "docs" / "howto"
REHEARSALS = ROOT / "tests" / "data" / "rehearsals"
MARKERS = {"morning-notes": "You prepare my working day", "disk-watch": "A disk of this machine"}
FROM_NOTHING = ("first-job.md", "follow-ups.md", "gates.md")
"""How-tos that begin on a machine where nothing was written; the others begin with a sleeping run."""

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"\brun ([a-z2-9]{8})\b")
ANY = (
    (re.compile(r"/\S*?\.agentcron"), "HOME"),
    (re.compile(r"\$\d+\.\d+"), "MONEY"),
    (re.compile(r"\([A-Z][A-Za-z]+(/[A-Z]\w+)?\)$"), "(ZONE)"),
)
MAY_COMPLAIN = ("doctor",)
SLEEPER = """\
{"text": "", "calls": [{"name": "sleep", "input": {"until": "1h", "reason": "a nap"}}]}
{"text": "Rested."}
"""


@dataclass(slots=True)
class Reader:
    """Somebody who types what a how-to shows."""

    place: Installation
    ids: dict[str, str] = field(default_factory=dict)
    daemons: list[Process] = field(default_factory=list)

    def follow(self, block: str) -> None:
        """Run the commands of one block and compare what they print."""
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            for theirs, ours in self.ids.items():
                command = re.sub(rf"\b{theirs}\b", ours, command)
            out = self._do(command)
            for line in shown:
                found = RUN.search(line)
                if found and (mine := RUN.search(out)):
                    self.ids[found[1]] = mine[1]
                assert self._plain(line) in self._plain(out), f"$ {command}\n{out}\n-- lacks: {line}"

    def _do(self, command: str) -> str:
        if command.startswith("export ANTHROPIC_API_KEY="):
            self.place.environment["ANTHROPIC_API_KEY"] = "a-key"
            return ""
        if not command.startswith("agentcron "):
            home = str(self.place.home.parent)
            done = subprocess.run(
                command, shell=True, cwd=ROOT, env={"HOME": home, "PATH": "/usr/bin:/bin"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"$ {command}\n{done.stderr}"
            return done.stdout
        argv = shlex.split(command)[1:]
        if argv[0] == "up":
            self.daemons.append(self.place.start(*argv))
            until(lambda: "crontab loaded" in self.daemons[-1].stderr, 20, lambda: self.daemons[-1].stderr)
            return ""
        said = ask(self.place, *argv).is_clean()
        assert said.status == 0 or argv[0] in MAY_COMPLAIN, said
        return said.out

    def _plain(self, text: str) -> str:
        for theirs, ours in self.ids.items():
            text = text.replace(theirs, ours)
        for pattern, word in ANY:
            text = "\n".join(pattern.sub(word, line.rstrip()) for line in text.split("\n"))
        return text

    def stop(self) -> None:
        """End the daemons in good order."""
        for daemon in self.daemons:
            daemon.send(signal.SIGTERM)
            assert daemon.wait() == 0, daemon.stderr


@pytest.fixture
def reader(zygote: Zygote, api: FakeMessagesAPI, tmp_path: Path) -> Iterator[Reader]:
    place = Installation(zygote, tmp_path / ".agentcron", {"ANTHROPIC_BASE_URL": api.url})
    for job, marker in MARKERS.items():
        for line in (REHEARSALS / f"{job}.jsonl").read_text().splitlines():
            api.script(marker, turn_from_json(json.loads(line))[1])
    yield Reader(place)
    place.close()


@pytest.mark.parametrize("file", sorted(f.name for f in HOWTO.glob("*.md") if BLOCK.search(f.read_text())))
def test_a_how_to(reader: Reader, file: str) -> None:
    if file not in FROM_NOTHING:
        reader.place.crontab('@manual  sleeper  "Sleep."  model=rehearsal:sleeper.jsonl\n')
        reader.place.trust("")
        (reader.place.home / "sleeper.jsonl").write_text(SLEEPER)
        reader.ids |= {"RUN": reader.place.json("run", "sleeper", "--wait")["run"], "JOB": "sleeper"}
    for block in BLOCK.findall((HOWTO / file).read_text()):
        reader.follow(block)
    reader.stop()


def test_the_how_tos_that_begin_from_nothing_are_there() -> None:
    for name in FROM_NOTHING:
        assert BLOCK.search((HOWTO / name).read_text())
