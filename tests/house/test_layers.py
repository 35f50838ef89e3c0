"""Small files, small functions, and imports that point down (those are checked by lint-imports)."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.house.tree import FLOORS, ROOT, functions, parsed, python_files

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_MODULES = 22
"""In one folder: nobody reads a longer list of files."""

MIGRATIONS = "scheduler/adapters/sql/migrations/versions"
"""The one folder that always grows: one file a revision."""

LONG_FILES: dict[str, int] = {}
"""Files that are longer, with their length: this list may only shrink."""

LONG_FUNCTIONS: dict[str, int] = {}
"""Functions that are longer, as ``file:name``: this list may only shrink."""

FILES = python_files("scheduler", "tests")


def lines_of(name: str) -> int:
    """Count the lines of a file."""
    return len((ROOT / name).read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_400_lines() -> None:
    grown = {
        name: length for name in FILES if (length := lines_of(name)) > LONG_FILES.get(name, MAX_FILE_LINES)
    }
    assert not grown, "give a part of it a file of its own"


def test_no_function_is_longer_than_60_lines() -> None:
    grown = {
        f"{name}:{function}": length
        for name in FILES
        for function, length in functions(name)
        if length > LONG_FUNCTIONS.get(f"{name}:{function}", MAX_FUNCTION_LINES)
    }
    assert not grown, "it does more than one thing"


def test_no_folder_has_more_than_22_modules() -> None:
    files = Counter(name.rpartition("/")[0] for name in python_files("scheduler"))
    crowded = {
        name: number
        for name, number in files.items()
        if number > MAX_MODULES and not name.endswith("/versions")
    }
    assert not crowded, "give a part of it a folder of its own"


def test_the_lists_of_exceptions_only_shrink() -> None:
    for name in LONG_FILES:
        if (ROOT / name).is_file():
            assert lines_of(name) > MAX_FILE_LINES, f"take {name} off the list"
    found = {f"{name}:{function}": length for name in FILES for function, length in functions(name)}
    for name in LONG_FUNCTIONS:
        assert found.get(name, 0) > MAX_FUNCTION_LINES, f"take {name} off the list"


def test_the_import_contract_names_every_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (contract for contract in contracts if contract.get("containers") == ["scheduler"])
    named = {floor for layer in layers["layers"] for floor in layer.split(" | ")}
    assert named == set(FLOORS)
    assert layers["exhaustive"] is True


@pytest.mark.parametrize(
    "wrong, contract",
    [
        ("adapters/daylog.py: scheduler.adapters.system", "Adapters do not know each other"),
        ("adapters/metrics/stored.py: scheduler.adapters.sql.selects", "Adapters do not know each other"),
        ("adapters/postgres.py: scheduler.adapters.sql.store", "Adapters do not know each other"),
        ("core/changes/follow_up.py: scheduler.core.changes.limits", "Changes do not know each other"),
        ("core/changes/memory.py: scheduler.core.changes.note", "Changes do not know each other"),
        ("tools/schedule.py: scheduler.tools.sleep", "Tools do not know each other"),
        ("tools/one_more.py: scheduler.tools.note", "Tools do not know each other"),
        ("doors/cli/verbs/look/list.py: scheduler.adapters.system", "Doors import no adapters"),
        ("doors/web.py: scheduler.doors.cli.main", "Doors do not know each other"),
        ("views/jobs.py: scheduler.adapters.halt_file", "Views import no adapters"),
        ("core/job/job.py: scheduler.ports.clock", "Imports point down"),
        ("core/time/cron.py: scheduler.core.job.job", "Imports point down in the core"),
        ("engine/settings.py: scheduler.config", "Imports point down"),
        ("toolkit.py: scheduler.host.child", "Imports point down"),
        ("toolkit.py: sqlalchemy", "SQLModel stays in the adapters"),
        ("core/job/job.py: os", "The core is pure"),
        ("core/run/run.py: scheduler.core.run.turn", "No circles of files or folders"),
        ("engine/services.py: sqlalchemy", "SQLModel stays in the adapters"),
    ],
)
def test_each_import_contract_breaks_at_a_wrong_import(wrong: str, contract: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "scheduler", tmp_path / "scheduler", ignore=shutil.ignore_patterns("__pycache__"))
    name, _, imported = wrong.partition(": ")
    with (tmp_path / "scheduler" / name).open("a", encoding="utf-8") as file:
        file.write(f"\nimport {imported}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    broken = [line for line in done.stdout.splitlines() if line.endswith(" BROKEN")]
    # An import that points up may close a circle, too.
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in broken
    assert set(broken) <= {f"{contract} BROKEN", "No circles of files or folders BROKEN"}


def test_authors_of_plug_ins_import_no_adapter() -> None:
    pages = sorted((ROOT / "docs" / "howto").glob("*.md"))
    plug_ins = sorted((ROOT / "tests" / "plugin").glob("*.py"))
    assert len(plug_ins) > 5
    for path in (*pages, *plug_ins):
        assert "scheduler.adapters" not in path.read_text(encoding="utf-8"), path


@pytest.mark.process
def test_the_toolkit_imports_no_library() -> None:
    code = "import sys, scheduler.toolkit; print(sorted(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ast.literal_eval(done.stdout))
    assert "scheduler" in loaded
    assert not loaded & {"sqlalchemy", "sqlmodel", "sqlite3", "alembic", "jsonschema", "asyncio", "anthropic"}


@pytest.mark.parametrize("floor", ["core", "ports"])
def test_the_pure_floors_never_read_the_clock(floor: str) -> None:
    for name in python_files("scheduler"):
        if not name.startswith(f"scheduler/{floor}/"):
            continue
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                said = f"{node.value.id}.{node.attr}"
                assert said not in ("datetime.now", "datetime.utcnow", "date.today", "time.time"), name


MAY_HAVE_THREADS = ("scheduler/adapters/sql/", "scheduler/adapters/metrics/server.py")
"""The committer; and who must answer when the loop hangs."""


def test_there_is_one_async_loop_and_no_thread_next_to_the_committers_and_the_metrics() -> None:
    threads = [
        name
        for name in python_files("scheduler")
        if any(
            isinstance(node, ast.Import) and any(alias.name == "threading" for alias in node.names)
            for node in ast.walk(parsed(name))
        )
    ]
    assert all(name.startswith(MAY_HAVE_THREADS) for name in threads)


SQLITE = "scheduler/adapters/sql/sqlite/"
"""All that is SQLite's own; a server of databases would get a folder next to it."""


