"""Rollback by way of Git: what an environment asked for before and served well, asked for again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, count
from typing import Final, Literal, Protocol, TypeAlias

from gitops.errors import InvalidRelease, Refused, UsageError
from gitops.pipeline.asked import Asked, Turn, Wish
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.project import Project, Repository
from gitops.pipeline.reverts import Changes, Reverts, message_of
from gitops.pipeline.selection import Selection, select
from gitops.plan.wording import listed
from gitops.record.proven import Proven, why_held
from gitops.record.timeline import ModelLog
from gitops.render.text import printable
from gitops.state.commit import CommitInfo
from gitops.state.desired import Desired, DesiredModel
from gitops.yaml.document import Document, read
from gitops.yaml.edit import NotEditable, pin_comment, with_scalar

How: TypeAlias = Literal["revert", "pin"]

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class Logs(Protocol):
    """Every deploy log of a clone."""

    def of(self, model: str, release_file: str) -> tuple[ModelLog, ...]:
        """The logs of models of a name, also those that were written under an earlier name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A rollback as a commit on a new branch.

    ``culprit`` is the commit that is taken back, None where somebody named the commit to go to or
    versions were passed over. ``how`` ``pin`` edits the pin alone; ``why`` says what kept the whole
    commit from being reverted. ``passed`` are newer versions that are not gone back to, each a
    sentence that says why. ``warnings`` are sentences about what could not be known, or is bad.
    ``unfollows``: an environment that followed the branch is pinned by it.
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
    passed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unfollows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What to roll back; ``to`` a revision whose truss to go back to, else what was before."""

    model: str
    environment: str
    to: str | None = None
    branch: str | None = None


def way_back(
    project: Project,
    changes: Changes,
    request: RollbackRequest,
    logs: Logs | None = None,
    host: str = "",
) -> WayBack:
    """Make the branch. Needs no network, and leaves the working tree and HEAD as they are.

    ``logs`` are the deploy logs of this clone, ``host`` is the host of the API that is meant: by
    them what was rolled back or never served is not gone back to.

    Raises ``UsageError`` for names that nothing manages or that are taken, ``Refused`` where there
    is nothing to go back to or it cannot be written, ``InvalidRelease`` and ``RepositoryError``.
    """
    objects = project.repository
    head = objects.head()
    desired = compile_commit(objects, head)
    [model] = select(desired, Selection(models=(request.model,))).models
    own = _own(logs, model, desired) if logs is not None else []
    asked = Asked(
        objects=objects,
        parents=changes,
        key=model.key,
        name=request.environment,
        names=frozenset(entry.model for log in own for entry in log.entries),
    )
    proven = Proven.of(own, request.environment, host)
    search = _Search(objects=objects, changes=changes, model=model, asked=asked, proven=proven)
    if request.to is not None:
        return search.pinned(head, request, to=objects.resolve(request.to))
    return search.taken_back(head, request)


def _own(logs: Logs, model: DesiredModel, desired: Desired) -> list[ModelLog]:
    """The logs that can be this model's: offline nobody knows what the default team is called."""
    team = model.key.team
    others = {each.key.team for each in desired.models if each.key.name == model.key.name}
    return [
        each
        for each in logs.of(model.key.name, model.release_file)
        if (each.team == team if team is not None else each.team not in others)
    ]


