"""What surrounds a call: the CI job that runs it, and what ``gitops doctor`` looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gitops.errors import InvalidRelease
from gitops.wiring.opening import configured_remote, git_of

if TYPE_CHECKING:
    from gitops.forge.job import Job as CiJob
    from gitops.git.diagnosis import Diagnosis
    from gitops.pipeline.opened import Project
    from gitops.pipeline.review import Forge
    from gitops.state.access import Access


def open_forge(environ: Mapping[str, str], sleep: Callable[[float], None]) -> tuple[Forge, CiJob]:
    """The forge whose CI job runs us, and that job. Raises ``UsageError`` outside of one."""
    from gitops.forge.github import GitHub
    from gitops.forge.gitlab import GitLab
    from gitops.forge.job import job

    found = job(environ)
    kind = GitHub if found.forge == "github" else GitLab
    return kind(found, sleep=sleep), found


def step_files(environ: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    """The files that a CI step writes its summary and its outputs to; None where there are none."""
    from gitops.forge.job import step_files as named

    return named(environ)


def api_host(project: Project) -> str:
    """The host of the API that the environment names; no key is needed."""
    from gitops.baseten.endpoint import api_host as named

    return named(project.environ)


def open_diagnosis(project: Project) -> Diagnosis:
    """What Git and the remote of gitops.yaml can say; ``origin`` where that file is invalid."""
    from gitops.git.diagnosis import Diagnosis

    try:
        remote = configured_remote(project)
    except InvalidRelease:
        remote = "origin"
    return Diagnosis(git_of(project), remote, project.environ)


def look_at_baseten(environ: Mapping[str, str]) -> Access:
    """What the key can see. Raises ``UsageError`` and ``BasetenError``."""
    from gitops.apply.clock import SystemClock
    from gitops.baseten.client import Baseten
    from gitops.baseten.endpoint import from_environment

    with Baseten(from_environment(environ), SystemClock()) as baseten:
        return baseten.access()
