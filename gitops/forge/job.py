"""The CI job that runs us, from the variables that GitHub and GitLab set in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gitops.address import check_address
from gitops.errors import UsageError
from gitops.secret import Secret

ForgeName = Literal["github", "gitlab"]

_PULL: Final = re.compile(r"refs/pull/(\d+)/")
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. ``repository`` is OWNER/NAME at GitHub and the project's number at GitLab.

    ``commit`` is what the job runs for, ``pull_request`` the number of the pull or merge request
    it runs for. ``head`` is that one's own last commit, where the job runs for a merge of it and it
    is known. ``summary`` and ``outputs`` are the files that GitHub reads after a step.
    """

    forge: ForgeName
    api_url: str
    repository: str
    token: Secret
    commit: str
    run_url: str
    pull_request: int | None = None
    head: str | None = None
    summary: Path | None = None
    outputs: Path | None = None


def job(environ: Mapping[str, str]) -> Job:
    """The job that these variables tell of.

    Raises ``UsageError`` outside of GitHub Actions and GitLab CI, and without a token.
    """
    if environ.get("GITHUB_ACTIONS"):
        return _github(environ)
    if environ.get("GITLAB_CI"):
        return _gitlab(environ)
    raise UsageError(
        "this is neither a job of GitHub Actions nor one of GitLab CI",
        hint="`gitops plan --format markdown` and its like print to any terminal",
    )


def step_files(environ: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    """The files for a job's summary and for its outputs; they need no token."""
    return _path(environ.get("GITHUB_STEP_SUMMARY")), _path(environ.get("GITHUB_OUTPUT"))


def _github(environ: Mapping[str, str]) -> Job:
    repository = _needed(environ, "GITHUB_REPOSITORY")
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(f"GITHUB_REPOSITORY is {repository!r}, which is not OWNER/NAME")
    server = environ.get("GITHUB_SERVER_URL") or "https://github.com"
    pull = _PULL.match(environ.get("GITHUB_REF", ""))
    summary, outputs = step_files(environ)
    event = _path(environ.get("GITHUB_EVENT_PATH"))
    return Job(
        forge="github",
        api_url=_address(environ, "GITHUB_API_URL", "https://api.github.com"),
        repository=repository,
        token=_token(environ, "GITHUB_TOKEN", "pass it to the step: env: GITHUB_TOKEN"),
        commit=_needed(environ, "GITHUB_SHA"),
        run_url=f"{server}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}",
        pull_request=int(pull[1]) if pull else None,
        head=_head_of(event) if pull and event else None,
        summary=summary,
        outputs=outputs,
    )


def _gitlab(environ: Mapping[str, str]) -> Job:
    number = environ.get("CI_MERGE_REQUEST_IID", "")
    head = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "")
    return Job(
        forge="gitlab",
        api_url=_address(environ, "CI_API_V4_URL", "https://gitlab.com/api/v4"),
        repository=_needed(environ, "CI_PROJECT_ID"),
        token=_token(
            environ,
            "GITLAB_TOKEN",
            "a project access token with the scope api, as a masked variable; a job's own token "
            "may not write comments",
        ),
        commit=_needed(environ, "CI_COMMIT_SHA"),
        run_url=environ.get("CI_JOB_URL", ""),
        pull_request=int(number) if number.isdecimal() else None,
        head=head if _COMMIT.fullmatch(head) else None,
    )


def _head_of(event: Path) -> str | None:
    """The commit that the event of a pull request names as its last one; None where it does not."""
    try:
        head = json.loads(event.read_bytes())["pull_request"]["head"]["sha"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return head if isinstance(head, str) and _COMMIT.fullmatch(head) else None


def _needed(environ: Mapping[str, str], variable: str) -> str:
    if not environ.get(variable):
        raise UsageError(f"{variable} is not set, which the job's runner sets by itself")
    return environ[variable]


def _address(environ: Mapping[str, str], variable: str, usual: str) -> str:
    url = (environ.get(variable) or usual).rstrip("/")
    check_address(variable, url, like=usual)
    return url


def _token(environ: Mapping[str, str], variable: str, hint: str) -> Secret:
    text = environ.get(variable, "")
    if not text:
        raise UsageError(f"{variable} is not set", hint=hint)
    if not all("!" <= letter <= "~" for letter in text):
        raise UsageError(f"{variable} has characters in it that no token has")
    return Secret(text)


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None
