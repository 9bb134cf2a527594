"""Rollback by way of Git: what an environment asked for before and served well, asked for again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Final, Literal, Protocol, TypeAlias

from gitops.errors import InvalidRelease, Refused, UsageError
from gitops.pipeline.asked import Asked, Turn, Wish
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.pin_back import PinBack, PutBack
from gitops.pipeline.project import Project, Repository
from gitops.pipeline.reverts import Changes, Reverts
from gitops.pipeline.selection import Selection, select
from gitops.record.proven import Proven, built_from, why_held
from gitops.record.timeline import ModelLog
from gitops.render.text import printable
from gitops.state.commit import CommitInfo
from gitops.state.desired import Desired, DesiredModel
from gitops.wording import listed

How: TypeAlias = Literal["revert", "pin"]

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class Logs(Protocol):
    """Every deploy log of a clone."""

    def of(self, model: str, release_file: str) -> tuple[ModelLog, ...]:
        """The logs of models of a name, also those that were written under an earlier name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A rollback as a commit, and the branch that it is for.

    ``there``: that branch exists, with this very change; ``published`` is its commit where it is a
    branch of the remote alone. ``culprit`` is the commit that is taken back, None where somebody
    named the commit to go to or versions were passed over. ``how`` ``pin`` edits the pin alone;
    ``why`` says what kept the whole commit from being reverted.
    ``before`` and ``after`` are versions as people know them, ``before_pin`` and ``after_pin`` what
    pins them where that is another commit of the same files, else empty.
    ``passed`` are newer versions that are not gone back to, each a sentence that says why.
    ``notes`` are sentences about what is pinned where the truss has moved since. ``warnings`` are
    sentences about what could not be known, or is bad. ``unfollows``: an environment that followed
    the branch is pinned by it.
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
    there: bool = False
    published: str | None = None
    before_pin: str = ""
    after_pin: str = ""
    passed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unfollows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """What to roll back; ``to`` a revision whose truss to go back to, else what was before.

    ``published``: a branch of the remote that has the same change already does as well.
    """

    model: str
    environment: str
    to: str | None = None
    branch: str | None = None
    published: bool = False


