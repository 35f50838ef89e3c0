"""The wheel holds the package and what it reads at run time, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.house.tree import ROOT, tracked
from tests.kit.needs import lacking

NEW_ENOUGH = 77
"""The major version of setuptools that reads our pyproject.toml."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy of the tracked files: a build leaves its traces beside the sources."""
    source = tmp_path_factory.mktemp("source")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / "scheduler" / "__pycache__").mkdir(exist_ok=True)
    (source / "scheduler" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"")
    (source / "scheduler" / ".hidden").write_text("a dotfile")
    (source / "scheduler" / "leftover.db").write_text("a database")
    argv = [sys.executable, "-m", "build", "--wheel", "--outdir", str(source / "out"), str(source)]
    if int(version("setuptools").split(".")[0]) >= NEW_ENOUGH:
        argv.insert(4, "--no-isolation")
    built = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=110)
    if built.returncode and "--no-isolation" not in argv:
        lacking("an isolated build needs an index of packages")
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = Path(source / "out").glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.process
def test_only_the_package_and_its_metadata_are_inside(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert len(tops) == 2
    assert "scheduler" in tops
    assert next(iter(tops - {"scheduler"})).endswith(".dist-info")


@pytest.mark.process
def test_all_modules_and_all_that_they_read_are_inside(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    kinds = (".py", ".md", ".example", ".jsonl")
    wanted = {name for name in tracked() if name.startswith("scheduler/") and name.endswith(kinds)}
    assert wanted <= inside
    assert "scheduler/py.typed" in inside
    assert "scheduler/engine/attempt/system_prompt.md" in inside


@pytest.mark.process
def test_nothing_that_a_machine_left_behind_is_inside(wheel: zipfile.ZipFile) -> None:
    bad = re.compile(r"(^|/)\.|__pycache__|\.pyc$|\.db$|(^|/)tests/|(^|/)jobs/")
    assert [name for name in wheel.namelist() if bad.search(name)] == []


@pytest.mark.process
def test_the_command_the_tools_and_the_licence_are_declared(wheel: zipfile.ZipFile) -> None:
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(points).decode()
    assert "agentcron = scheduler.doors.cli.main:main" in text
    assert "sleep = scheduler.tools.sleep:SLEEP" in text
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    assert "Requires-Dist: croniter" in wheel.read(metadata).decode()
    assert any(name.endswith("LICENSE") for name in wheel.namelist())
