"""History: 50,000 commits and 2,000 release files, compiled and compared.

Measured, as processor time of this process and of the Git processes that it starts, so that a busy
machine says the same as a quiet one: `desired_state` of HEAD, and `diff` of HEAD~100 and HEAD, each
from opening the repository. There are 500 trusses; every one of the 2,000 production environments
has a pin of its own, to one of the commits that changed its truss, and staging follows HEAD. Of the
last 1,000 commits every other one moves a pin.
Floor: the blobs that a compile reads, of one commit or of both: release files and the config.yaml
of every truss. They are read with one `git cat-file --batch`, which is told their ids beforehand,
and parsed with the fastest loader at hand that keeps YAML 1.2. It does not know at which commits
the trusses are, what else is in them, or what happened in between.
Second floors, only for comparison: for compile, the same, with one `git cat-file --batch-check`
that finds the truss of every pin, and one `--batch` that reads its trees; for diff, the same at
both ends, and one `git rev-list` a moved pin for the commits in between.
Goal: 1.5 times the floor.

    python benchmarks/history.py [--rounds N]
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from measuring.fleets import git
from measuring.histories import long_history
from measuring.reading import blobs, processor_time, read_and_parse
from measuring.side_by_side import Case, compare, rounds_wanted

from gitops import desired_state, open_project
from gitops.pipeline.diff import diff

COMMITS, MODELS, TRUSSES, LAST = 50_000, 2_000, 500, 500
BASE = "HEAD~100"
GOAL = 1.5
_WANTS = re.compile(
    r"^model: (?P<model>\S+)$\s^truss: (?P<truss>\S+)$.*?^    commit: (?P<pin>[0-9a-f]{40})",
    re.DOTALL | re.MULTILINE,
)


class Ends:
    """What is read at some commits: ids of blobs, and where the trusses are."""

    def __init__(self, folder: Path, commits: Iterable[str]) -> None:
        self.folder = folder
        wanted: dict[str, None] = {}
        self.places: dict[str, None] = {}
        self.pins: list[dict[tuple[str, str], str]] = []
        for commit in commits:
            releases = blobs(folder, commit, "releases", ".yaml")
            wanted.update(dict.fromkeys(releases))
            wanted.update(dict.fromkeys(blobs(folder, commit, "trusses", "config.yaml")))
            texts = git(folder, "cat-file", "--batch", given="\n".join(releases).encode())
            wants = list(_WANTS.finditer(texts))
            self.pins.append({(each["model"], each["truss"]): each["pin"] for each in wants})
            self.places.update((f"{each['pin']}:{each['truss']}", None) for each in wants)
        self.ids = list(wanted)

    def read(self) -> None:
        """The floor."""
        read_and_parse(self.folder, self.ids)

    def read_with_trees(self) -> None:
        """The floor, and the trees of the trusses."""
        self.read()
        found = self._git("cat-file", "--batch-check", given=self.places)
        trees = dict.fromkeys(line.split()[0] for line in found.splitlines())
        self._git("cat-file", "--batch", given=trees)

    def read_with_history(self) -> None:
        """The floor with trees, and the commits between the two ends' pins."""
        self.read_with_trees()
        before, after = self.pins
        for key in after:
            if before[key] != after[key]:
                self._git(
                    "rev-list", "--full-history", f"{before[key]}..{after[key]}", "--", key[1]
                )

    def _git(self, *arguments: str, given: Iterable[str] = ()) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            input="".join(f"{each}\n" for each in given).encode(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="replace")


def compiled(folder: Path) -> None:
    """Compile HEAD."""
    project = open_project(folder, os.environ)
    if len(desired_state(project, rev="HEAD").models) != MODELS:
        raise SystemExit("not every model was compiled")
    project.repository.close()


def compared(folder: Path) -> None:
    """Compare HEAD~100 with HEAD."""
    project = open_project(folder, os.environ)
    if not diff(project, BASE).models:
        raise SystemExit("nothing differs")
    project.repository.close()


def main() -> None:
    """Make the repository, measure and print."""
    rounds = rounds_wanted(__doc__, 9)
    with tempfile.TemporaryDirectory(prefix="gitops-benchmark-") as place:
        folder = Path(place, "fleet")
        long_history(folder, commits=COMMITS, models=MODELS, trusses=TRUSSES, last=LAST)
        now, both = Ends(folder, ["HEAD"]), Ends(folder, [BASE, "HEAD"])
        what = f"{COMMITS:,} commits, {MODELS:,} release files"
        compare(
            f"Compile HEAD: {what}",
            [
                Case(name="floor: cat-file and parse", run=partial(processor_time, now.read)),
                Case(
                    name="and the trusses' trees", run=partial(processor_time, now.read_with_trees)
                ),
            ],
            [
                Case(
                    name="gitops compile",
                    run=partial(processor_time, partial(compiled, folder)),
                    goal=GOAL,
                )
            ],
            rounds,
        )
        compare(
            f"Diff {BASE}: {what}",
            [
                Case(name="floor: cat-file and parse", run=partial(processor_time, both.read)),
                Case(
                    name="and trees and history",
                    run=partial(processor_time, both.read_with_history),
                ),
            ],
            [
                Case(
                    name="gitops diff",
                    run=partial(processor_time, partial(compared, folder)),
                    goal=GOAL,
                )
            ],
            rounds,
        )


if __name__ == "__main__":
    main()
