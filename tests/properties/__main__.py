"""Sequences by hand: ``python -m tests.properties --sequences 20000``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.properties.machine import BATCH, Broken, Ground, run


def main() -> int:
    """Say what was seen; 1 where a property does not hold."""
    asked = argparse.ArgumentParser(prog="python -m tests.properties", description=__doc__)
    asked.add_argument("--sequences", type=int, default=500, help="how many")
    asked.add_argument("--first", type=int, default=1_000, help="number of the first batch")
    asked.add_argument("--git", action="store_true", help="with real Git repositories")
    given = asked.parse_args()
    begun, number, broken = time.process_time(), given.first, False
    with tempfile.TemporaryDirectory(prefix="gitops-sequences-") as folder:
        ground = Ground(Path(folder), most=given.sequences)
        if given.git:
            from tests.properties.disk import OnDisk

            ground.git = OnDisk
        try:
            while ground.sequences < given.sequences and not broken:
                try:
                    run(ground, number, sequences=BATCH)
                except Broken as found:
                    sys.stdout.write(f"\nbatch {number}: {found}\n")
                    broken = True
                number += 1
                _tell(ground, number - given.first, time.process_time() - begun)
        finally:
            ground.close()
    return int(broken)


def _tell(ground: Ground, batches: int, seconds: float) -> None:
    counts = ", ".join(f"{count} {name}" for name, count in ground.counts.most_common())
    rests = ", ".join(f"{count} {name}" for name, count in ground.rests.most_common())
    sys.stdout.write(
        f"\n{ground.sequences} sequences in {batches} batches, {seconds:.0f} s of one processor\n"
        f"what happened: {counts}\nhow they came to rest: {rests}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
