"""One emulated Baseten: its parts joined, and its time kept going."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from gitops.emulator.asynchronous import Asynchronous
from gitops.emulator.clock import Clock, ManualClock
from gitops.emulator.gateway import Gateway
from gitops.emulator.http.journal import Journal
from gitops.emulator.http.limits import Limiter
from gitops.emulator.options import Options
from gitops.emulator.runtime.pool import Pool
from gitops.emulator.traffic import Traffic
from gitops.emulator.uploads import Uploads
from gitops.emulator.world.create import create_world

_LONGEST_NAP = 0.25
_SHORTEST_NAP = 0.005


class Emulator:
    """Create it inside the event loop that will serve it; `start` before, `stop` after."""

    def __init__(self, options: Options, clock: Clock, folder: Path) -> None:
        """`folder` is for uploads and unpacked trusses; whoever made it removes it."""
        self.options = options
        self.clock = clock
        self.pool = Pool(options, folder / "trusses", clock.now)
        self.world = create_world(options, self.pool, clock.now())
        self.pool.serve(self.world)
        self.uploads = Uploads(folder / "uploads", clock.now)
        self.gateway = Gateway(self.world, self.pool, clock)
        self.asynchronous = Asynchronous(self.world, self.gateway)
        self.journal = Journal()
        self.faults = self.world.faults
        self.limiter = Limiter()
        self.traffic = Traffic(options, self.world, self.gateway)
        self._tasks: list[asyncio.Task[None]] = []

    def catch_up(self) -> None:
        """Apply what is due by now."""
        self.world.advance(self.clock.now())

    async def start(self) -> None:
        """Begin to keep time and to send traffic."""
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
        await self.pool.close()

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
            self.catch_up()
            due = self.world.timeline.next_at()
            nap = _LONGEST_NAP if due is None else due - self.clock.now()
            await asyncio.sleep(min(_LONGEST_NAP, max(_SHORTEST_NAP, nap)))
