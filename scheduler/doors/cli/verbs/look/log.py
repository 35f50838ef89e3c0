"""``agentcron log``: read and verify the daily log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click

from scheduler.app.day_log import log_files, log_lines, newest_record, stored_hashes
from scheduler.config import Config
from scheduler.core.record import Head, Record, flaw, from_line
from scheduler.doors.cli.text.out import hint, say
from scheduler.doors.cli.text.params import JOB
from scheduler.errors import NotFoundError, UsageError


@click.command("log", epilog="Example:  agentcron log --run k7q2m4xa --verify")
@click.option("--day", metavar="DAY", help="Of one day in UTC, such as 2026-11-25.")
@click.option("--job", type=JOB, help="Of one job.")
@click.option("--run", "run_id", metavar="RUN", help="Of one run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one record a line.")
@click.option("--verify", is_flag=True, help="Check the whole chain, and compare it with the database.")
@click.pass_obj
def log_command(
    config: Config, day: str | None, job: str | None, run_id: str | None, as_json: bool, verify: bool
) -> None:
    """Print the daily log: every move, call and request, in order.

    Each record carries the hash of the one before it, so --verify finds records that were changed or removed.
    It does not detect a log and a database that were both rewritten from the first record on.
    """
    if day is not None:
        _require_day(day)
    found = log_files(config)
    if not found:
        raise NotFoundError(f"no daily log in {config.log}", help="the first run creates it")
    if run_id is not None:
        run_id = _run_of(found, run_id)
    if job is not None:
        _require_job(config, found, job)
    flaws = _flaws(config, found) if verify else []
    if not verify or day or job or run_id:
        for record in _records(found):
            wanted = (day in (None, record.day), job in (None, record.job), run_id in (None, record.run_id))
            if all(wanted):
                say(record.line().rstrip("\n") if as_json else _line(record))
    for wrong in flaws:
        hint(f"log: {wrong}")
    if flaws:
        raise SystemExit(1)
    if verify:
        last = list(_records(found[-1:]))[-1:]
        head = f"ends with record {last[0].seq}, {last[0].hash[:12]}" if last else "is empty"
        hint(f"log: the chain is intact and matches the database; it {head} (a full rewrite is not detected)")


def _run_of(found: list[Path], prefix: str) -> str:
    """Return the id of the run with this prefix."""
    ids = sorted({record.run_id for record in _records(found) if record.run_id.startswith(prefix)})
    if len(ids) > 1 and prefix not in ids:
        raise NotFoundError(f'"{prefix}" matches {" and ".join(ids[:5])}', help="type more characters")
    if not ids or not prefix:
        raise NotFoundError(f'the daily log has no run "{prefix}"', help="see: agentcron list")
    return prefix if prefix in ids else ids[0]


def _require_job(config: Config, found: list[Path], job: str) -> None:
    """Refuse a job that neither the log nor the crontab has."""
    from scheduler.doors.cli.text.jobs import find_job, read_orders

    if all(record.job != job for record in _records(found)):
        find_job(read_orders(config), job)


def _require_day(text: str) -> None:
    try:
        is_day = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_day = False
    if not is_day:
        raise UsageError(f"{text!r} is not a day", help="write it as 2026-11-25")


def _line(record: Record) -> str:
    about = " ".join(part for part in (record.job, record.run_id) if part) or "-"
    return f"{record.seq:>6}  {record.at[:19]}Z  {record.kind:<9}  {about}  {record.body}"


def _records(found: list[Path]) -> Iterator[Record]:
    for path in found:
        for number, line in enumerate(log_lines(path), 1):
            try:
                yield from_line(line)
            except ValueError:
                hint(f"log: {path.name}, line {number} is not a record; see: agentcron log --verify")


def _flaws(config: Config, found: list[Path]) -> list[str]:
    """Return what is wrong with the chain, and where it differs from the database."""
    flaws: list[str] = []
    before: Head | None = Head()  # the very first record is never removed
    stored = stored_hashes(config)
    for path in found:
        for number, line in enumerate(log_lines(path), 1):
            try:
                record = from_line(line)
            except ValueError:
                flaws.append(f"{path.name}, line {number}: not a record")
                before = None
                continue
            wrong = flaw(record, before)
            if not wrong and record.line().encode() != line:
                wrong = f"record {record.seq}: not in canonical form"
            if not wrong and stored.get(record.seq, record.hash) != record.hash:
                wrong = f"record {record.seq}: the database has a different one"
            if wrong:
                flaws.append(f"{path.name}, line {number}: {wrong}")
            before = record.head
    # Read after the files: other processes write to the database first.
    newest = newest_record(config)
    if newest is not None and before is not None and newest.seq < before.seq:
        flaws.append(f"the log ends with record {before.seq}, the database with {newest.seq}")
    if newest is not None and before is not None and newest.seq > before.seq:
        hint(f"log: {newest.seq - before.seq} records of the database are not copied yet")
    return flaws
