"""The preloader: imports what enabled jobs will need for their first request, while the daemon is idle.

The client of a model may take a second of CPU to import.  Without this duty the first run after a start waits
for it, although the daemon had nothing to do before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from scheduler.core.job.job import Job
from scheduler.engine.services import Services
from scheduler.errors import ConfigError
from scheduler.host.imports import ImportStoppedError, StoppableImports
from scheduler.ports.provider import FindProvider, PreloadingProvider

log = logging.getLogger("agentcron")

IDLE_SECONDS = 0.2
"""How long after a load of the crontab, and between two looks whether a run is under way."""


class Preloader:
    """Preloads each provider that an enabled job needs, once.

    Args:
        find: gives the provider of a model; called in the thread, as it may import the provider.
        is_idle: whether the daemon has no run under way.
    """

    def __init__(self, find: FindProvider, is_idle: Callable[[], bool]) -> None:
        self._find, self._is_idle = find, is_idle
        self._models: Sequence[str] = ()
        self._loaded = asyncio.Event()
        self._done: set[str] = set()

    def loaded(self, jobs: Iterable[Job]) -> None:
        """Note the jobs of a crontab that was loaded."""
        models = {job.model for job in jobs if job.enabled and job.asks_a_model}
        # Names with the same prefix have the same provider.
        owners = {model.partition(":")[0] if ":" in model else model: model for model in models}
        self._models = sorted(owners.values())
        self._loaded.set()

    async def keep_preloaded(self, services: Services) -> None:
        """Preload after each load of the crontab, in a thread; never ends by itself."""
        while True:
            await self._loaded.wait()
            self._loaded.clear()
            await services.clock.sleep(IDLE_SECONDS)
            while not self._is_idle():
                await services.clock.sleep(IDLE_SECONDS)
            imports = StoppableImports()
            try:
                await asyncio.to_thread(self._preload, self._models, imports)
            finally:
                imports.stop()  # cancelled, the thread ends before the next module

    def _preload(self, models: Sequence[str], imports: StoppableImports) -> None:
        try:
            with imports:
                for model in models:
                    self._preload_for(model)
        except ImportStoppedError:
            log.debug("the daemon stops: preloading was broken off")

    def _preload_for(self, model: str) -> None:
        try:
            provider = self._find(model)
        except ConfigError:
            return  # which ``check`` reports, and the attempt
        if not isinstance(provider, PreloadingProvider) or provider.name in self._done:
            return
        try:
            if provider.problem(model) is None:
                provider.preload()
                self._done.add(provider.name)
        except Exception as error:  # a plug-in may raise anything, and the first request will meet it, too
            log.warning(
                "the provider %s cannot be preloaded: %s: %s", provider.name, type(error).__name__, error
            )
