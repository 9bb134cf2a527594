"""A Git host and two clones as real repositories, under the tool's own ``gitops.git``.

Runs can be interrupted before and after each exchange with the host. What a process that is gone
leaves behind stays; its file locks go, as the kernel lets go of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gitops import wiring
from gitops.git.process import Done, Git
from gitops.git.running import Runs
from gitops.pipeline.project import Project
from tests.properties.asked import FILE, KEY, Content, Template
from tests.properties.hands import VARIABLES, Clock, reach
from tests.properties.turns import Killed
from tests.repositories import AUTHOR

if TYPE_CHECKING:
    from gitops.record.entry import Entry
    from gitops.state.desired import Desired
    from gitops.wiring import Outside
    from tests.properties.stage import Stage
    from tests.properties.turns import Run

_CONNECT: Final = wiring.connect
_TRY_RUN: Final = Git.try_run
_END: Final = Runs.end
_FORGET: Final = Runs.forget


class OnDisk:
    """Fulfils ``tests.properties.stage.Backend``."""

    def __init__(self, template: Template, folder: Path) -> None:
        self.template, self.folder, self.down = template, folder, False
        folder.mkdir(parents=True)
        self.host, self.away = folder / "remote.git", folder / "away.git"
        shutil.copytree(template.folder / "remote.git", self.host)
        for name in ("author", "one", "two"):
            shutil.copytree(template.folder / "work", folder / name)
            settings = folder / name / ".git" / "config"
            there = str(template.folder / "remote.git")
            settings.write_text(settings.read_text().replace(there, str(self.host)))
        self.contents = [Content()]
        self.commits = [template.head]

    def _git(self, where: str, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder / where,
            env=_environ(),
            check=True,
            capture_output=True,
        )
        return done.stdout.decode(errors="replace").strip()

    def commit(self, content: Content) -> None:
        (self.folder / "author" / FILE).write_text(self.template.text(content))
        self._git("author", "commit", "-qa", "--allow-empty", "-m", f"Ask for {content}")
        self.commits.append(self._git("author", "rev-parse", "HEAD"))
        self.contents.append(content)
        if not self.down:
            self._git("author", "push", "-q", "origin", "main")

    def revision(self, index: int) -> str | None:
        return self.commits[index]

    def answers(self, whether: bool) -> None:
        if whether:
            self.away.rename(self.host)
            self._git("author", "push", "-q", "origin", "main")
        else:
            self.host.rename(self.away)

    @contextmanager
    def project(self, run: Run, name: str) -> Iterator[Project]:
        # Whoever has a commit in a clone got it there, whether or not the host answers now.
        self._git(name, "fetch", "-q", str(self.folder / "author"), "main")
        project = wiring.open_project(self.folder / name, _environ())
        try:
            yield project
        finally:
            project.repository.close()  # type: ignore[attr-defined]

    def connect(self, stage: Stage, run: Run, project: Project, desired: Desired) -> Outside:
        outside = _CONNECT(project, desired)
        run.facts["outside"] = outside
        return outside

    def killed(self, run: Run) -> None:
        outside = run.facts.get("outside")
        if outside is not None:
            opened = outside.locks._runs._open
            for handle in opened.values():
                os.close(handle)
            opened.clear()

    def state(self) -> Hashable:
        return self._git("remote.git", "for-each-ref", "refs/gitops/log")

    def entries(self, run: Run) -> tuple[Entry, ...]:
        outside: Outside = run.facts["outside"]
        return outside.log.entries(KEY)

    def left_behind(self) -> Iterable[tuple[str, str]]:
        for name in ("remote.git", "one", "two"):
            objects = ("cat-file", "--batch-all-objects", "--batch", "--buffer")
            yield f"the objects of {name}", self._git(name, *objects)
        for path in self.folder.rglob("*"):
            if path.is_file() and "objects" not in path.parts:
                yield str(path), path.read_text(errors="replace")

    def exchanged(self, stage: Stage) -> Mapping[str, Any]:
        turns = stage.turns

        def try_run(git: Git, *arguments: Any, network: bool = False, **more: Any) -> Done:
            """Takes the place of ``Git.try_run``."""
            run = turns.acting
            if run is not None and run.dead:
                raise Killed
            if run is None or not network:
                return _TRY_RUN(git, *arguments, network=network, **more)
            run.point()
            done = _TRY_RUN(git, *arguments, network=network, **more)
            run.point()
            return done

        def end(runs: Runs, run: str) -> None:
            """Takes the place of ``Runs.end``: who is dead ends nothing."""
            if turns.acting is None or not turns.acting.dead:
                _END(runs, run)

        def forget(runs: Runs, run: str) -> None:
            if turns.acting is None or not turns.acting.dead:
                _FORGET(runs, run)

        def clock(stop: Any) -> Clock:
            assert turns.acting is not None
            return Clock(turns.acting, stop)

        def baseten(_: object, clock: Clock, **__: object) -> Any:
            assert turns.acting is not None
            return reach(stage, turns.acting, clock)

        return {
            "gitops.git.process.Git.try_run": try_run,
            "gitops.git.running.Runs.end": end,
            "gitops.git.running.Runs.forget": forget,
            "gitops.wiring.outside.SystemClock": clock,
            "gitops.baseten.client.Baseten": baseten,
        }


def _environ() -> dict[str, str]:
    name, address = AUTHOR
    return {
        **os.environ,
        **VARIABLES,
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }
