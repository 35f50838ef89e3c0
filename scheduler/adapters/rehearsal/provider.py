"""The provider of rehearsals: free, and ready if the script can be read."""

from __future__ import annotations

from scheduler.adapters.rehearsal.script import PREFIX, is_rehearsal, load_script
from scheduler.core.run.conversation import Usage
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.ports.model import Model


class RehearsalProvider:
    """Provide models with scripts."""

    name = "rehearsal"
    models = "rehearsal:SCRIPT.jsonl"

    def owns(self, model: str) -> bool:
        """Whether the name begins with ``rehearsal:``."""
        return is_rehearsal(model)

    def open(self, model: str) -> Model:  # noqa: ARG002  (it reads the script that a request names)
        """Return the model with the script."""
        from scheduler.adapters.rehearsal.model import RehearsalModel

        return RehearsalModel()

    def price(self, model: str, usage: Usage) -> int | None:  # noqa: ARG002
        """Return 0: a rehearsal costs nothing."""
        return 0

    def problem(self, model: str) -> ConfigError | CannotWorkError | None:
        """Return what is wrong with the script, or None."""
        try:
            load_script(model.removeprefix(PREFIX))
        except ConfigError as error:
            return error
        return None


REHEARSAL = RehearsalProvider()
