"""One emulated Baseten: its parts joined, and its time kept going."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from gitops.emulator.asynchronous import Asynchronous
from gitops.emulator.clock import Clock, ManualClock
from gitops.emulator.gateway import Gateway
from gitops.emulator.http.journal import Journal
from gitops.emulator.http.limits import Limiter
from gitops.emulator.options import Options
from gitops.emulator.runtime.pool import Pool
from gitops.emulator.shadowing import Shadowing
from gitops.emulator.storage.problem import StateError
from gitops.emulator.traffic import Traffic
from gitops.emulator.uploads import Bucket, Uploads
from gitops.emulator.world.create import create_world
from gitops.emulator.world.restart import reload, resume
from gitops.emulator.world.state import State

if TYPE_CHECKING:
    from gitops.emulator.storage.store import Store

_LOG = logging.getLogger("gitops.emulator")
_LONGEST_NAP = 0.25
_SHORTEST_NAP = 0.005


class Emulator:
    """Create it inside the event loop that will serve it; `start` before, `stop` after."""

    def __init__(self, options: Options, clock: Clock, folder: Path) -> None:
        """`folder` is for uploads and unpacked trusses; whoever made it removes it.

        Raises:
            StateError: there is to be a state file, and it cannot be used.
        """
        self.options = options
        self.clock = clock
        self.pool = Pool(options, folder / "trusses", clock.now)
        self.world = create_world(options, self.pool, clock.now())
        self.pool.serve(self.world)
        self.uploads = Uploads(folder / "uploads", clock.now)
        self.gateway = Gateway(self.world, self.pool, clock)
        self.asynchronous = Asynchronous(self.world, self.gateway)
        self.shadowing = Shadowing(self.world, self.gateway)
        self.journal = Journal()
        self.faults = self.world.faults
        self.limiter = Limiter()
        self.traffic = Traffic(options, self.world, self.gateway)
        self._tasks: list[asyncio.Task[None]] = []
        self.restored = False
        """Whether it goes on with an earlier emulator's state."""
        self._store = self._open(folder / "uploads")

    def _open(self, folder: Path) -> Store | None:
        options = self.options
        if options.state is None:
            return None
        from gitops.emulator.storage.store import Store

        store = Store(options.state, folder)
        try:
            store.keep("world", self.world, State)
            store.keep("uploads", self.uploads, Bucket)
            written = store.read()
            if options.workspace not in {None, self.world.workspace}:
                raise StateError(
                    f"{options.state} holds the workspace {self.world.workspace}, not "
                    f"{options.workspace}; leave the name out, or take another state."
                )
            if written is not None:
                self._restore(written)
            store.write(self.world.now)
        except StateError:
            store.close()
            raise
        return store

    def _restore(self, written: float) -> None:
        self.restored = True
        try:
            self.world.restored(written)
        except LookupError as problem:
            raise StateError(
                f"{self.options.state} was written by another version of gitops and cannot be "
                f"read by this one ({problem}). It was left as it is; start with another --state."
            ) from None
        if isinstance(self.clock, ManualClock):
            self.clock.move_to(max(self.clock.now(), written))

    def catch_up(self) -> None:
        """Apply what is due by now. Raises: StateError."""
        self.world.advance(self.clock.now())
        self.save()

    def save(self) -> None:
        """Write what changed to the state file, if there is one. Raises: StateError."""
        if self._store is not None:
            self._store.write(self.world.now)

    async def start(self) -> None:
        """Begin to keep time and to send traffic; what ran before runs again."""
        if self.restored:
            reload(self.world)
            self.catch_up()
            resume(self.world)
        if not isinstance(self.clock, ManualClock):
            self._tasks.append(asyncio.create_task(self._keep_time()))
        self._tasks.append(asyncio.create_task(self.traffic.run()))
        self.asynchronous.resume()

    async def stop(self) -> None:
        """End traffic, time and every truss."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.asynchronous.stop()
        await self.shadowing.stop()
        await self.pool.close()
        if self._store is not None:
            with contextlib.suppress(StateError):
                self.save()
            self._store.close()

    async def advance(self, seconds: float) -> None:
        """Move a manual clock.

        Real loads that begin on the way are waited for, and take no time of this clock.

        Raises:
            TypeError: the clock is the machine's.
        """
        if not isinstance(self.clock, ManualClock):
            raise TypeError("only a manual clock can be moved")
        target = self.clock.now() + seconds
        await self.pool.settle()
        while (due := self.world.timeline.next_at()) is not None and due <= target:
            self.clock.move_to(max(due, self.clock.now()))
            self.catch_up()
            await self.pool.settle()
        self.clock.move_to(target)
        self.catch_up()
        await asyncio.sleep(0)

    async def _keep_time(self) -> None:
        while True:
            try:
                self.catch_up()
            except StateError as problem:
                _LOG.error("gitops emulator: %s", problem)
                return
            due = self.world.timeline.next_at()
            nap = _LONGEST_NAP if due is None else due - self.clock.now()
            await asyncio.sleep(min(_LONGEST_NAP, max(_SHORTEST_NAP, nap)))
