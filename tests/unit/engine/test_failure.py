"""What an error that ended an attempt means for its run."""

from __future__ import annotations

import pytest

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.turn import Fail
from scheduler.engine.attempt.failures import failure, first_of
from scheduler.errors import ConfigError


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (ConfigError("no such model"), Fail(ReasonCode.CONFIG, "no such model")),
        (
            OSError(28, "No space left on device", "/w"),
            Fail(ReasonCode.SYSTEM, "No space left on device: /w"),
        ),
        (
            RecursionError(),
            Fail(ReasonCode.ANSWER, "what the model or a tool gave is nested too deeply to be kept"),
        ),
        (ZeroDivisionError("by 0"), Fail(ReasonCode.INTERNAL, "internal error: ZeroDivisionError: by 0")),
    ],
)
def test_each_error_has_a_word_and_a_sentence(error: Exception, failed: Fail) -> None:
    assert failure("k7q2", error) == failed


def test_of_several_errors_the_first_one_tells() -> None:
    first, second = ConfigError("first"), OSError("second")
    assert first_of(ExceptionGroup("both", [ExceptionGroup("one", [first]), second])) is first
