"""Promote: what one environment serves becomes another one's pin, as a change of one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitops.errors import Refused, UsageError
from gitops.pipeline.commit_search import CommitSearch
from gitops.pipeline.diff import Ways
from gitops.pipeline.plan import PlanRequest, plan
from gitops.pipeline.project import Project, Repository
from gitops.pipeline.selection import Selection
from gitops.plan.model import ModelPlan, Serving
from gitops.record.proven import Proven, Version, why_held
from gitops.record.timeline import ModelLog
from gitops.state.artifact import Artifact
from gitops.state.commit import Between, CommitInfo
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.yaml.change import with_text
from gitops.yaml.document import Document, read
from gitops.yaml.edit import NotEditable, pin_comment


@dataclass(frozen=True, slots=True, kw_only=True)
class PinMove:
    """A pin that moves. ``before`` None: the environment follows HEAD.

    ``old`` and ``new`` are the release file's bytes; equal where nothing has to change. ``digest``
    is that of the artifact. ``ships`` are the commits in between that touch the truss, newest
    first, but for the ``cancelled`` ones, which take each other back; empty for a way back.
    """

    model: str
    source: str
    target: str
    file: str
    commit: CommitInfo
    digest: str
    before: str | None
    old: bytes
    new: bytes
    ships: tuple[CommitInfo, ...] = ()
    cancelled: int = 0

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.old != self.new

    @property
    def diff(self) -> str:
        """The change as a unified diff without its head."""
        lines = difflib.unified_diff(
            self.old.decode("utf-8", "replace").splitlines(),
            self.new.decode("utf-8", "replace").splitlines(),
            lineterm="",
            n=1,
        )
        return "\n".join(list(lines)[3:])

    @property
    def message(self) -> str:
        """The commit message: what moves where, and what ships with it."""
        subject = f"Promote {self.model} to {self.target}: {self.commit.id[:12]}"
        lines = [f"{self.commit.subject}", "", f"What {self.source} serves goes to {self.target}."]
        if self.ships:
            lines += ["", "Ships:"]
            lines += [f"- {each.id[:12]} {each.subject}" for each in self.ships]
        if self.cancelled:
            lines += ["", f"{self.cancelled} more commits cancel each other out."]
        return "\n".join([subject, "", *lines, ""])


def move_pin(
    project: Project, name: str, *, source: str, target: str, committed: bool = False
) -> PinMove:
    """What has to be written so that ``target`` asks for what ``source`` serves. Reads only.

    ``committed``: on top of the file as HEAD has it. What is checked out may have other line ends.

    Raises ``UsageError`` for names that nothing manages, ``Refused`` where ``source`` serves
    nothing that Git knows or the pin cannot be written in place, ``InvalidRelease``,
    ``RepositoryError`` and ``BasetenError``.
    """
    if source == target:
        raise UsageError(
            f"--from and --to are both {source}", hint="Name two environments of the model."
        )
    planned = plan(project, PlanRequest(selection=Selection(models=(name,))))
    [model] = planned.desired.models
    [seen] = planned.plan.models
    _environment(model, source)
    wanted = _environment(model, target)
    if wanted.artifact is None or model.truss is None:
        raise Refused(
            f"{model.key}/{target} names a deployment, not a commit",
            hint=f"Write `commit:` for {target} in {model.release_file} first.",
        )
    serving, digest = _serving(seen, source)
    objects = project.repository
    search = CommitSearch(
        objects=objects,
        head=planned.desired.commit,
        truss=model.truss,
        rebuild=wanted.artifact.rebuild,
        digest=digest,
    )
    # First the one it was built from: that is the commit people know it by.
    commit = search.first([serving.commit] if serving.commit else [])
    info = objects.info(commit) if commit else None
    if commit is None or info is None:
        raise Refused(
            f"no commit of this history gives what {model.key}/{source} serves"
            f" (deployment {serving.deployment_id})",
            hint="This clone is shallow: `git fetch --unshallow` brings the whole history."
            if objects.is_shallow()
            else "Merge the commit it was built from first.",
        )
    document = _document(project, model, committed=committed)
    before = None if wanted.follows_head else wanted.artifact.commit
    same = before is not None and wanted.artifact.digest == digest
    between = Between() if same or before is None else _between(objects, wanted.artifact, commit)
    new = document.data if same else _written(document, target, info)
    return PinMove(
        model=str(model.key),
        source=source,
        target=target,
        file=model.release_file,
        commit=info,
        digest=digest,
        before=before,
        old=document.data,
        new=new,
        ships=between.commits,
        cancelled=len(between.cancelled),
    )


def held_there(move: PinMove, logs: Iterable[ModelLog], host: str) -> str | None:
    """Why the artifact is held where it is to go, to be said after its commit; None: it is not.

    ``logs`` are those of models of that name, ``host`` the host of the API that is meant.
    """
    hold = Proven.of(logs, move.target, host).hold(Version(digest=move.digest))
    return None if hold is None else why_held(hold)


def _environment(model: DesiredModel, name: str) -> DesiredEnvironment:
    for each in model.environments:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in model.environments)
    raise UsageError(f"{model.release_file} has no environment {name!r}", hint=f"It has {known}.")


def _serving(seen: ModelPlan, source: str) -> tuple[Serving, str]:
    [found] = [each for each in seen.environments if each.environment == source]
    place = f"{seen.name}/{source}"
    if found.serving is None:
        why = "its release file says mode: pause" if found.state == "paused" else "it is empty"
        raise Refused(
            f"nothing is known to serve {place}: {why}",
            hint=f"Release something there first; `gitops status {seen.name}` shows what there is.",
        )
    if found.serving.digest is None:
        raise Refused(
            f"{place} serves deployment {found.serving.deployment_id}, which was not pushed from"
            " this repository",
            hint="No commit can be pinned for it; name the deployment in the release file instead.",
        )
    return found.serving, found.serving.digest


def _document(project: Project, model: DesiredModel, *, committed: bool) -> Document:
    files = project.repository.at(project.repository.head())
    committed = committed or project.repository.is_bare
    data = (files if committed else project.worktree).read(model.release_file)
    if data is None:
        raise Refused(f"{model.release_file} is not committed yet", hint="Commit it first.")
    return read(model.release_file, data)


def _written(document: Document, target: str, info: CommitInfo) -> bytes:
    steps = ("environments", target, "commit")
    comment = pin_comment(f"{info.at:%Y-%m-%d}", info.subject)
    edited = with_text(document, steps, info.id, comment=comment)
    if isinstance(edited, NotEditable):
        where = document.where(("environments", target))
        raise Refused(
            f"{where}: the pin of {target} cannot be changed in place: {edited.reason}",
            hint=f"Write it yourself: `commit: {info.id}   # {comment}`.",
        )
    return edited


def _between(objects: Repository, before: Artifact, commit: str) -> Between:
    if not objects.is_ancestor(before.commit, commit):
        return Between()
    return Ways(objects).between(before, replace(before, commit=commit), "forward")
