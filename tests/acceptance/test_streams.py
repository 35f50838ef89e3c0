"""Standard streams: readers that go away, disks that are full, and streams that are closed from the start."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit.needs import lacking
from tests.kit.processes import Installation, Zygote, clean_environment, until

pytestmark = pytest.mark.process


@pytest.fixture
def place(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(zygote, tmp_path / "home")
    yield made
    made.close()


def test_a_reader_that_goes_away_is_no_fault(place: Installation) -> None:
    lines = "".join(f'0 {n % 24} * * *  job-{n}  "x"\n' for n in range(3000))
    place.crontab("MODEL = rehearsal:r.jsonl\n" + lines)
    for number, argv in enumerate((("list",), ("next", "-n", "1000"), ("check",), ("list", "--json"))):
        fifo = place.home / f"fifo.{number}"
        os.mkfifo(fifo)
        err = place.home / f"fifo-err.{number}"
        err.touch()
        order = {"op": "start", "argv": ["--home", str(place.home), *argv], "env": clean_environment()}
        pid = place.zygote.ask(order | {"cwd": str(place.home), "stdout": str(fifo), "stderr": str(err)})[
            "pid"
        ]
        with fifo.open("rb", buffering=0) as reader:
            assert reader.read(10)
        until(lambda: place.zygote.ask({"op": "poll", "pid": pid})["status"] == 0, 20, f"{argv} to end")  # noqa: B023
        complaints = [line for line in err.read_text().splitlines() if "nothing has run yet" not in line]
        assert complaints == [], argv


def test_a_full_disk_behind_stdout_is_said(place: Installation) -> None:
    if not Path("/dev/full").exists():
        lacking("there is no /dev/full")
    place.crontab('@manual a "b"\n')
    err = place.home / "err"
    err.touch()
    order = {"op": "start", "argv": ["--home", str(place.home), "list"], "env": clean_environment()}
    pid = place.zygote.ask(order | {"cwd": str(place.home), "stdout": "/dev/full", "stderr": str(err)})["pid"]
    status = until(lambda: place.zygote.ask({"op": "poll", "pid": pid}).get("status"), 20)
    assert status == 5
    assert "No space left on device" in err.read_text()
    assert "Traceback" not in err.read_text()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_fault_and_no_file_takes_its_place(
    place: Installation, closed: str
) -> None:
    place.crontab('@manual a "b" model=rehearsal:r.jsonl\n')
    (place.home / "r.jsonl").write_text('{"text": "Done."}\n')
    agentcron = f"{shlex.quote(sys.executable)} -m scheduler --home {shlex.quote(str(place.home))}"
    for verb in ("list", "run a --wait"):
        done = subprocess.run(
            ["sh", "-c", f"{agentcron} {verb} {closed}"],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
        )
        assert done.returncode == 0, done.stderr
        assert "internal error in agentcron" not in done.stderr
    with closing(sqlite3.connect(place.home / "agentcron.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT state FROM runs").fetchall() == [("succeeded",)]