def way_back(
    project: Project,
    changes: Changes,
    request: RollbackRequest,
    logs: Logs | None = None,
    host: str = "",
) -> WayBack:
    """Make the commit, which no ref names yet. Needs no network, and changes nothing else.

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
    search = _Search(
        objects=objects,
        changes=changes,
        model=model,
        asked=asked,
        proven=proven,
        built_from=built_from(own),
        remote=desired.remote,
    )
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
    built_from: Mapping[str, str]
    remote: str

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
        self._check_branch(request)
        reverts = Reverts(
            objects=self.objects, changes=self.changes, model=self.model, asked=self.asked
        )
        made, why = reverts.commit(head, turn, culprit, self.asked.watched)
        if made is not None:
            return self._way(request, now, turn.wish, PutBack(commit=made), culprit=culprit)
        note = f"It takes back {culprit.id[:12]} here, and nothing else of it."
        pin = self._pin_back(head)
        try:
            put = pin.pin(turn.wish, note)
        except InvalidRelease as error:
            # As where the truss had another place then: only the whole commit can go back.
            made, more = reverts.commit(head, turn, culprit, self.asked.folders)
            if made is not None:
                return self._way(request, now, turn.wish, PutBack(commit=made), culprit=culprit)
            brought = pin.files(turn.wish, note)
            if brought is None:
                raise Refused(
                    f"there is no commit that takes {self.place} back to {self._called(turn.wish)}:"
                    f" {more}, and the pin alone would not be valid: {error.problems[0]}",
                    hint=f"Write it yourself: {culprit.id[:12]} is what has to be undone.",
                ) from error
            put = brought
        return self._way(request, now, turn.wish, put, culprit=culprit, why=why)

    def _way(
        self,
        request: RollbackRequest,
        now: Wish,
        wanted: Wish,
        put: PutBack,
        *,
        culprit: CommitInfo | None = None,
        why: str = "",
        passed: tuple[str, ...] = (),
        warnings: tuple[str, ...] | None = None,
    ) -> WayBack:
        how: How = "revert" if culprit is not None and not why else "pin"
        about = culprit.id if culprit is not None else wanted.commit or now.commit or put.commit
        branch, tip = self._branch(request, about, put.commit)
        known = None
        if request.published and tip is None:
            known = self.changes.published(put.commit, self.remote)
        if known is not None:
            branch, _ = known
        return WayBack(
            model=str(self.model.key),
            environment=self.name,
            how=how,
            why=why,
            culprit=culprit,
            before=self._called(now),
            after=self._called(wanted),
            branch=branch,
            commit=tip or put.commit,
            there=tip is not None or known is not None,
            published=known[1] if known is not None else None,
            before_pin=self._pinned_as(now),
            after_pin=self._pinned_as(wanted),
            passed=passed,
            notes=put.said,
            warnings=self._unknown() if warnings is None else warnings,
            unfollows=how == "pin" and self.asked.follows(self.model),
        )

    def _called(self, wish: Wish) -> str:
        """By the commit that its deployment is labelled with, where the log knows that."""
        commit = self.built_from.get(wish.digest) if wish.digest is not None else None
        return f"commit {commit[:12]}" if commit is not None else wish.named

    def _pinned_as(self, wish: Wish) -> str:
        return "" if self._called(wish) == wish.named else wish.named

    def _pin_back(self, head: str) -> PinBack:
        return PinBack(
            objects=self.objects,
            changes=self.changes,
            model=self.model,
            asked=self.asked,
            head=head,
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
            passed[turn.wish.key] = printable(f"{self._called(turn.wish)} {against}")
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
        self._check_branch(request)
        note = f"Passed over: {'; '.join(passed)}."
        put = self._put_back(head, wanted, note, hint=f", or name another commit with --to. {note}")
        return self._way(request, self._now(), wanted, put, passed=passed, warnings=())

    def _put_back(self, head: str, wanted: Wish, *notes: str, hint: str) -> PutBack:
        pin = self._pin_back(head)
        try:
            return pin.pin(wanted, *notes)
        except InvalidRelease as error:
            brought = pin.files(wanted, *notes)
            if brought is not None:
                return brought
            raise Refused(
                f"the pin of {self.place} cannot go back to {wanted.named}: {error.problems[0]}",
                hint=f"Write it yourself{hint}",
            ) from error

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
        self._check_branch(request)
        if now.commit == to:
            raise UsageError(f"{self.place} is pinned to commit {to[:12]} already")
        wanted = self._pin_back(head).version(to, self.model.release_file)
        if wanted.digest is not None and wanted.key == now.key:
            raise UsageError(
                f"commit {to[:12]} gives {self.place} what {now.named} gives it: the same files",
                hint="Name a commit with another version of the truss.",
            )
        put = self._put_back(head, wanted, hint=", or name another commit.")
        return self._way(request, now, wanted, put, warnings=self._bad(wanted))

    def _bad(self, wanted: Wish) -> tuple[str, ...]:
        """What to say of a version that somebody named although it is held."""
        hold = self.proven.hold(wanted.version)
        if hold is None:
            return ()
        return (
            f"{self._called(wanted)} {why_held(hold)}: it is gone back to because --to names it.",
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

    def _check_branch(self, request: RollbackRequest) -> None:
        """Raises ``UsageError`` for a name that no branch can have, before anything is made."""
        if request.branch is not None and self.changes.tip(request.branch) is None:
            self.changes.check_branch(request.branch)

    def _branch(self, request: RollbackRequest, about: str, made: str) -> tuple[str, str | None]:
        """The name that was asked for, else the first of its kind that is free; and its commit.

        That is a branch which has just this change already, as of an earlier try; None: a new one.
        """
        place = _UNFIT.sub("-", f"{self.model.key}-{self.name}").strip("-.")
        name = request.branch or f"gitops/rollback-{place}-{about[:12]}"
        if request.branch is None and self.changes.in_the_way(name) is not None:
            name = name.replace("/", "-")
        more = () if request.branch else (f"{name}-{number}" for number in count(2))
        for each in chain([name], more):
            tip = self.changes.tip(each)
            if tip is None or self.changes.are_same(tip, made):
                return each, tip
        self.changes.check_branch(name)
        return name, None
