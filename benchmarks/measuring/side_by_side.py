"""Measure things in turns, in the same minute on the same machine, and compare them as ratios.

A ratio is taken within each round and the median over the rounds is what counts: a machine that is
slow for a while is slow for both sides of the same round.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True, kw_only=True)
class Case:
    """Something to measure: ``run`` does it once and returns how many seconds that took.

    ``goal`` is the ratio to the floor that it should stay under; None: only shown.
    """

    name: str
    run: Callable[[], float]
    goal: float | None = None
    seconds: list[float] = field(default_factory=list)

    def ratio(self, floor: Case) -> float:
        """The median over the rounds of this one's time through the floor's."""
        pairs = zip(self.seconds, floor.seconds, strict=True)
        return median(mine / its for mine, its in pairs)


def rounds_wanted(description: str | None, default: int) -> int:
    """Read ``--rounds N`` from the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=default, help="default: %(default)s")
    return max(1, int(parser.parse_args().rounds))


def compare(title: str, floors: Sequence[Case], cases: Sequence[Case], rounds: int) -> None:
    """Run everything in turns and print a table; ratios are to the first of ``floors``.

    The first round warms caches up and is not counted.
    """
    everything = [*floors, *cases]
    for case in everything:
        case.run()
    for number in range(rounds):
        # Whoever comes first in a round finds other caches than the others do.
        first = number % len(everything)
        for case in (*everything[first:], *everything[:first]):
            case.seconds.append(case.run())
    print(f"{title}\n{machine()}; median of {rounds} rounds after one to warm up\n")
    width = max(len(case.name) for case in everything)
    print(f"{'':{width}}  {'median':>10}  {'fastest':>10}  {'slowest':>10}  ratio  goal")
    for case in everything:
        ratio = case.ratio(floors[0])
        goal = ""
        if case.goal is not None:
            goal = f"{case.goal:4g}  {'met' if ratio <= case.goal else 'MISSED'}"
        print(
            f"{case.name:{width}}  {shown(median(case.seconds))}  {shown(min(case.seconds))}  "
            f"{shown(max(case.seconds))}  {ratio:5.2f}  {goal}".rstrip()
        )
    sys.stdout.flush()


def shown(seconds: float) -> str:
    """A time in milliseconds, ten characters wide."""
    return f"{seconds * 1000:7.1f} ms"


def machine() -> str:
    """What this ran on: cores that may be used, processor kind and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