@dataclass(slots=True, kw_only=True)
class _Search:
    """One environment of one model, through the history of what was asked for it."""

    objects: Repository
    changes: Changes
    model: DesiredModel
    asked: Asked
    proven: Proven

    @property
    def name(self) -> str:
        return self.asked.name

    @property
    def place(self) -> str:
        return f"{self.model.key}/{self.name}"

    def taken_back(self, head: str, request: RollbackRequest) -> WayBack:
        now = self._now()
        turn, passed = self._target(head, now)
        if passed:
            return self._past(head, request, turn.wish, passed)
        culprit = self.objects.info(turn.commit)
        assert culprit is not None
        branch = self._branch(request, culprit.id)
        reverts = Reverts(
            objects=self.objects, changes=self.changes, model=self.model, asked=self.asked
        )
        made, why = reverts.commit(head, turn, culprit, self.asked.watched)
        how: How = "revert"
        if made is None:
            how = "pin"
            note = f"It takes back {culprit.id[:12]} here, and nothing else of it."
            try:
                made = self._pin(head, turn.wish, note)
            except InvalidRelease as error:
                # As where the truss had another place then: only the whole commit can go back.
                made, more = reverts.commit(head, turn, culprit, self.asked.folders)
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
            warnings=self._unknown(),
            unfollows=how == "pin" and self.asked.follows(self.model),
        )

    def _target(self, head: str, now: Wish) -> tuple[Turn, tuple[str, ...]]:
        """Before which commit what to go back to was asked for; and what is passed over for it."""
        passed: dict[object, str] = {}
        last = ""
        for turn in self.asked.turns(head, self.model):
            last = last or turn.commit
            if turn.wish.key == now.key or turn.wish.key in passed:
                continue
            against = self.proven.against(turn.wish.version)
            if against is None:
                return turn, tuple(passed.values())
            passed[turn.wish.key] = printable(f"{turn.wish.named} {against}")
        if self.objects.is_shallow():
            hint = "It is shallow: `git fetch --unshallow` brings the whole history."
        elif passed:
            hint = (
                "Name the commit to go to with --to, which may be one that is held; or revert"
                f" {last[:12]}, the last change, yourself."
            )
        else:
            hint = "There is no way back by Git; name a commit with --to."
        if passed:
            raise Refused(
                f"nothing that was asked for in {self.place} before is known to be good:"
                f" {'; '.join(passed.values())}",
                hint=hint,
            )
        raise Refused(
            f"nothing else was ever asked for in {self.place}, as far as this clone goes", hint=hint
        )

    def _past(
        self, head: str, request: RollbackRequest, wanted: Wish, passed: tuple[str, ...]
    ) -> WayBack:
        """Back to what no single revert brings back: the pin alone, and why."""
        now = self._now()
        branch = self._branch(request, wanted.commit or now.commit or head)
        try:
            made = self._pin(head, wanted, f"Passed over: {'; '.join(passed)}.")
        except InvalidRelease as error:
            raise Refused(
                f"the pin of {self.place} cannot go back to {wanted.named}: {error.problems[0]}",
                hint=f"Write it yourself, or name another commit with --to. Passed over:"
                f" {'; '.join(passed)}.",
            ) from error
        self.changes.branch(branch, made)
        return WayBack(
            model=str(self.model.key),
            environment=self.name,
            how="pin",
            why="",
            culprit=None,
            before=now.named,
            after=wanted.named,
            branch=branch,
            commit=made,
            passed=passed,
            unfollows=self.asked.follows(self.model),
        )

    def _unknown(self) -> tuple[str, ...]:
        """What to say where no log tells good versions from bad ones."""
        if self.proven.histories:
            return ()
        said = (
            f"The deploy log in this clone has no entry of {self.place}: this is what Git asked for"
            " before, whether it served or not (`gitops log --fetch` brings the log)."
        )
        return (said,)

    def pinned(self, head: str, request: RollbackRequest, *, to: str) -> WayBack:
        now = self._now()
        if not self.objects.is_ancestor(to, head):
            raise UsageError(
                f"commit {to[:12]} is not in the history of HEAD", hint="Name one that is."
            )
        branch = self._branch(request, to)
        if now.commit == to:
            raise UsageError(f"{self.place} is pinned to commit {to[:12]} already")
        made = self._pin(head, Wish(commit=to))
        asked = self.asked.wish(self.asked.at(made, self.model.release_file))
        assert asked is not None
        if asked.key == now.key:
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
            after=asked.named,
            branch=branch,
            commit=made,
            warnings=self._bad(asked),
            unfollows=self.asked.follows(self.model),
        )

    def _bad(self, wanted: Wish) -> tuple[str, ...]:
        """What to say of a version that somebody named although it is held."""
        hold = self.proven.hold(wanted.version)
        if hold is None:
            return ()
        return (f"{wanted.named} {why_held(hold)}: it is gone back to because --to names it.",)

    def _now(self) -> Wish:
        wish = self.asked.wish(self.model)
        if wish is None:
            known = listed([each.name for each in self.model.environments])
            raise UsageError(
                f"{self.model.release_file} has no environment {self.name!r}",
                hint=f"It has {known}.",
            )
        return wish

    def _pin(self, head: str, wanted: Wish, *notes: str) -> str:
        data = self.objects.at(head).read(self.model.release_file)
        assert data is not None
        document = read(self.model.release_file, data)
        edited = self._edited(document, wanted)
        if self.asked.follows(self.model):
            notes = (*notes, f"Reverting this lets {self.name} follow the branch again.")
        message = message_of(self.asked, f"Roll {self.place} back to {wanted.named}", *notes)
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
