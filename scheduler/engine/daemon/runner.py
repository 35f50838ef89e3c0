"""The runner: start a pass when something is due, claim runs up to its capacity, and stop cleanly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from scheduler.core.job.firing import decide_at_once
from scheduler.core.job.job import Job
from scheduler.core.job.standing import LoadReport, RunnerInfo, StandingOrders
from scheduler.core.run.cause import REBOOT, Cause
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.core.time.trigger import Reboot
from scheduler.engine.attempt.attempt import Attempt
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.daemon.clock import Clockwatch
from scheduler.engine.daemon.crontab import OrdersWatch
from scheduler.engine.daemon.halts import watch_halt
from scheduler.engine.daemon.leases import keep_leases, renew_leases
from scheduler.engine.daemon.outage import Outage
from scheduler.engine.daemon.restored import take_note
from scheduler.engine.daemon.tick import Pass, tick
from scheduler.engine.outbox import send_notices
from scheduler.engine.services import Services
from scheduler.errors import AgentcronError, LostLeaseError, ReplacedError, StoreError
from scheduler.ports.orders import Orders
from scheduler.ports.presence import Presence

log = logging.getLogger("agentcron")


@dataclass(slots=True)
class Runner:
    """A process that works: a daemon, a single tick, or ``run --wait``.

    Args:
        only: if given, only these runs are claimed.
        on_load: is called with the changes of each load of the crontab.
        boot_id: identifies the boot of the machine; ``@reboot`` jobs fire once for each.
        duties: what a daemon does besides its runs, each in a separate task until the end.
    """

    services: Services
    info: RunnerInfo
    presence: Presence
    orders: Orders | None = None
    only: list[str] | None = None
    on_load: Callable[[StandingOrders, LoadReport], None] = lambda *_: None
    boot_id: str = ""
    duties: Sequence[Callable[[Services], Coroutine[Any, Any, None]]] = ()
    jobs: dict[str, Job] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sender: asyncio.Task[None] | None = None
    _nudge: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: bool = False
    _seen_changes: int = -1
    _alive: list[RunnerInfo] = field(default_factory=list)
    _trust_leases_from: float = 0.0
    _owed: list[RunWriter] = field(default_factory=list)
    _is_replaced: bool = False
    _next_due: datetime | None = None
    _zone: str = ""
    _watch: Clockwatch = field(init=False)
    _orders: OrdersWatch | None = field(init=False)

    def __post_init__(self) -> None:
        self._watch = Clockwatch(self.services.clock)
        self._orders = OrdersWatch(self.orders, self.services.clock) if self.orders is not None else None

    def stop(self) -> None:
        """Stop claiming; release what is under way within the grace time."""
        self._stop = True
        self._nudge.set()

    @property
    def is_stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop

    def hurry(self) -> None:
        """Stop at once: what is under way is cut off and handed back."""
        self.stop()
        for attempt in list(self.attempts.values()):
            attempt.interrupt("stop")

    def look_again(self) -> None:
        """Look soon at what is due: this process has queued a run, which no look at the outside shows."""
        self._nudge.set()

    def reload(self) -> None:
        """Read the crontab again, changed or not."""
        if self._orders is not None:
            self._orders.ask()
        self._nudge.set()

    async def serve(self) -> None:
        """Work until ``stop`` is called."""
        await self._watch.look_back(self.services.store)
        await self.services.store.enter(self.info)
        keeper = asyncio.create_task(keep_leases(self.services, self.info.id, self.attempts))
        halting = asyncio.create_task(watch_halt(self.services, self.attempts, self._nudge.set))
        duties = [asyncio.create_task(duty(self.services)) for duty in self.duties]
        outage = Outage(self.services.clock, "nothing new is started until that is over")
        try:
            while not self._stop:
                try:
                    await self._turn()
                    outage.over()
                    seconds = await self._seconds_to_next()
                    self.services.move_log.passed(len(self.jobs), len(self._tasks), self._next_due)
                    await self._wait(seconds, watch=True)
                except StoreError as error:
                    outage.hit(error)
                    self.services.move_log.troubled(error.message)
                    self._is_replaced |= isinstance(error, ReplacedError)
                    await self._wait(self.services.settings.poll_seconds * 4, watch=False)
            await self._wind_down()
        finally:
            for task in (keeper, halting, *duties):
                task.cancel()
            await asyncio.gather(keeper, halting, *duties, return_exceptions=True)
            await self._leave()

    async def _turn(self) -> None:
        if self._is_replaced:
            await self._move_over()
        if self._seen_changes < 0:
            # Before the first reading of the tables, or a write just after it would not be noticed.
            self._seen_changes = await self.services.store.changes()
        await self._load_if_changed()
        await self._mind_the_clock()
        await self._hand_back()
        await self._pass()

    async def _hand_back(self) -> None:
        """Hand back the leases of attempts that ended while the database was not available."""
        while self._owed:
            writer = self._owed[0]
            step = Step(at=self.services.clock.now(), move=Move.RELEASE, keep_attempt=False)
            with suppress(LostLeaseError):
                await writer.commit(step)
            self._owed.pop(0)

    async def _move_over(self) -> None:
        """Switch to the database that has replaced ours: a backup was restored."""
        for attempt in list(self.attempts.values()):
            # Their leases belong to the old one, and the new one may contain the same run with the same
            # epoch.
            attempt.interrupt("lost")
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._owed.clear()
        await self.services.store.reopen()
        await take_note(self.services)
        await self._watch.look_back(self.services.store)
        await self.services.store.enter(self.info)
        self._is_replaced = False
        log.warning(
            "the database was replaced by another one; continuing with it", extra={"event": "store.replaced"}
        )
        self._seen_changes = -1
        self.reload()

    async def once(self, *, due: bool = True) -> Pass:
        """One pass: fire, wake, rescue, and run what can be claimed until it is final or asleep.

        Args:
            due: false handles nothing that is due, and only claims.
        """
        await self._watch.look_back(self.services.store)
        await self.services.store.enter(self.info)
        keeper = asyncio.create_task(keep_leases(self.services, self.info.id, self.attempts))
        halting = asyncio.create_task(watch_halt(self.services, self.attempts, self._nudge.set))
        try:
            await self._load_if_changed()
            done = Pass()
            if due:
                await self._mind_the_clock()
                done = await self._pass()
            while not self._stop:
                # Cleared before the check: a run that ends during it frees capacity, or its job's next run.
                self._nudge.clear()
                await self._claim()
                if not self._tasks and not self._nudge.is_set():
                    break
                await self._nudge.wait()
            await self._wind_down()
            while await send_notices(self.services, self.info.id):
                pass
            return done
        finally:
            keeper.cancel()
            halting.cancel()
            await asyncio.gather(keeper, halting, return_exceptions=True)
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self.services.store.leave(self.info.id, self.services.clock.now())
        except StoreError as error:
            log.error("could not record that this runner ended: %s", error)

    # -- the crontab ------------------------------------------------------------------------------
    async def _load_if_changed(self) -> None:
        if self.orders is None or self._orders is None or not self._orders.take():
            return
        now = self.services.clock.now()
        try:
            # In a thread: thousands of lines take a second, and leases must be renewed meanwhile.
            orders = await asyncio.to_thread(self.orders.read, now)
        except AgentcronError as error:
            # The last good table stays; jobs must not vanish because a file is unreadable at the moment.
            log.error("the crontab was not loaded: %s; the last good one stays", error.message)
            self.services.move_log.loaded(len(self.jobs), error.message)
            return
        try:
            await self._load(orders, now)
        except StoreError:
            self._orders.ask()
            raise

    async def _load(self, orders: StandingOrders, now: datetime) -> None:
        report = await self.services.store.load_orders(orders, now)
        if self._zone and orders.zone != self._zone:
            text = "the machine's zone is now %s (it was %s): jobs without tz= follow it"
            log.warning(text, orders.zone, self._zone, extra={"event": "clock.zone"})
        self._zone = orders.zone
        self.jobs = {job.name: job for job in orders.jobs}
        if self.boot_id:
            cause = Cause(REBOOT, self.boot_id)
            # Only the daemon's own start counts as a boot: a line added later waits for the next one.
            for job in orders.jobs:
                if isinstance(job.trigger, Reboot):
                    decide = partial(decide_at_once, job, now)
                    for run in await self.services.store.fire(job, decide, now, cause):
                        self.services.move_log.fired(run, now)
            self.boot_id = ""
        self.on_load(orders, report)
        self.services.move_log.loaded(len(self.jobs))

    # -- the clock --------------------------------------------------------------------------------
    async def _mind_the_clock(self) -> None:
        """Record jumps of the clock, and correct what depends on it, before anything is decided."""
        if not self._watch.look():
            return
        # Leases ran out by the clock alone, ours and those of others: live runners renew theirs meanwhile.
        self._trust_leases_from = self.services.clock.monotonic() + self.services.settings.lease_seconds
        await renew_leases(self.services, self.info.id, self.attempts)
        while self._watch.found:
            jump = self._watch.found[0]
            slots: dict[str, datetime | None] = {}
            if jump.kind == "set_back":
                slots = await asyncio.to_thread(_next_slots, list(self.jobs.values()), jump.at)
            await self.services.store.record_jump(jump, slots)
            self._watch.found.pop(0)

    # -- work -------------------------------------------------------------------------------------
    async def _pass(self) -> Pass:
        self.services.move_log.beat(self.services.clock.monotonic())
        trusted = self.services.clock.monotonic() >= self._trust_leases_from
        done = await tick(self.services, self.jobs, self.presence, by_lease=trusted)
        self._alive = done.alive
        await self._claim()
        await self._notify()
        return done

    async def _claim(self) -> None:
        # Tasks, not attempts: a claimed run uses capacity before its checkpoint is loaded.
        room = self.services.settings.concurrency - len(self._tasks)
        if room <= 0 or self._stop or self.services.halted() is not None:
            return
        leases = await self.services.store.claim(
            self.info.id,
            self.services.clock.now(),
            limit=room,
            lease_seconds=self.services.settings.lease_seconds,
            only=self.only,
        )
        for lease in leases:
            task = asyncio.create_task(self._execute(lease), name=f"execute {lease.run_id}")
            self._tasks.add(task)
            task.add_done_callback(self._executed)

    def _executed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._nudge.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s broke", task.get_name(), exc_info=error)

    async def _execute(self, lease: Lease) -> None:
        services = self.services
        try:
            checkpoint = await services.store.checkpoint(lease, services.clock.now())
        except LostLeaseError:
            return
        except StoreError as error:
            log.error("run %s cannot be loaded: %s", lease.run_id, error)
            return
        services.move_log.claimed(lease, checkpoint, services.clock.now())
        attempt = Attempt(services, lease, checkpoint, lambda: self._stop)
        self.attempts[lease.run_id] = attempt
        try:
            await attempt.run()
        finally:
            del self.attempts[lease.run_id]
            if attempt.is_owed:
                self._owed.append(attempt.writer)

    async def _notify(self) -> None:
        # Separate from runs: a slow report command uses no capacity, and its end triggers nothing.
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_notices(), name="notices")

    async def _send_notices(self) -> None:
        try:
            while not self._stop and await send_notices(self.services, self.info.id):
                pass
        except StoreError as error:
            log.error("notices wait: %s", error)

    # -- waiting ----------------------------------------------------------------------------------
    async def _seconds_to_next(self) -> float:
        longest = self.services.settings.longest_wait_seconds
        due = self._next_due = await self.services.store.next_due()
        if due is None or self.services.halted() is not None:
            return longest  # the watch of the halt file reports its end
        seconds = (due - self.services.clock.now()).total_seconds()
        if seconds <= 0:
            # Due but not claimable now (no capacity, or not a job of ours): check again soon, without
            # spinning.
            return self.services.settings.poll_seconds
        return min(longest, seconds)

    async def _wait(self, seconds: float, *, watch: bool) -> None:
        """Wait until something is due, an attempt ended, or (with ``watch``) the outside changed."""
        deadline = self.services.clock.monotonic() + seconds
        while not self._nudge.is_set():
            self.services.move_log.beat(self.services.clock.monotonic())
            left = deadline - self.services.clock.monotonic()
            if left <= 0:
                break
            pause = asyncio.create_task(
                self.services.clock.sleep(min(left, self.services.settings.poll_seconds))
            )
            nudged = asyncio.create_task(self._nudge.wait())
            await asyncio.wait({pause, nudged}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            nudged.cancel()
            await asyncio.gather(pause, nudged, return_exceptions=True)
            if watch and (self._watch.look() or await self._outside_changed()):
                break
        self._nudge.clear()

    async def _outside_changed(self) -> bool:
        changes = await self.services.store.changes()
        changed = changes != self._seen_changes
        self._seen_changes = changes
        # A killed runner writes nothing: only its lock shows it, and its runs wait for us.
        changed = changed or bool(self.presence.dead(self._alive))
        return changed or (self._orders is not None and self._orders.has_changed())

    async def _wind_down(self) -> None:
        """Let attempts reach their next commit; after the grace time, cut them off."""
        await self._settle(self._tasks, self.services.settings.grace_seconds * 0.8)
        for attempt in list(self.attempts.values()):
            attempt.interrupt("stop")
        sending = {self._sender} if self._sender is not None and not self._sender.done() else set()
        await self._settle(self._tasks | sending, self.services.settings.grace_seconds * 0.15)
        for sender in sending:
            # A notice that is cut off here is claimed by us: the process that finds us dead claims it again.
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _settle(self, tasks: set[asyncio.Task[None]], seconds: float) -> None:
        """Wait until all are done or the time is over, with heartbeats."""
        deadline = self.services.clock.monotonic() + seconds
        while tasks and (left := deadline - self.services.clock.monotonic()) > 0:
            self.services.move_log.beat(self.services.clock.monotonic())
            _, tasks = await asyncio.wait(tasks, timeout=min(left, self.services.settings.poll_seconds))


def _next_slots(jobs: Sequence[Job], after: datetime) -> dict[str, datetime | None]:
    return {job.name: job.trigger.next_after(after) for job in jobs}
