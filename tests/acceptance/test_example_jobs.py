"""The example jobs: each is short, passes the lint, and runs with its rehearsal."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.needs import lacking
from tests.kit.person import ask
from tests.kit.processes import ROOT, Installation, Zygote

JOBS = ROOT / "jobs"
REHEARSALS = ROOT / "tests" / "data" / "rehearsals"
GATE = JOBS / "disk_is_full.sh"


@pytest.fixture
def place(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(zygote, tmp_path / "home")
    made.home.mkdir(mode=0o700)
    shutil.copytree(JOBS, made.home / "jobs")
    yield made
    made.close()


def rehearse(place: Installation, line: str, job: str) -> None:
    """Write a crontab of one line; the model of the line goes before that of the prompt file."""
    place.crontab(f"{line}  model=rehearsal:{REHEARSALS / job}.jsonl\n")


@pytest.mark.parametrize("file", sorted(JOBS.iterdir()), ids=lambda file: file.name)
def test_an_example_is_under_60_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 60


@pytest.mark.process
def test_the_examples_pass_the_lint_as_they_are(place: Installation) -> None:
    place.crontab(
        "0 8 * * 1-5  morning-notes  @jobs/morning-notes.md\n"
        '*/15 * * * *  disk-watch  @jobs/disk-watch.md  gate="jobs/disk_is_full.sh 90 / /tmp"\n'
    )
    checked = place.json("check")
    assert checked["ok"], checked
    assert checked["default_budget_jobs"] == 0
    assert checked["usd_per_day"] <= 1


@pytest.mark.process
def test_morning_notes(place: Installation) -> None:
    rehearse(place, "0 8 * * 1-5  morning-notes  @jobs/morning-notes.md", "morning-notes")
    inbox = place.home / "work" / "morning-notes" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "mara.txt").write_text("Can we move the release to Thursday?  Mara\n")
    said = ask(place, "run", "morning-notes", "--wait").is_fine("is sleeping", "inbox/mara.txt")
    assert "error:" not in said.out
    assert "Mara asks" in (inbox.parent / "notes.md").read_text()
    [run] = place.json("list")["runs"]
    assert run["waiting_for"] == "late letters"
    assert run["wake_at"].endswith(":00:00Z")
    ask(place, "resume", run["id"]).is_fine()
    ask(place, "tick").is_fine()
    shown = place.json("show", run["id"])
    assert shown["run"]["state"] == "succeeded"
    assert shown["run"]["summary"] == "One thing is open: answer Mara about Thursday."
    assert {call["state"] for call in shown["calls"]} == {"done"}


@pytest.mark.process
def test_disk_watch_is_woken_by_its_gate_only(place: Installation) -> None:
    line = '*/15 * * * *  disk-watch  @jobs/disk-watch.md  gate="jobs/disk_is_full.sh {limit} /"'
    rehearse(place, line.format(limit=101), "disk-watch")
    ask(place, "run", "disk-watch", "--wait").is_fine("was skipped", "the gate said no: below 101 %")
    workdir = place.home / "work" / "disk-watch"
    assert not (workdir / "alarm.md").exists()
    rehearse(place, line.format(limit=0), "disk-watch")
    run = place.json("run", "disk-watch", "--wait")
    assert (run["state"], run["outcome"]) == ("succeeded", "done")
    assert (workdir / "alarm.md").exists()
    first = place.json("show", run["run"])["messages"][0]
    assert "/ is " in str(first["content"])
    assert "untrusted:gate" in first["provenance"]


@pytest.mark.parametrize(
    ("args", "status", "out"),
    [
        (("0", "/"), 0, "/ is "),
        (("101", "/"), 1, "below 101 %"),
        (("101",), 1, "below 101 %"),
        (("0", "/", "/tmp"), 0, " % full: "),
        (("many",), 2, ""),
        (("",), 1, "below 90 %"),
        (("90", "/no/such/path"), 2, ""),
    ],
)
@pytest.mark.parametrize("shell", [["sh"], ["dash"], ["bash", "--posix"]], ids=lambda words: words[0])
def test_the_gate(shell: list[str], args: tuple[str, ...], status: int, out: str) -> None:
    if shutil.which(shell[0]) is None:
        lacking(f"{shell[0]} is not installed")
    done = subprocess.run([*shell, str(GATE), *args], capture_output=True, text=True, check=False)
    if args == ("",) and done.returncode == 0:
        return  # the disk of this machine is over 90 % full
    assert done.returncode == status, done
    assert out in done.stdout
    assert (done.stderr != "") == (status == 2)


def test_the_gate_reads_what_df_says(tmp_path: Path) -> None:
    # The form that POSIX gives to -P, which both systems print.
    df = tmp_path / "df"
    df.write_text(
        "#!/bin/sh\ncat <<'END'\n"
        "Filesystem   1024-blocks      Used Available Capacity  Mounted on\n"
        "/dev/disk1s1   488245288 459000000  20480000      96%  /\n"
        "/dev/disk2s1     1048576    104857    943719      99%  /Volumes/My Disk\n"
        "END\n"
    )
    df.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([GATE, "95", "/"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "/ is 96 % full: 20000 MB free of 476802 MB",
        "/Volumes/My Disk is 99 % full: 921 MB free of 1024 MB",
    ]
