"""Money: what the library knows, what it does not, and that cached tokens count."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scheduler.adapters.anthropic.prices import price_microusd
from scheduler.core.run.conversation import Usage

MODELS = ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_today_has_a_price_and_output_costs_more(model: str) -> None:
    put_in = price_microusd(model, Usage(input_tokens=10_000))
    put_out = price_microusd(model, Usage(output_tokens=10_000))
    assert put_in
    assert put_out
    assert put_out > put_in > 0


def test_the_parts_add_up_with_a_cache_read_cheaper_and_a_write_dearer() -> None:
    model = "claude-sonnet-5-5"
    parts = [
        price_microusd(model, Usage(input_tokens=1000)),
        price_microusd(model, Usage(cache_read_tokens=1000)),
        price_microusd(model, Usage(cache_write_tokens=1000)),
        price_microusd(model, Usage(output_tokens=1000)),
    ]
    assert parts == [2_000, 100, 2_500, 10_000]
    assert price_microusd(model, Usage(1000, 1000, 1000, 1000)) == sum(p or 0 for p in parts)


def test_a_part_of_a_millionth_is_rounded_up_so_that_nothing_is_free() -> None:
    assert price_microusd("claude-haiku-5-5", Usage(input_tokens=1)) == 1
    assert price_microusd("claude-haiku-5-5", Usage()) == 0


def test_an_unknown_model_has_no_price() -> None:
    assert price_microusd("claude-of-the-future-9", Usage(input_tokens=1)) is None


@pytest.mark.process
def test_the_adapter_imports_neither_the_sdk_nor_the_prices() -> None:
    code = "import sys, scheduler.adapters.anthropic; print({'anthropic', 'genai_prices'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
