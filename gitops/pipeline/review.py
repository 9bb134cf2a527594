"""What a CI job does at the forge: one comment, one issue, the plan that was approved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, Protocol

from gitops.errors import Refused, UsageError
from gitops.state.forge import Comment, Issue, PullRequest, Released

ARTIFACT = "gitops-plan"
"""What the job (GitLab) or its upload (GitHub) is called that keeps a pull request's plan."""

PLAN_FILE = "gitops-plan.json"


class Forge(Protocol):
    """GitHub or GitLab, reached with one job's token. Every method raises ``ForgeError``."""

    @property
    def name(self) -> str:
        """The forge's name, for messages."""

    def close(self) -> None:
        """Close the connections."""

    def me(self) -> str:
        """The login that our token writes with."""

    def comments(self, pull_request: int) -> Iterator[Comment]:
        """The comments on a pull request, oldest first."""

    def add_comment(self, pull_request: int, body: str) -> None:
        """Write a new comment."""

    def edit_comment(self, pull_request: int, comment: int, body: str) -> None:
        """Replace the text of a comment."""

    def remove_comment(self, pull_request: int, comment: int) -> None:
        """Delete a comment."""

    def pull_requests_of(self, commit: str) -> Iterator[PullRequest]:
        """The merged pull requests that brought a commit to its branch."""

    def file_of(self, pull_request: PullRequest, artifact: str, file: str) -> bytes | None:
        """A file that a run for the pull request's head kept; None where there is none."""

    def issues(self) -> Iterator[Issue]:
        """The open issues."""

    def open_issue(self, title: str, body: str) -> None:
        """Open an issue."""

    def edit_issue(self, number: int, title: str, body: str) -> None:
        """Replace the title and the text of an issue."""

    def close_issue(self, number: int) -> None:
        """Close an issue as done."""

    def record(self, released: Released) -> None:
        """Show a release among the environments."""


class CiJob(Protocol):
    """The CI job that runs us."""

    @property
    def commit(self) -> str:
        """The commit that it runs for; of a pull request often a merge that the forge made."""

    @property
    def pull_request(self) -> int | None:
        """The number of the pull request that it runs for."""

    @property
    def head(self) -> str | None:
        """That one's own last commit, where the job runs for a merge of it and it is known."""

    @property
    def run_url(self) -> str:
        """Its page."""


Put = Literal["added", "updated", "unchanged", "closed"]


def put_comment(
    forge: Forge, pull_request: int, text: str, *, after: Callable[[str], str] | None = None
) -> Put:
    """Keep one comment of ours with this text's first line, which marks what it is.

    ``after`` says what becomes of the one that stands, where ``text`` does not replace it.

    A comment of somebody else that begins with the same line is nobody's business of ours. Where
    two runs have written one each, the newer ones are deleted: they would show a plan that nobody
    brings up to date.
    """
    marker = _marker(text)
    me = forge.me()
    ours = [
        each
        for each in forge.comments(pull_request)
        if each.author == me and _marks(each.body, marker)
    ]
    if not ours:
        forge.add_comment(pull_request, text)
        return "added"
    for extra in ours[1:]:
        forge.remove_comment(pull_request, extra.id)
    text = after(ours[0].body) if after is not None else text
    if ours[0].body.strip() == text.strip():
        return "unchanged"
    forge.edit_comment(pull_request, ours[0].id, text)
    return "updated"


def put_issue(forge: Forge, title: str, text: str, *, needed: bool) -> Put:
    """Keep one open issue of ours with this text's first line while it is ``needed``."""
    marker = _marker(text)
    me = forge.me()
    ours = sorted(
        (each for each in forge.issues() if each.author == me and _marks(each.body, marker)),
        key=lambda each: each.number,
    )
    if not needed:
        for each in ours:
            forge.close_issue(each.number)
        return "closed" if ours else "unchanged"
    if not ours:
        forge.open_issue(title, text)
        return "added"
    kept = ours[0]
    if (kept.title, kept.body.strip()) == (title, text.strip()):
        return "unchanged"
    forge.edit_issue(kept.number, title, text)
    return "updated"


_BY_HAND: Final = "Run the apply by hand: it shows a fresh plan and waits for an approval."


def request_word(forge: Forge) -> str:
    """What the forge calls a request to merge, for messages."""
    return "merge request" if forge.name == "GitLab" else "pull request"


def brought_by(forge: Forge, commit: str) -> list[PullRequest]:
    """The merged pull requests that brought ``commit``. Raises ``Refused`` where there is none."""
    requests = list(forge.pull_requests_of(commit))
    if not requests:
        raise Refused(
            f"no {request_word(forge)} that was merged brought commit {commit[:12]}: nobody has"
            " approved a plan",
            hint=_BY_HAND,
        )
    return requests


def approved_plan(forge: Forge, commit: str) -> tuple[PullRequest, bytes]:
    """The plan that was shown in the pull request which brought ``commit``, as it was saved.

    Raises ``Refused`` where no pull request brought it, or where its plan is not there any more:
    nobody has approved a plan that could be held against this commit then.
    """
    requests = brought_by(forge, commit)
    for request in requests:
        content = forge.file_of(request, ARTIFACT + _suffix(forge, request), PLAN_FILE)
        if content is not None:
            return request, content
    numbers = ", ".join(f"{each.number}" for each in requests)
    raise Refused(
        f"{forge.name} keeps no plan of {request_word(forge)} {numbers} for its last commit",
        hint=_BY_HAND,
    )


def _suffix(forge: Forge, request: PullRequest) -> str:
    """GitHub looks artifacts up by name in the whole repository; so the name holds the commit."""
    return f"-{request.head}" if forge.name == "GitHub" else ""


def record_releases(forge: Forge, releases: Iterable[Released]) -> int:
    """Show releases among the forge's environments; how many."""
    done = 0
    for each in releases:
        forge.record(each)
        done += 1
    return done


def _marker(text: str) -> str:
    first = text.lstrip().partition("\n")[0].strip()
    if not (first.startswith("<!-- gitops") and first.endswith("-->")):
        raise UsageError(
            "the text does not begin with the line that marks it as ours",
            hint="give a saved plan, a saved diff or a drift report, or Markdown that gitops wrote",
        )
    return first


def _marks(body: str, marker: str) -> bool:
    return body.lstrip().partition("\n")[0].strip() == marker
