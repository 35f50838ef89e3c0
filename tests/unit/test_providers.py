"""Providers of models: built-in and plugged in, found by the name of a model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.adapters.anthropic.prices import price_microusd
from scheduler.adapters.anthropic.provider import ANTHROPIC, PRICED
from scheduler.adapters.rehearsal.provider import REHEARSAL
from scheduler.app import providers
from scheduler.core.run.conversation import Usage
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.ports.model import Model
from tests.kit.plug_ins import Distributions
from tests.plugin.parrot_models import ParrotProvider

PARROT = ParrotProvider()


class Greedy(ParrotProvider):
    """Claims the models of others."""

    name = "greedy"

    def owns(self, model: str) -> bool:
        """Whether it is a Claude."""
        return model.startswith("claude-")


GREEDY = Greedy()


@pytest.fixture(autouse=True)
def _no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)


def test_the_built_in_providers_own_what_they_always_owned() -> None:
    assert providers.find_provider("claude-haiku-5-5") is ANTHROPIC
    assert providers.find_provider("rehearsal:nap.jsonl") is REHEARSAL


def test_a_provider_of_a_plug_in_is_found_even_when_it_came_later(distributions: Distributions) -> None:
    with pytest.raises(ConfigError):
        providers.find_provider("parrot:grey")
    distributions.provide(providers.GROUP, "parrot", f"{__name__}:PARROT")
    assert providers.find_provider("parrot:grey") is PARROT


def test_a_model_that_no_provider_owns_is_an_error_that_names_the_known_ones() -> None:
    for model in ("gpt-17", "rehearsals:x", "claude:x"):
        with pytest.raises(ConfigError, match=f"no provider has a model called {model}") as caught:
            providers.find_provider(model)
        assert caught.value.help == "there are: claude-... (anthropic); rehearsal:SCRIPT.jsonl (rehearsal)"


def test_a_gateway_may_serve_models_of_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    assert providers.find_provider("gpt-17") is ANTHROPIC
    assert providers.find_provider("rehearsal:x") is REHEARSAL


def test_two_owners_of_one_model_are_told_apart_by_a_person(distributions: Distributions) -> None:
    distributions.provide(providers.GROUP, "greedy", f"{__name__}:GREEDY")
    with pytest.raises(ConfigError, match="belongs to several providers: anthropic and greedy"):
        providers.find_provider("claude-haiku-5-5")


def test_a_broken_plug_in_stops_no_model_of_another_one(distributions: Distributions) -> None:
    distributions.provide(providers.GROUP, "broken", "no.such.module:X")
    assert providers.find_provider("claude-haiku-5-5") is ANTHROPIC
    with pytest.raises(ConfigError, match=r"^the provider broken \(no.such.module:X\) cannot be loaded"):
        providers.find_provider("broken:x")
    with pytest.raises(ConfigError, match="no provider has a model called gpt-17; the provider broken"):
        providers.find_provider("gpt-17")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("parrot", f"{__name__}:Greedy", "is not a provider but <class"),
        ("parrot", f"{__name__}:Path", "is not a provider but <class"),
        ("parrot", f"{__name__}:PRICED", "is not a provider but frozenset"),
        ("parrot", f"{__name__}:GREEDY", "calls itself greedy"),
        ("rehearsal", f"{__name__}:PARROT", "rehearsal is provided twice, by agentcron and strangers"),
    ],
)
def test_what_is_no_provider_is_told_by_its_place(
    distributions: Distributions, name: str, value: str, problem: str
) -> None:
    distributions.provide(providers.GROUP, name, value)
    with pytest.raises(ConfigError, match=problem):
        providers.find_provider(f"{name}:x")


async def test_a_model_is_opened_once_and_closed_at_the_end(distributions: Distributions) -> None:
    distributions.provide(providers.GROUP, "parrot", f"{__name__}:PARROT")
    closed: list[Model] = []
    models = providers.Models()
    grey = models("parrot:grey")
    assert models("parrot:grey") is grey
    with pytest.raises(CannotWorkError, match="lost its voice"):
        models("parrot:macaw")

    async def close() -> None:
        closed.append(grey)

    grey.close = close  # type: ignore[method-assign]
    await models.close()
    assert closed == [grey]


def test_prices(distributions: Distributions) -> None:
    distributions.provide(providers.GROUP, "parrot", f"{__name__}:PARROT")
    models, usage = providers.Models(), Usage(input_tokens=1000)
    assert models.price("rehearsal:x", usage) == 0
    assert models.price("claude-haiku-5-5", usage) == price_microusd("claude-haiku-5-5", usage)
    assert models.price("claude-of-the-future-9", usage) is None
    assert models.price("parrot:grey", usage) == 1000
    assert models.price("parrot:macaw", usage) is None
    for name in PRICED:
        assert price_microusd(name, usage), "said to have a price without a look into the table"


def test_what_is_wrong_is_told_before_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    assert ANTHROPIC.problem("claude-haiku-5-5") is None
    monkeypatch.setenv("ANTHROPIC_API_KEY", " ")
    problem = ANTHROPIC.problem("claude-haiku-5-5")
    assert isinstance(problem, CannotWorkError)
    assert problem.message == "ANTHROPIC_API_KEY is not set"
    script = tmp_path / "s.jsonl"
    assert isinstance(REHEARSAL.problem(f"rehearsal:{script}"), ConfigError)
    script.write_text('{"text": "ok"}\n')
    assert REHEARSAL.problem(f"rehearsal:{script}") is None


@pytest.mark.process
def test_to_find_a_provider_imports_no_client() -> None:
    code = (
        "import sys; from scheduler.app.providers import find_provider;"
        "find_provider('claude-haiku-5-5').problem('claude-haiku-5-5'); find_provider('rehearsal:x');"
        "print([m for m in sys.modules if m in ('anthropic', 'asyncio', 'genai_prices', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
