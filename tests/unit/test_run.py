"""The state machine of a run: the table is the only authority, and nothing leaves it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.run.cause import BY_SCHEDULE
from scheduler.core.run.run import FINAL, LIVE, TRANSITIONS, Move, Run, State, after, transition
from scheduler.errors import RefusedError

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

RESTORED = {Move.RESTORE: State.PARKED}

MOVES_FROM: dict[State | None, dict[Move, State]] = {
    None: {Move.FIRE: State.QUEUED, Move.SKIP: State.SKIPPED},
    State.QUEUED: {Move.CLAIM: State.RUNNING, Move.CANCEL: State.CANCELLED, **RESTORED},
    State.RUNNING: {
        Move.QUIET: State.SKIPPED,
        Move.SUSPEND: State.SLEEPING,
        Move.FINISH: State.SUCCEEDED,
        Move.FAIL: State.FAILED,
        Move.BACK_OFF: State.RETRYING,
        Move.RELEASE: State.QUEUED,
        Move.RESCUE: State.QUEUED,
        Move.BURY: State.FAILED,
        Move.PARK: State.PARKED,
        Move.CANCEL: State.CANCELLED,
        **RESTORED,
    },
    State.SLEEPING: {Move.WAKE: State.QUEUED, Move.CANCEL: State.CANCELLED, **RESTORED},
    State.PARKED: {
        Move.WAKE: State.QUEUED,
        Move.EXPIRE: State.FAILED,
        Move.CANCEL: State.CANCELLED,
        **RESTORED,
    },
    State.RETRYING: {Move.WAKE: State.QUEUED, Move.CANCEL: State.CANCELLED, **RESTORED},
    State.FAILED: {Move.RETRY: State.QUEUED},
    State.CANCELLED: {Move.RETRY: State.QUEUED},
    State.SUCCEEDED: {},
    State.SKIPPED: {},
}
"""The table of the design, written down a second time."""

PAIRS = [(state, move) for state in MOVES_FROM for move in Move]


@pytest.mark.parametrize(("state", "move"), PAIRS)
def test_a_move_leads_where_the_design_says_or_is_refused(state: State | None, move: Move) -> None:
    target = MOVES_FROM[state].get(move)
    if target is not None:
        assert after(state, move) is target
    else:
        with pytest.raises(RefusedError, match=r"^a run that is .* cannot "):
            after(state, move)


def test_every_move_stands_in_the_table_exactly_once() -> None:
    assert sorted(line.move for line in TRANSITIONS) == sorted(Move)
    for move in Move:
        assert transition(move).move is move


def test_every_line_says_who_and_why() -> None:
    for line in TRANSITIONS:
        assert line.by
        assert line.note


def test_every_state_can_be_reached() -> None:
    reached: set[State | None] = {None}
    while True:
        more = {target for state in reached for target in MOVES_FROM[state].values()} - reached
        if not more:
            break
        reached |= more
    assert reached == {None, *State}


def test_every_live_state_has_a_way_to_an_end() -> None:
    for state in LIVE:
        seen, open_ = {state}, [state]
        while open_:
            more = set(MOVES_FROM[open_.pop()].values()) - seen
            seen |= more
            open_ += more
        assert seen & FINAL


def test_any_live_run_can_be_cancelled_and_no_final_one() -> None:
    assert transition(Move.CANCEL).sources == LIVE


def test_only_a_person_moves_a_final_run() -> None:
    for line in TRANSITIONS:
        if line.sources & FINAL:
            assert (line.move, line.by) == (Move.RETRY, "person")


def test_a_state_is_live_or_final_and_a_run_knows_which() -> None:
    assert frozenset(State) == LIVE | FINAL
    assert not LIVE & FINAL
    for state in State:
        run = Run("a", "job", state, BY_SCHEDULE, START, START)
        assert run.is_final == (state in FINAL)


@given(st.lists(st.sampled_from(Move), max_size=40))
def test_no_sequence_of_moves_leaves_the_table(moves: list[Move]) -> None:
    state: State | None = None
    for move in moves:
        try:
            state_after = after(state, move)
        except RefusedError:
            assert move not in MOVES_FROM[state]
        else:
            assert state_after is MOVES_FROM[state][move]
            state = state_after
