"""GitLab: notes on merge requests, issues, the artifacts of a merge request's jobs, deployments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pydantic import BaseModel

from gitops.errors import ForgeError
from gitops.forge.job import Job
from gitops.forge.rest import Access, Rest
from gitops.state.forge import Comment, DeploymentState, Issue, PullRequest, Released

if TYPE_CHECKING:
    import httpx

_STATES: Final[Mapping[DeploymentState, str]] = {
    "in_progress": "running",
    "success": "success",
    "failure": "failed",
}

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_/${}. -]")
"""What may not be in the name of an environment."""

_LONGEST_NAME: Final = 255
_FENCE: Final = re.compile(r" {0,3}(```+(?=[^`]*$)|~~~+)")
_COMMAND: Final = re.compile(r"^( {0,3})/")


class _User(BaseModel):
    username: str = ""


class _Note(BaseModel):
    id: int
    author: _User = _User()
    body: str | None = None
    system: bool = False


class _MergeRequest(BaseModel):
    iid: int
    sha: str | None = None
    state: str = ""
    source_project_id: int | None = None
    target_project_id: int | None = None


class _Project(BaseModel):
    default_branch: str | None = None


class _Pipeline(BaseModel):
    id: int
    sha: str | None = None
    ref: str | None = None
    project_id: int | None = None


class _Commit(BaseModel):
    parent_ids: list[str] = []


class _Job(BaseModel):
    id: int
    name: str = ""
    artifacts_file: object = None


class _Issue(BaseModel):
    iid: int
    author: _User = _User()
    title: str = ""
    description: str | None = None


class _Deployment(BaseModel):
    id: int
    sha: str | None = None
    status: str = ""
    deployable: object = None


class GitLab:
    """One project at GitLab, reached with one token. Every method raises ``ForgeError``."""

    name: Final = "GitLab"

    def __init__(
        self,
        job: Job,
        *,
        sleep: Callable[[float], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        access = Access(name=self.name, api_url=job.api_url, token=job.token)
        self._rest = Rest(access, sleep=sleep, transport=transport)
        self._base = f"/projects/{quote(job.repository, safe='')}"

    def close(self) -> None:
        """Close the connections."""
        self._rest.close()

    def me(self) -> str:
        """The user name that writes with our token."""
        return self._rest.get("/user", _User).username

    def comments(self, pull_request: int) -> Iterator[Comment]:
        """The notes on a merge request, oldest first; what GitLab itself wrote is left out."""
        path = f"{self._base}/merge_requests/{pull_request}/notes"
        for each in self._rest.pages(path, _Note, sort="asc", order_by="created_at"):
            if not each.system:
                yield Comment(id=each.id, author=each.author.username, body=each.body or "")

    def add_comment(self, pull_request: int, body: str) -> None:
        """Write a new note."""
        path = f"{self._base}/merge_requests/{pull_request}/notes"
        self._rest.write("POST", path, {"body": _quiet(body)})

    def edit_comment(self, pull_request: int, comment: int, body: str) -> None:
        """Replace the text of a note."""
        path = f"{self._base}/merge_requests/{pull_request}/notes/{comment}"
        self._rest.write("PUT", path, {"body": _quiet(body)})

    def remove_comment(self, pull_request: int, comment: int) -> None:
        """Delete a note."""
        path = f"{self._base}/merge_requests/{pull_request}/notes/{comment}"
        self._rest.write("DELETE", path)

    def pull_requests_of(self, commit: str) -> Iterator[PullRequest]:
        """The merged merge requests that brought a commit to its branch."""
        path = f"{self._base}/repository/commits/{commit}/merge_requests"
        for each in self._rest.pages(path, _MergeRequest, state="merged"):
            if each.state == "merged" and each.sha:
                yield PullRequest(number=each.iid, head=each.sha)

    def file_of(self, pull_request: PullRequest, artifact: str, file: str) -> bytes | None:
        """A file of the newest job of that name that ran for the head, and has kept its files.

        What a fork proposes does not count, in whichever project its pipeline ran: it may have said
        itself what that job does.
        """
        base = f"{self._base}/merge_requests/{pull_request.number}"
        project = self._rest.get(base, _MergeRequest)
        if project.source_project_id is None or (
            project.source_project_id != project.target_project_id
        ):
            return None
        pipelines = [
            each
            for each in self._rest.pages(f"{base}/pipelines", _Pipeline)
            if each.project_id == project.target_project_id
        ]
        for pipeline in sorted(pipelines, key=lambda each: each.id, reverse=True):
            if not self._ran_for(pipeline, pull_request):
                continue
            jobs = self._rest.pages(f"{self._base}/pipelines/{pipeline.id}/jobs", _Job)
            made = [each.id for each in jobs if each.name == artifact and each.artifacts_file]
            if made:
                member = quote(file, safe="")
                return self._rest.download(f"{self._base}/jobs/{max(made)}/artifacts/{member}")
        return None

    def _ran_for(self, pipeline: _Pipeline, pull_request: PullRequest) -> bool:
        """Whether it ran for the head, or for the head merged into the target branch."""
        if pipeline.sha == pull_request.head:
            return True
        merged = f"refs/merge-requests/{pull_request.number}/"
        if not pipeline.sha or pipeline.ref not in {f"{merged}merge", f"{merged}train"}:
            return False
        try:
            commit = self._rest.get(f"{self._base}/repository/commits/{pipeline.sha}", _Commit)
        except ForgeError as error:
            # Such a commit is on no branch, and GitLab may have removed it.
            if error.status == 404:
                return False
            raise
        return pull_request.head in commit.parent_ids

    def issues(self) -> Iterator[Issue]:
        """The open issues, newest first."""
        for each in self._rest.pages(f"{self._base}/issues", _Issue, state="opened"):
            yield Issue(
                number=each.iid,
                author=each.author.username,
                title=each.title,
                body=each.description or "",
            )

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""
        self._rest.write(
            "POST", f"{self._base}/issues", {"title": title, "description": _quiet(body)}
        )

    def edit_issue(self, number: int, title: str, body: str) -> None:
        """Replace the title and the text of an issue."""
        change = {"title": title, "description": _quiet(body)}
        self._rest.write("PUT", f"{self._base}/issues/{number}", change)

    def close_issue(self, number: int) -> None:
        """Close an issue."""
        self._rest.write("PUT", f"{self._base}/issues/{number}", {"state_event": "close"})

    def record(self, released: Released) -> None:
        """Show a release among the project's environments.

        GitLab keeps no note of who asked, so the environment's last deployment is taken for this
        one where it is of the same commit and did not end otherwise.
        """
        status = _STATES[released.state]
        path = f"{self._base}/deployments"
        environment = _environment(released.environment)
        known = self._rest.get(
            path,
            list[_Deployment],
            environment=environment,
            order_by="id",
            sort="desc",
            per_page=1,
        )
        for last in known:
            # One that a job of GitLab's own made is GitLab's to bring up to date.
            if last.sha != released.commit or last.deployable is not None:
                continue
            if last.status == status:
                return
            if last.status == "running":
                self._rest.write("PUT", f"{path}/{last.id}", {"status": status})
                return
        self._rest.write(
            "POST",
            path,
            {
                "environment": environment,
                "sha": released.commit,
                "ref": self._branch(),
                "tag": False,
                "status": status,
            },
        )

    def _branch(self) -> str:
        found = self._rest.get(self._base, _Project).default_branch
        if not found:
            raise ForgeError("GitLab names no default branch of this project")
        return found


def _environment(place: str) -> str:
    """MODEL/ENV as GitLab lets an environment be called; two places never share a name."""
    plain = _FOREIGN.sub("-", place).strip("/")
    if plain == place and len(place) <= _LONGEST_NAME:
        return place
    mark = hashlib.sha256(place.encode()).hexdigest()[:8]
    return f"{plain[: _LONGEST_NAME - 9]}-{mark}"


def _quiet(body: str) -> str:
    """The text with no line that GitLab would take for a command of whoever holds the token."""
    lines = []
    fence = ""
    for line in body.split("\n"):
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence) and line.strip() == found[1]:
            fence = ""
        lines.append(line if fence else _COMMAND.sub(r"\1\\/", line))
    return "\n".join(lines)
