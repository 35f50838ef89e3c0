"""The command line starts quickly: what a verb does not need is not imported."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.app.crontab import crontab_file
from scheduler.config import load
from tests.house.tree import ROOT
from tests.kit.processes import clean_environment

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

HEAVY = (
    "anthropic",
    "sqlmodel",
    "sqlalchemy",
    "alembic",
    "mcp",
    "genai_prices",
    "httpx",
    "httpcore2",
    "pydantic",
    "rich",
    "opentelemetry",
    "prometheus_client",
    "jsonschema",
    "referencing",
    "regex",
)

_LOOK = """
import json, sys
from scheduler.doors.cli.main import main
try:
    sys.argv = ["agentcron", *json.loads(sys.argv[1])]
    main()
except SystemExit:
    pass
finally:
    print("\\n" + json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def loaded(home: Path, *argv: str, code: str = _LOOK) -> set[str]:
    """Return the top-level modules that a command has imported when it is done."""
    out = subprocess.run(
        [sys.executable, "-c", code, json.dumps(argv)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**clean_environment(), "AGENTCRON_HOME": str(home)},
        check=False,
        timeout=60,
    )
    assert out.stdout, out.stderr
    return set(json.loads(out.stdout.splitlines()[-1]))


@pytest.mark.process
@pytest.mark.parametrize(
    ("argv", "light"),
    [
        ((), ("croniter",)),
        (("--help",), ("croniter",)),
        (("--version",), ("croniter",)),
        (("list", "--help"), ("croniter",)),
        (("list",), ("email",)),
        (("check",), ()),
        (("explain", "0 9 * * *"), ("email",)),
    ],
)
def test_a_reader_imports_no_model_provider_and_no_database_library(
    tmp_path: Path, argv: tuple[str, ...], light: tuple[str, ...]
) -> None:
    (tmp_path / "crontab").write_text('0 9 * * *  one  "x"\n')
    assert loaded(tmp_path, *argv) & {*HEAVY, *light} == set()


@pytest.mark.process
@pytest.mark.parametrize("argv", [("list",), ("why", "one"), ("spend",)])
def test_a_reader_of_a_database_looks_for_no_plug_ins(tmp_path: Path, argv: tuple[str, ...]) -> None:
    """``email`` is what the list of installed packages is read with."""
    config = load(str(tmp_path))
    config.crontab.write_text('0 9 * * *  one  "x"\n')

    async def fill() -> None:
        store = SqliteDatabase(config.database).open_store(lambda: "run00001")
        await store.load_orders(crontab_file(config).read(NOON), NOON)
        await store.close()

    asyncio.run(fill())
    assert loaded(tmp_path, *argv) & {*HEAVY, "email"} == set()


@pytest.mark.process
def test_importing_the_package_imports_next_to_nothing(tmp_path: Path) -> None:
    code = "import sys, json, scheduler; print(json.dumps(sorted(sys.modules)))"
    assert [name for name in loaded(tmp_path, code=code) if name.startswith("scheduler.")] == []
