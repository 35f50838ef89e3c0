"""The databases that there are hold to the suite that ships, and stores that do not are caught by it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from scheduler.ports.store.database import Database
from scheduler.testing.conformance.store.suite import CHECKS, StoreConformance, check_store
from tests.contract import wrong_stores
from tests.contract.databases import DATABASES


class TestSqlite(StoreConformance):
    """The built-in database."""

    def make_database(self, folder: Path) -> Database:
        """Return a file."""
        return DATABASES["sqlite"](folder)


def spoiled(folder: Path, wrong: type[wrong_stores.WrongStore]) -> Database:
    """Return a database whose stores are wrong."""
    return cast(Database, wrong_stores.WrongDatabase(DATABASES["sqlite"](folder), wrong))


WRONG: tuple[tuple[type[wrong_stores.WrongStore], str, str], ...] = (
    (wrong_stores.IgnoresTheEpoch, "an_old_epoch_writes_nothing", "of an old epoch was written"),
    (wrong_stores.SwallowsALostLease, "a_lease_that_ran_out", "an old epoch wrote a step"),
    (wrong_stores.ForgetsGuards, "a_request_that_has_no_room", "a full day had room for more"),
    (wrong_stores.ForgetsGuards, "requests_at_once", "8 requests were opened where there was room for one"),
    (wrong_stores.ForgetsMessages, "a_checkpoint_is_the_sum", "after step 1 another one is loaded"),
    (wrong_stores.ForgetsMessages, "a_step_that_rests", "0 messages and 1 wake-ups were kept"),
    (wrong_stores.ReportsNoCancel, "a_cancel_is_reported", "does not report a cancel"),
    (wrong_stores.DoublesASlot, "two_processes_fire_a_slot_once", "one slot became 2 runs"),
    (wrong_stores.ClaimsTwice, "processes_that_claim_at_once", "were claimed twice"),
    (wrong_stores.WakesEarly, "a_sleeper_is_woken_once", "a sleeper was woken early"),
    (wrong_stores.LosesNoLease, "a_lease_is_renewed", "a lost lease is not reported"),
    (wrong_stores.OutboxForgets, "a_notice_taken_by_a_process_that_died", "was forgotten"),
    (wrong_stores.OutboxRepeats, "a_notice_of_a_step_is_sent", "one notice was handed out"),
    (wrong_stores.OutboxIgnoresKeys, "a_notice_with_a_key", "were answered [True, True]"),
    (wrong_stores.RecordsAnEventTwice, "an_event_is_recorded_once", "one event was recorded 8 times"),
    (wrong_stores.RecordsAnEventTwice, "an_event_fires_its_job_once", "one event fired its job 2 times"),
    (wrong_stores.AnswersTwice, "a_question_is_answered_once", "a question was answered twice"),
    (wrong_stores.NamesAnother, "the_record_names_who_did_it", "of two orders 1 are on record"),
    (wrong_stores.CountsItsOwnWrites, "a_write_of_another_process", "an own write counts"),
    (wrong_stores.PrunesTooMuch, "old_runs_are_deleted", "runs were deleted that are young enough"),
    (wrong_stores.IsNeverClosed, "what_was_acknowledged", "a closed store answers"),
)


@pytest.mark.parametrize(
    ("wrong", "check", "message"), WRONG, ids=lambda each: getattr(each, "__name__", None)
)
def test_a_wrong_store_is_caught(
    wrong: type[wrong_stores.WrongStore], check: str, message: str, tmp_path: Path
) -> None:
    (name,) = (each for each in CHECKS if each.startswith(f"test_{check}"))
    suite = TestSqlite()
    suite.make_database = lambda folder: spoiled(folder, wrong)  # type: ignore[method-assign]
    with pytest.raises(AssertionError) as caught:
        getattr(suite, name)(tmp_path)
    assert message in str(caught.value)


def test_every_wrong_store_is_tried() -> None:
    known = {
        each
        for each in vars(wrong_stores).values()
        if isinstance(each, type) and issubclass(each, wrong_stores.WrongStore)
    }
    assert known - {wrong_stores.WrongStore} == {wrong for wrong, _, _ in WRONG}


def test_the_suite_can_be_called(tmp_path: Path) -> None:
    asked: list[Path] = []

    def make(folder: Path) -> Database:
        asked.append(folder)
        return spoiled(folder, wrong_stores.NamesAnother)

    with pytest.raises(AssertionError, match="on record with the name"):
        check_store(make, tmp_path)
    assert asked[-1].name == "test_the_record_names_who_did_it"
    assert len(asked) == len(set(asked)) > 10, "each check has a folder of its own"
