"""Rollback by way of Git: the commit that changed what an environment serves, taken back."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain, count
from typing import Final, Literal, Protocol, TypeAlias

from gitops.errors import InvalidRelease, Refused, UsageError
from gitops.pipeline.asked import Asked, Turn, Wish
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.diff import Ways
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.project import Project, Repository
from gitops.pipeline.selection import Selection, select
from gitops.plan.release_diff import release_diff
from gitops.plan.wording import listed
from gitops.state.changed import ChangedPath, Content, GitFile
from gitops.state.commit import CommitInfo
from gitops.state.desired import DesiredModel
from gitops.yaml.document import Document, read
from gitops.yaml.edit import NotEditable, pin_comment, with_scalar

How: TypeAlias = Literal["revert", "pin"]

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")
MOST_NAMED: Final = 3
_WHERE: Final = frozenset({"release_file", "truss"})
"""Where a model's files are is no part of what is served."""


class Changes(Protocol):
    """New commits made beside the working tree."""

    def check_branch(self, branch: str) -> None:
        """Raises ``UsageError`` where a new local branch cannot have that name."""

    def is_free(self, branch: str) -> bool:
        """Whether there is no local branch of that name."""

    def commit(self, base: str, files: Mapping[str, Content], message: str) -> str:
        """A commit on top of ``base`` that changes these files; its id."""

    def branch(self, name: str, commit: str) -> None:
        """A new local branch at a commit."""

    def parent(self, commit: str) -> str | None:
        """The first parent of a commit."""

    def changed(self, before: str, after: str) -> tuple[ChangedPath, ...]:
        """The files that differ between two commits."""

    def file(self, commit: str, path: str) -> GitFile | None:
        """A file of a commit."""

    def merged(self, ours: GitFile, base: GitFile, theirs: GitFile) -> bytes | None:
        """A text with two changes of it made together; None where they touch the same lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A rollback as a commit on a new branch.

    ``culprit`` is the commit that is taken back, None where somebody named the commit to go to.
    ``how`` ``pin`` edits the pin alone; ``why`` says what kept the whole commit from being
    reverted.
    """

    model: str
    environment: str
    how: How
    why: str
    culprit: CommitInfo | None
    before: str
    after: str
    branch: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What to roll back; ``to`` a revision whose truss to go back to, else what was before."""

    model: str
    environment: str
    to: str | None = None
    branch: str | None = None


def way_back(project: Project, changes: Changes, request: RollbackRequest) -> WayBack:
    """Make the branch. Needs no network, and leaves the working tree and HEAD as they are.

    Raises ``UsageError`` for names that nothing manages or that are taken, ``Refused`` where there
    is nothing to go back to or it cannot be written, ``InvalidRelease`` and ``RepositoryError``.
    """
    objects = project.repository
    head = objects.head()
    desired = compile_commit(objects, head)
    [model] = select(desired, Selection(models=(request.model,))).models
    asked = Asked(objects=objects, parents=changes, key=model.key, name=request.environment)
    search = _Search(objects=objects, changes=changes, model=model, asked=asked)
    if request.to is not None:
        return search.pinned(head, request, to=objects.resolve(request.to))
    return search.taken_back(head, request)


@dataclass(slots=True, kw_only=True)
class _Search:
    """One environment of one model, through the history of what was asked for it."""

    objects: Repository
    changes: Changes
    model: DesiredModel
    asked: Asked

    @property
    def name(self) -> str:
        return self.asked.name

    @property
    def place(self) -> str:
        return f"{self.model.key}/{self.name}"

    def taken_back(self, head: str, request: RollbackRequest) -> WayBack:
        now = self._now()
        turn = self.asked.turn(head, self.model)
        if turn is None:
            shallow = self.objects.is_shallow()
            raise Refused(
                f"nothing else was ever asked for in {self.place}, as far as this clone goes",
                hint="It is shallow: `git fetch --unshallow` brings the whole history."
                if shallow
                else "There is no way back by Git; name a commit with --to.",
            )
        culprit = self.objects.info(turn.commit)
        assert culprit is not None
        branch = self._branch(request, culprit.id)
        made, why = self._revert(head, turn, culprit, self.asked.watched)
        how: How = "revert"
        if made is None:
            how = "pin"
            note = f"It takes back {culprit.id[:12]} here, and nothing else of it."
            try:
                made = self._pin(head, turn.wish, note)
            except InvalidRelease as error:
                # As where the truss had another place then: only the whole commit can go back.
                made, more = self._revert(head, turn, culprit, self.asked.folders)
                how, why = "revert", ""
                if made is None:
                    raise Refused(
                        f"there is no commit that takes {self.place} back to {turn.wish.named}:"
                        f" {more}, and the pin alone would not be valid: {error.problems[0]}",
                        hint=f"Write it yourself: {culprit.id[:12]} is what has to be undone.",
                    ) from error
        self.changes.branch(branch, made)
        return WayBack(
            model=str(self.model.key),
            environment=self.name,
            how=how,
            why=why,
            culprit=culprit,
            before=now.named,
            after=turn.wish.named,
            branch=branch,
            commit=made,
        )

    def pinned(self, head: str, request: RollbackRequest, *, to: str) -> WayBack:
        now = self._now()
        if not self.objects.is_ancestor(to, head):
            raise UsageError(
                f"commit {to[:12]} is not in the history of HEAD", hint="Name one that is."
            )
        branch = self._branch(request, to)
        before = Wish(commit=to)
        if now.commit == to:
            raise UsageError(f"{self.place} is pinned to commit {to[:12]} already")
        made = self._pin(head, before, "")
        asked = self._wish_at(made)
        if asked is not None and asked.key == now.key:
            raise UsageError(
                f"commit {to[:12]} gives {self.place} what {now.named} gives it: the same files",
                hint="Name a commit with another version of the truss.",
            )
        self.changes.branch(branch, made)
        return WayBack(
            model=str(self.model.key),
            environment=self.name,
            how="pin",
            why="",
            culprit=None,
            before=now.named,
            after=before.named,
            branch=branch,
            commit=made,
        )

    def _now(self) -> Wish:
        wish = self.asked.wish(self.model)
        if wish is None:
            known = listed([each.name for each in self.model.environments])
            raise UsageError(
                f"{self.model.release_file} has no environment {self.name!r}",
                hint=f"It has {known}.",
            )
        return wish

    def _wish_at(self, commit: str) -> Wish | None:
        return self.asked.wish(self.asked.at(commit, self.model.release_file))

    def _revert(
        self,
        head: str,
        turn: Turn,
        culprit: CommitInfo,
        places: Callable[[DesiredModel], Iterable[str]],
    ) -> tuple[str | None, str]:
        """The commit that takes back all of another one; else why there is none.

        ``places`` are the paths of a model that it may touch, besides its release file.
        """
        allowed = {
            path
            for model in (turn.before, turn.after, self.model)
            for path in (model.release_file, CONFIG_FILE, *places(model))
        }
        files, why = self._reverted(turn, head, allowed)
        if files is None:
            return None, why
        message = self._message(f'Revert "{culprit.subject}"', f"This reverts commit {culprit.id}.")
        made = self.changes.commit(head, files, message)
        why = self._not_just_that(head, made, turn.wish)
        return (None, why) if why else (made, "")

    def _reverted(
        self, turn: Turn, head: str, allowed: AbstractSet[str]
    ) -> tuple[dict[str, Content] | None, str]:
        """The files of a clean revert; else why there is none."""
        short = turn.commit[:12]
        paths = self.changes.changed(turn.parent, turn.commit)
        others = [
            each.path
            for each in paths
            if not any(each.path == one or each.path.startswith(f"{one}/") for one in allowed)
        ]
        if others:
            more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
            named = ", ".join(others[:MOST_NAMED])
            return None, f"{short} changes other files too: {named}{more}"
        beside = self._beside(turn.parent, turn.commit)
        if beside:
            return None, f"{short} changes {beside} too"
        files: dict[str, Content] = {}
        for each in paths:
            path = self._today(each.path, turn.after)
            now = self.changes.file(head, path)
            if now == each.after:
                files[path] = each.before
                continue
            if now is None or each.before is None or each.after is None:
                return None, f"{path} was added or removed since {short}"
            merged = self.changes.merged(now, each.after, each.before)
            if merged is None:
                return None, f"{path} was changed at the same place since {short}"
            files[path] = merged
        return files, ""

    def _today(self, path: str, then: DesiredModel) -> str:
        """Where a file of the model is now, that had another name or folder then."""
        if path == then.release_file:
            return self.model.release_file
        old, new = (posixpath.normpath(each.truss or ".") for each in (then, self.model))
        if old != new and path.startswith(f"{old}/"):
            return posixpath.join(new, path.removeprefix(f"{old}/"))
        return path

    def _beside(self, before: str, after: str) -> str:
        """What else than this environment's artifact two commits differ in; empty: nothing."""
        try:
            old, new = (compile_commit(self.objects, each) for each in (before, after))
        except InvalidRelease:
            return "release files that are not valid"
        found = release_diff(old, new, Ways(self.objects))
        return listed(
            [
                f"{model.model}/{each.environment}"
                for model in found.models
                for each in model.environments
                if (model.model, each.environment) != (str(self.model.key), self.name)
            ]
            + [
                model.model
                for model in found.models
                if any(
                    model.model != str(self.model.key) or one.path not in _WHERE
                    for one in model.fields
                )
            ]
        )

    def _not_just_that(self, head: str, made: str, wanted: Wish) -> str:
        """Why a commit is not the rollback of this environment alone; empty: it is."""
        try:
            compile_commit(self.objects, made)
        except InvalidRelease as error:
            return f"the revert would not be valid: {error.problems[0]}"
        asked = self._wish_at(made)
        if asked is None or asked.key != wanted.key:
            return "the revert would ask for something else again"
        beside = self._beside(head, made)
        return f"the revert would change {beside} too" if beside else ""

    def _pin(self, head: str, wanted: Wish, note: str) -> str:
        data = self.objects.at(head).read(self.model.release_file)
        assert data is not None
        document = read(self.model.release_file, data)
        edited = self._edited(document, wanted)
        message = self._message(f"Roll {self.place} back to {wanted.named}", note)
        made = self.changes.commit(head, {self.model.release_file: edited}, message)
        compile_commit(self.objects, made)
        return made

    def _edited(self, document: Document, wanted: Wish) -> bytes:
        steps = ("environments", self.name, "commit" if wanted.commit else "deployment")
        info = self.objects.info(wanted.commit) if wanted.commit else None
        comment = pin_comment(f"{info.at:%Y-%m-%d}", info.subject) if info else None
        value = wanted.commit or wanted.deployment or ""
        edited = with_scalar(document, steps, value, comment=comment)
        if isinstance(edited, NotEditable):
            raise Refused(
                f"{document.where(steps)}: the pin of {self.name} cannot be changed in place:"
                f" {edited.reason}",
                hint=f"Write it yourself: `{steps[-1]}: {value}`.",
            )
        return edited

    def _branch(self, request: RollbackRequest, commit: str) -> str:
        """The name that was asked for, else the first of its kind that is free."""
        if request.branch is not None:
            self.changes.check_branch(request.branch)
            return request.branch
        place = _UNFIT.sub("-", f"{self.model.key}-{self.name}").strip("-.")
        name = f"gitops/rollback-{place}-{commit[:12]}"
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        return next(each for each in names if self.changes.is_free(each))

    def _message(self, subject: str, note: str) -> str:
        lines = [subject, "", f"Rolls back {self.place}."]
        return "\n".join([*lines, *([note] if note else []), ""])
