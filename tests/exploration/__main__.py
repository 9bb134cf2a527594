"""Explore by hand: ``python -m tests.exploration --states 1000000``."""

from __future__ import annotations

import argparse
import sys
import time
from pprint import pformat

from tests.exploration.judge import PROPERTIES
from tests.exploration.rules import RULES
from tests.exploration.runs import single_threaded
from tests.exploration.search import Search, explored, shrunk, told


def main() -> int:
    """Say what was seen; 1 where a property does not hold."""
    asked = argparse.ArgumentParser(prog="python -m tests.exploration", description=__doc__)
    asked.add_argument("--states", type=int, default=100_000, help="stop after so many")
    asked.add_argument("--walks", type=int, default=0, help="then as many long walks")
    asked.add_argument("--first-seed", type=int, default=0)
    asked.add_argument("--moves", type=int, default=30, help="of each walk")
    asked.add_argument("--without", choices=RULES, metavar="RULE", help="with a rule switched off")
    asked.add_argument("--all", action="store_true", help="go on after the first finding")
    given = asked.parse_args()
    begun = time.process_time()
    with single_threaded():
        if given.without:
            with RULES[given.without]():
                search = _explore(given)
                _tell(search)
        else:
            search = _explore(given)
            _tell(search)
    _figures(search, time.process_time() - begun)
    return 1 if search.findings else 0


def _explore(given: argparse.Namespace) -> Search:
    seeds = range(given.first_seed, given.first_seed + given.walks)
    return explored(given.states, seeds, moves=given.moves, stop_at_first=not given.all)


def _tell(search: Search) -> None:
    told_of = set()
    for finding in search.findings:
        if finding.violation.what in told_of:
            continue
        told_of.add(finding.violation.what)
        shorter = shrunk(finding.trail, finding.violation.name)
        sys.stdout.write(f"\n{finding.violation}\n")
        sys.stdout.write("".join(f"  {line}\n" for line in told(shorter)))
        sys.stdout.write(f"  {pformat(shorter)}\n")


def _figures(search: Search, seconds: float) -> None:
    sys.stdout.write(
        f"\n{len(search.states)} distinct states, of {len(search.worlds)} distinct worlds; "
        f"{search.applies} applies; {search.expanded} states expanded breadth first, "
        f"{len(search.queue)} waiting; {search.walks} walks; "
        f"{len(search.findings)} findings in {len(PROPERTIES)} properties; "
        f"{seconds:.0f} s of one processor\n"
    )


if __name__ == "__main__":
    sys.exit(main())
