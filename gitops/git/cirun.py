"""Which CI run runs us, from the variables that its runner sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class CiRun:
    """One job of one CI run; ``id`` is empty outside of CI.

    Every attempt of a job has the same ``id`` and an ``attempt`` of its own. ``runner`` is the
    machine that does it, where the parts of a matrix are told apart by nothing else.
    """

    id: str = ""
    attempt: str = ""
    runner: str = ""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A CI system: the variables that name a run and the job in it; the first one must be set."""

    name: str
    run: tuple[str, ...]
    attempt: str
    runner: str = ""


_KINDS: Final = (
    _Kind(
        "github",
        ("GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_JOB"),
        "GITHUB_RUN_ATTEMPT",
        "RUNNER_NAME",
    ),
    # Parts of a matrix have names of their own here.
    _Kind(
        "gitlab",
        ("CI_PIPELINE_ID", "CI_SERVER_HOST", "CI_PROJECT_ID", "CI_JOB_NAME"),
        "CI_JOB_ID",
    ),
    _Kind(
        "buildkite",
        ("BUILDKITE_BUILD_ID", "BUILDKITE_STEP_ID", "BUILDKITE_PARALLEL_JOB"),
        "BUILDKITE_RETRY_COUNT",
    ),
    _Kind(
        "circleci", ("CIRCLE_WORKFLOW_ID", "CIRCLE_JOB", "CIRCLE_NODE_INDEX"), "CIRCLE_BUILD_NUM"
    ),
    _Kind(
        "bitbucket",
        ("BITBUCKET_PIPELINE_UUID", "BITBUCKET_STEP_UUID"),
        "BITBUCKET_STEP_RUN_NUMBER",
    ),
    _Kind(
        "azure",
        ("BUILD_BUILDID", "SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "SYSTEM_JOBID"),
        "SYSTEM_JOBATTEMPT",
    ),
    _Kind("jenkins", ("BUILD_TAG", "JENKINS_URL", "STAGE_NAME"), "BUILD_NUMBER", "EXECUTOR_NUMBER"),
)


def ci_run(environ: Mapping[str, str]) -> CiRun:
    """The CI run that these variables tell of."""
    for kind in _KINDS:
        if environ.get(kind.run[0]):
            names = "/".join(environ.get(variable, "") for variable in kind.run)
            return CiRun(
                id=f"{kind.name}/{names}",
                attempt=environ.get(kind.attempt, ""),
                runner=environ.get(kind.runner, "") if kind.runner else "",
            )
    return CiRun()
