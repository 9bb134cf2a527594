"""GitLab: notes on merge requests, issues, the artifacts of a merge request's jobs, deployments."""

from __future__ import annotations

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


class _Project(BaseModel):
    id: int
    default_branch: str | None = None


class _Pipeline(BaseModel):
    id: int
    sha: str | None = None
    project_id: int | None = None


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
        self._rest.write("POST", path, {"body": body})

    def edit_comment(self, pull_request: int, comment: int, body: str) -> None:
        """Replace the text of a note."""
        path = f"{self._base}/merge_requests/{pull_request}/notes/{comment}"
        self._rest.write("PUT", path, {"body": body})

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

        A pipeline of a fork does not count: it ran in another project, where anybody may have made
        its files.
        """
        path = f"{self._base}/merge_requests/{pull_request.number}/pipelines"
        project = self._rest.get(self._base, _Project).id
        pipelines = [
            each.id
            for each in self._rest.pages(path, _Pipeline)
            if each.sha == pull_request.head and each.project_id == project
        ]
        for pipeline in sorted(pipelines, reverse=True):
            jobs = self._rest.pages(f"{self._base}/pipelines/{pipeline}/jobs", _Job)
            made = [each.id for each in jobs if each.name == artifact and each.artifacts_file]
            if made:
                member = quote(file, safe="")
                return self._rest.download(f"{self._base}/jobs/{max(made)}/artifacts/{member}")
        return None

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
        self._rest.write("POST", f"{self._base}/issues", {"title": title, "description": body})

    def edit_issue(self, number: int, title: str, body: str) -> None:
        """Replace the title and the text of an issue."""
        change = {"title": title, "description": body}
        self._rest.write("PUT", f"{self._base}/issues/{number}", change)

    def close_issue(self, number: int) -> None:
        """Close an issue."""
        self._rest.write("PUT", f"{self._base}/issues/{number}", {"state_event": "close"})

    def record(self, released: Released) -> None:
        """Show a release among the project's environments.

        GitLab keeps no note of who asked, so a release of the same commit that is not yet at its
        end is taken for the same one.
        """
        status = _STATES[released.state]
        path = f"{self._base}/deployments"
        known = self._rest.get(
            path,
            list[_Deployment],
            environment=released.environment,
            order_by="id",
            sort="desc",
            per_page=1,
        )
        if known and known[0].sha == released.commit and known[0].status == "running":
            self._rest.write("PUT", f"{path}/{known[0].id}", {"status": status})
            return
        self._rest.write(
            "POST",
            path,
            {
                "environment": released.environment,
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
