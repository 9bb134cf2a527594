"""Compile: 1,000 release files of a commit become desired state.

Measured, as processor time of this process and of the Git processes that it starts, so that a busy
machine says the same as a quiet one: `desired_state` of a commit, from opening the repository to
the finished value: gitops.yaml and the release files read from the object database, merged,
validated, every pin resolved and every environment given its artifact. The fleet has 300 trusses
and 2,000 environments; production pins four commits in turn, each of which changes a tenth of the
trusses, and staging follows HEAD. Nothing is kept from one round to the next.
Floor: the blobs of the same 1,000 release files read with one `git cat-file --batch`, which is told
their ids beforehand, and parsed with the fastest loader at hand that keeps YAML 1.2. Nothing is
validated there, and no truss is looked at.
Second floor, only for comparison: the same with the trusses' config.yaml files of all pins as well,
which a compile has to read too, and the listing of the trees that hold them.
Goal: 1.5 times the floor.

    python benchmarks/compile.py [--rounds N]
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

from measuring.fleets import releases
from measuring.reading import blobs, processor_time, read_and_parse
from measuring.side_by_side import Case, compare, rounds_wanted

from gitops import desired_state, open_project

MODELS, TRUSSES, CHANGES = 1000, 300, 4
GOAL = 1.5


def compiled(folder: Path, commit: str) -> None:
    """Compile a commit."""
    project = open_project(folder, os.environ)
    desired = desired_state(project, rev=commit)
    if len(desired.models) != MODELS:
        raise SystemExit(f"{len(desired.models)} models were compiled")
    project.repository.close()


def main() -> None:
    """Make the repository, measure and print."""
    rounds = rounds_wanted(__doc__, 15)
    with tempfile.TemporaryDirectory(prefix="gitops-benchmark-") as place:
        folder = Path(place, "fleet")
        made = releases(folder, models=MODELS, trusses=TRUSSES, changes=CHANGES)
        files = blobs(folder, made[-1], "releases", ".yaml")
        configs = [
            each for commit in made for each in blobs(folder, commit, "trusses", "config.yaml")
        ]
        parse = partial(read_and_parse, folder, files)
        trusses = partial(
            read_and_parse, folder, [*files, *dict.fromkeys(configs)], listings=tuple(made)
        )
        compare(
            f"Compile {MODELS:,} release files",
            [
                Case(name="floor: cat-file and parse", run=partial(processor_time, parse)),
                Case(
                    name="and the trusses' trees and configs", run=partial(processor_time, trusses)
                ),
            ],
            [
                Case(
                    name="gitops compile",
                    run=partial(processor_time, partial(compiled, folder, made[-1])),
                    goal=GOAL,
                )
            ],
            rounds,
        )


if __name__ == "__main__":
    main()