def test_nothing_but_its_own_folder_speaks_sqlite() -> None:
    speakers = {
        name
        for name in python_files("scheduler")
        for node in ast.walk(parsed(name))
        if (isinstance(node, ast.Import) and any(alias.name == "sqlite3" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "sqlite3")
        or (isinstance(node, ast.Constant) and str(node.value).startswith("PRAGMA "))
    }
    assert speakers, "the search itself works"
    assert {name for name in speakers if not name.startswith(SQLITE)} == set()


RELIES_ON_SERIALISED_WRITERS = (
    *("budget_guard", "claims", "fires", "changes/follow_ups", "changes/limits", "orders", "records"),
    *("events", "outbox", "steps"),
)


@pytest.mark.parametrize("unit", RELIES_ON_SERIALISED_WRITERS)
def test_who_checks_and_then_writes_says_what_that_relies_on(unit: str) -> None:
    text = (ROOT / f"scheduler/adapters/sql/units/{unit}.py").read_text(encoding="utf-8")
    assert "writing units are serialised" in " ".join(text.replace("#", " ").split()).lower()


CONFORMANCE = "scheduler/testing/conformance/store/"


def test_the_contract_of_the_store_is_checked_through_its_ports() -> None:
    checks = [
        name
        for name in (*python_files("tests"), *python_files("scheduler"))
        if name.startswith(("tests/contract/test_store_", "tests/contract/test_reader_", CONFORMANCE))
    ]
    assert len(checks) > 10, "the search itself works"
    for name in checks:
        for node in ast.walk(parsed(name)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            bound = [
                each for each in modules if each.startswith(("sqlite3", "sqlalchemy", "scheduler.adapters"))
            ]
            assert not bound, f"{name} imports {bound}: another database must be able to pass"
