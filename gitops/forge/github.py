"""GitHub: comments, issues, the artifacts of a pull request's runs, and deployments."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from gitops.errors import ForgeError
from gitops.forge.job import Job
from gitops.forge.rest import PER_PAGE, Access, Rest
from gitops.state.forge import Comment, Issue, PullRequest, Released

if TYPE_CHECKING:
    import httpx

_ACTIONS: Final = "github-actions[bot]"
"""Who writes with the token that a job gets; that token may not ask who it is."""

_LONGEST_DESCRIPTION: Final = 140
_LONGEST_FILE: Final = 64 << 20


class _User(BaseModel):
    login: str = ""


class _Comment(BaseModel):
    id: int
    user: _User | None = None
    body: str | None = None


class _Issue(BaseModel):
    number: int
    user: _User | None = None
    title: str = ""
    body: str | None = None
    pull_request: object = None


class _Head(BaseModel):
    sha: str


class _Pull(BaseModel):
    number: int
    head: _Head
    merged_at: str | None = None


class _Run(BaseModel):
    head_sha: str | None = None
    repository_id: int | None = None
    head_repository_id: int | None = None


class _Artifact(BaseModel):
    id: int
    expired: bool = False
    created_at: str | None = None
    workflow_run: _Run | None = None


class _Artifacts(BaseModel):
    artifacts: list[_Artifact]


class _Deployment(BaseModel):
    id: int
    payload: object = None


class _Status(BaseModel):
    state: str = ""


class GitHub:
    """One repository at GitHub, reached with one token. Every method raises ``ForgeError``."""

    name: Final = "GitHub"

    def __init__(
        self,
        job: Job,
        *,
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        access = Access(
            name=self.name,
            api_url=job.api_url,
            token=job.token,
            accept="application/vnd.github+json",
            headers={"X-GitHub-Api-Version": "2022-11-28"},
        )
        self._rest = Rest(access, sleep=sleep, transport=transport)
        self._job = job
        self._base = f"/repos/{job.repository}"

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()

    def me(self) -> str:
        """The login that writes with our token."""
        try:
            return self._rest.get("/user", _User).login
        except ForgeError as error:
            if error.status in {401, 403, 404}:
                return _ACTIONS
            raise

    def comments(self, pull_request: int) -> Iterator[Comment]:
        """The comments on a pull request, oldest first."""
        for each in self._rest.pages(f"{self._base}/issues/{pull_request}/comments", _Comment):
            yield Comment(id=each.id, author=_login(each.user), body=each.body or "")

    def add_comment(self, pull_request: int, body: str) -> None:
        """Write a new comment."""
        self._rest.write("POST", f"{self._base}/issues/{pull_request}/comments", {"body": body})

    def edit_comment(self, pull_request: int, comment: int, body: str) -> None:
        """Replace the text of a comment; its number is enough here."""
        self._rest.write("PATCH", f"{self._base}/issues/comments/{comment}", {"body": body})

    def remove_comment(self, pull_request: int, comment: int) -> None:
        """Delete a comment."""
        self._rest.write("DELETE", f"{self._base}/issues/comments/{comment}")

    def pull_requests_of(self, commit: str) -> Iterator[PullRequest]:
        """The merged pull requests that brought a commit to its branch."""
        for each in self._rest.pages(f"{self._base}/commits/{commit}/pulls", _Pull):
            if each.merged_at:
                yield PullRequest(number=each.number, head=each.head.sha)

    def file_of(self, pull_request: PullRequest, artifact: str, file: str) -> bytes | None:
        """A file of the newest artifact of that name that a run for the head has uploaded.

        An artifact of a fork's run does not count: anybody may have made it.
        """
        named = self._rest.get(
            f"{self._base}/actions/artifacts", _Artifacts, name=artifact, per_page=PER_PAGE
        )
        found = [
            each for each in named.artifacts if not each.expired and _is_ours(each, pull_request)
        ]
        if not found:
            return None
        newest = max(found, key=lambda each: (each.created_at or "", each.id))
        archive = self._rest.download(f"{self._base}/actions/artifacts/{newest.id}/zip")
        return _member(archive, file)

    def issues(self) -> Iterator[Issue]:
        """The open issues, newest first; pull requests left out."""
        for each in self._rest.pages(f"{self._base}/issues", _Issue, state="open"):
            if each.pull_request is None:
                yield Issue(
                    number=each.number,
                    author=_login(each.user),
                    title=each.title,
                    body=each.body or "",
                )

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""
        self._rest.write("POST", f"{self._base}/issues", {"title": title, "body": body})

    def edit_issue(self, number: int, title: str, body: str) -> None:
        """Replace the title and the text of an issue."""
        self._rest.write("PATCH", f"{self._base}/issues/{number}", {"title": title, "body": body})

    def close_issue(self, number: int) -> None:
        """Close an issue as done."""
        body = {"state": "closed", "state_reason": "completed"}
        self._rest.write("PATCH", f"{self._base}/issues/{number}", body)

    def record(self, released: Released) -> None:
        """Show a release among the repository's environments; one that is there is brought up."""
        status = {
            "state": released.state,
            "description": _cut(released.description),
            "log_url": self._job.run_url,
            # A release that failed leaves the one before it the active one, which is the truth.
            "auto_inactive": True,
        }
        number = self._recorded(released)
        if number is None:
            made = self._rest.made(
                f"{self._base}/deployments",
                {
                    "ref": released.commit,
                    "environment": released.environment,
                    "description": _cut(released.description),
                    "auto_merge": False,
                    "required_contexts": [],
                    "production_environment": released.production,
                    "payload": {"gitops_run": released.run},
                },
                _Deployment,
            )
            number = made.id
        self._rest.write("POST", f"{self._base}/deployments/{number}/statuses", status)
        if released.back:
            self._end_active(released, number)

    def _end_active(self, released: Released, serving: int) -> None:
        """Show that the release which was active before is not any more.

        GitHub does that by itself for environments that are not production.
        """
        for each in self._deployments(released.environment):
            if each.id == serving:
                continue
            path = f"{self._base}/deployments/{each.id}/statuses"
            [state] = [one.state for one in self._rest.get(path, list[_Status], per_page=1)] or [""]
            if state == "success":
                said = f"Taken away; commit {released.commit[:12]} serves again."
                body = {"state": "inactive", "description": said, "log_url": self._job.run_url}
                self._rest.write("POST", path, body)
            if state in {"success", "inactive"}:
                return

    def _deployments(self, environment: str) -> list[_Deployment]:
        """The newest of one environment, newest first."""
        return self._rest.get(
            f"{self._base}/deployments",
            list[_Deployment],
            environment=environment,
            per_page=PER_PAGE,
        )

    def _recorded(self, released: Released) -> int | None:
        for each in self._deployments(released.environment):
            if isinstance(each.payload, Mapping) and each.payload.get("gitops_run") == released.run:
                return each.id
        return None


def _login(user: _User | None) -> str:
    return user.login if user is not None else ""


def _is_ours(artifact: _Artifact, pull_request: PullRequest) -> bool:
    run = artifact.workflow_run
    return (
        run is not None
        and run.head_sha == pull_request.head
        and run.repository_id is not None
        and run.head_repository_id == run.repository_id
    )


def _member(archive: bytes, file: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened, opened.open(file) as member:
            content = member.read(_LONGEST_FILE + 1)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError) as error:
        raise ForgeError(f"the artifact holds no {file}: {error}") from None
    if len(content) > _LONGEST_FILE:
        raise ForgeError(f"the artifact's {file} is too large")
    return content


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 1]}…"
