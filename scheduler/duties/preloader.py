"""The preloader: imports what enabled jobs will need for their first request, while the daemon is idle.

The client of a model may take a second of CPU to import.  Without this duty the first run after a start waits
for it, although the daemon had nothing to do before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence

from scheduler.core.job.job import Job
from scheduler.engine.services import Services
from scheduler.errors import ConfigError, StoreError
from scheduler.host.imports import ImportStoppedError, stoppable_imports
from scheduler.ports.provider import FindProvider, PreloadingProvider

log = logging.getLogger("agentcron")

IDLE_SECONDS = 0.2
"""How long after a load of the crontab, and between two looks whether any run is queued or running."""


class Preloader:
    """Preloads each provider that an enabled job needs, once.

    Args:
        find: gives the provider of a model; called in the thread, as it may import the provider.
    """

    def __init__(self, find: FindProvider) -> None:
        self._find = find
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
            await _until_idle(services)
            stop = threading.Event()
            try:
                await asyncio.to_thread(self._preload, self._models, stop)
            finally:
                stop.set()  # cancelled, the thread ends before the next module

    def _preload(self, models: Sequence[str], stop: threading.Event) -> None:
        try:
            with stoppable_imports(stop):
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


async def _until_idle(services: Services) -> None:
    while True:
        await services.clock.sleep(IDLE_SECONDS)
        try:
            if not await services.store.unsettled():
                return
        except StoreError:
            continue  # an outage is the runner's matter
