"""Accept drift: what Baseten has becomes what the release files say, and nothing else in them.

A setting is written in the release file's environment, also where gitops.yaml gave its value and
where what Baseten has equals that default: what was accepted is then to be read where it holds, and
does not move with the default. What would not be valid, or would change anything else that Git
asks for, is not written, and said.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from gitops.errors import Refused
from gitops.pipeline.commit_search import CommitSearch
from gitops.pipeline.compile import look
from gitops.pipeline.drift import FoundDrift
from gitops.pipeline.project import Project
from gitops.pipeline.release_files import configuration
from gitops.pipeline.sources import Files
from gitops.plan.drift import Drifted
from gitops.plan.drift_document import Acceptance, Accepted, Drift, ModelDrift, NotAccepted
from gitops.plan.drift_values import NOT_THERE, at, below, schedule, steps, whole
from gitops.plan.model import Serving
from gitops.render.drift import commit_message
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.differences import equal, flatten
from gitops.state.recognise import called
from gitops.state.schedules import PREFIX
from gitops.state.settings import Settings
from gitops.yaml.change import with_text, with_value, without
from gitops.yaml.document import Document, read
from gitops.yaml.edit import NotEditable, pin_comment

PIN: Final = "commit"
_UNDO: Final = "take it back with `gitops apply --undo-drift`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepting:
    """What is to be written: the document that says so, files by path, and a commit's message."""

    drift: Drift
    files: Mapping[str, bytes] = field(default_factory=dict)
    message: str = ""


def accept_drift(project: Project, found: FoundDrift, *, committed: bool = False) -> Accepting:
    """The release files as they have to be so that Git asks for what Baseten has. Writes nothing.

    One problem hides no other: what can be written is, and the rest is in the document with why.
    ``committed``: on top of the files as HEAD has them, for what is checked out may have other line
    ends.
    Raises ``RepositoryError`` where Git lacks something, ``Refused`` where HEAD lacks a file.
    """
    head = found.desired.commit
    committed = committed or project.repository.is_bare
    files = project.repository.at(head) if committed else project.worktree
    desired = {str(model.key): model for model in found.desired.models}
    results = [
        _ModelAcceptance(
            project=project, files=files, head=head, now=found.drift.now, model=desired[model.name]
        ).take(model)
        for model in found.drift.models
        if any(each.drift for each in model.environments)
    ]
    accepted = Acceptance(
        written=tuple(
            Accepted(file=each.model.release_file, diff=_diff(each.before, each.document.data))
            for each in results
            if each.changed
        ),
        not_written=tuple(item for each in results for item in each.refused),
        notes=tuple(note for each in results for note in each.notes),
    )
    return Accepting(
        drift=replace(found.drift, accepted=accepted),
        files={each.model.release_file: each.document.data for each in results if each.changed},
        message=commit_message([pair for each in results for pair in each.taken]),
    )


@dataclass(slots=True, kw_only=True)
class _ModelAcceptance:
    """One release file on its way to what Baseten has."""

    project: Project
    files: Files
    head: str
    now: datetime
    model: DesiredModel
    refused: list[NotAccepted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taken: list[tuple[str, Drifted]] = field(default_factory=list)
    before: bytes = b""
    document: Document = field(init=False)
    _defaults: Mapping[str, Any] = field(default_factory=dict)
    _asked: Sequence[DesiredEnvironment] = ()
    """What the file asks for with what was accepted so far."""
    _tried: Sequence[DesiredEnvironment] = ()

    def take(self, drift: ModelDrift) -> _ModelAcceptance:
        """Take every environment's settings and artifact, each tried with the others first."""
        path = self.model.release_file
        data = self.files.read(path)
        if data is None:
            raise Refused(f"{path} is not committed yet", hint="Commit it first.")
        self.before, self.document = data, read(path, data)
        self._asked = self._tried = self.model.environments
        self._defaults = below(configuration(self.files).raw, "defaults", "environments")
        for environment in drift.environments:
            items = [each for each in environment.drift if each.kind in {"setting", "artifact"}]
            if items and not self._together(environment.environment, items):
                for item in items:
                    self._alone(environment.environment, item)
        return self

    @property
    def changed(self) -> bool:
        return self.document.data != self.before

    def _together(self, name: str, items: Sequence[Drifted]) -> bool:
        """Whether all that can be written of an environment was, and Git then asks for just that.

        Settings depend on each other: a least above the most is valid only once both are there.
        """
        document, taken, refused = self.document, [], []
        for item in items:
            edited = self._edited(document, name, item)
            if isinstance(edited, NotAccepted):
                refused.append(edited)
            else:
                document = read(document.file, edited)
                taken.append(item)
        if taken and self._wrong(document, name, taken):
            return False
        self._keep(document, name, taken)
        self.refused += refused
        return True

    def _alone(self, name: str, item: Drifted) -> None:
        edited = self._edited(self.document, name, item)
        if isinstance(edited, NotAccepted):
            self.refused.append(edited)
            return
        document = read(self.document.file, edited)
        wrong = self._wrong(document, name, [item])
        if wrong:
            given = item.path and at(self._defaults, (name, *steps(item.path))) is not NOT_THERE
            hint = f"take {item.path} out of the defaults in gitops.yaml" if given else None
            self.refused.append(self._not(name, item, wrong, hint))
        else:
            self._keep(document, name, [item])

    def _keep(self, document: Document, name: str, items: Sequence[Drifted]) -> None:
        self.document, self._asked = document, self._tried if items else self._asked
        place = f"{self.model.key}/{name}"
        for item in items:
            self.taken.append((place, item))
            if item.kind != "artifact":
                continue
            environment = self._environment(name)
            if environment.follows_head:
                self.notes.append(
                    f"{place} does not follow HEAD any more: it is pinned to what serves."
                )
            if environment.checks:
                self.notes.append(
                    f"{place}: the next apply runs its checks on what serves, unless it has passed"
                    " them there before."
                )

    def _environment(self, name: str) -> DesiredEnvironment:
        [found] = [each for each in self.model.environments if each.name == name]
        return found

    def _not(self, name: str, item: Drifted, why: str, hint: str | None = None) -> NotAccepted:
        path = item.path or ("deployment" if self._environment(name).deployment else PIN)
        return NotAccepted(
            model=str(self.model.key), environment=name, path=path, why=why, hint=hint
        )

    # What would be written

    def _edited(self, document: Document, name: str, item: Drifted) -> bytes | NotAccepted:
        if item.kind == "artifact":
            return self._with_artifact(document, name, item)
        assert item.path is not None
        keys = steps(item.path)
        own = at(document.value, ("environments", name, *keys))
        given = at(self._defaults, (name, *keys))
        goes = item.live is None and item.path != "backpressure.policy"
        if goes and given is not NOT_THERE:
            return self._not(
                name,
                item,
                "Baseten has no value for it, and gitops.yaml gives one to every environment of"
                " this name",
                f"take {item.path} out of the defaults in gitops.yaml",
            )
        if goes:
            edited = without(document, ("environments", name, *keys))
        else:
            value = item.live
            if item.path.startswith(PREFIX):
                value = schedule(own, given, item.live)
            edited = with_value(document, ("environments", name, *keys), whole(value))
        if isinstance(edited, NotEditable):
            where = document.where(("environments", name, *keys))
            shown = "take it out" if goes else "write it yourself"
            return self._not(name, item, f"{where}: {edited.reason}", shown)
        if edited == document.data and item.held_at is not None:
            why = "Git asks for just that, and a hold keeps another value"
            return self._not(name, item, why, "release another commit, which ends the hold")
        return edited

    def _with_artifact(self, document: Document, name: str, item: Drifted) -> bytes | NotAccepted:
        environment, serving = self._environment(name), item.live
        if not isinstance(serving, Serving):
            return self._not(name, item, "nothing serves there, and Git cannot ask for that")
        if item.detail is not None:
            return self._not(name, item, item.detail)
        base = ("environments", name)
        if environment.artifact is None:
            reference = serving.deployment_name or serving.deployment_id
            edited = with_value(document, (*base, "deployment"), reference)
            return self._or_refused(edited, document, name, item, reference)
        commit = self._commit(environment, serving)
        info = self.project.repository.info(commit) if commit is not None else None
        if info is None:
            return self._not(name, item, *self._unknown(serving))
        comment = pin_comment(f"{info.at:%Y-%m-%d}", info.subject)
        edited = with_text(document, (*base, PIN), info.id, comment=comment)
        return self._or_refused(edited, document, name, item, info.id)

    def _or_refused(
        self, edited: bytes | NotEditable, document: Document, name: str, item: Drifted, value: str
    ) -> bytes | NotAccepted:
        if not isinstance(edited, NotEditable):
            return edited
        where = document.where(("environments", name))
        return self._not(name, item, f"{where}: {edited.reason}", f"write {value} yourself")

    def _commit(self, environment: DesiredEnvironment, serving: Serving) -> str | None:
        if environment.artifact is None or self.model.truss is None or serving.digest is None:
            return None
        search = CommitSearch(
            objects=self.project.repository,
            head=self.head,
            truss=self.model.truss,
            rebuild=environment.artifact.rebuild,
            digest=serving.digest,
        )
        return search.first([serving.commit] if serving.commit else [])

    def _unknown(self, serving: Serving) -> tuple[str, str]:
        name = serving.deployment_name or serving.deployment_id
        found = called(serving.deployment_id, serving.deployment_name)
        if serving.digest is None:
            return (
                f"{found} was not pushed from this repository, so no commit is its own",
                f"write `deployment: {name}` in place of the commit, or {_UNDO}",
            )
        return (
            f"no commit of this history gives what {found} serves",
            "this clone is shallow: `git fetch --unshallow` brings the whole history"
            if self.project.repository.is_shallow()
            else f"merge the commit it was built from first, or {_UNDO}",
        )

    # What would then be asked for

    def _wrong(self, document: Document, name: str, items: Sequence[Drifted]) -> str:
        """What is wrong with a file that says this; empty: it asks for what was accepted."""
        path = self.model.release_file
        compiled = look(
            self.project.repository,
            _Overlay(self.files, {path: document.data}),
            self.head,
            dirty=True,
            only=frozenset([path]),
        )
        if compiled.errors:
            return "; ".join(f"{each.path}: {each.message}" for each in compiled.errors)
        [model] = compiled.desired.models
        self._tried = model.environments
        now = {each.name: each for each in model.environments}
        for each in self._asked:
            if each.name != name and _bare(now[each.name]) != _bare(each):
                return f"{each.name} would ask for something else too"
        before = next(each for each in self._asked if each.name == name)
        return self._differs(before, now[name], items)

    def _differs(
        self, before: DesiredEnvironment, after: DesiredEnvironment, items: Sequence[Drifted]
    ) -> str:
        old, new = (flatten(each.settings, now=self.now) for each in (before, after))
        settings = {item.path: item.live for item in items if item.kind == "setting" and item.path}
        for path in {*old, *new}:
            wanted = settings[path] if path in settings else old.get(path)
            if not equal(path, new.get(path), wanted):
                return f"{path} would not be what Baseten has"
        pinned = [item.live for item in items if item.kind == "artifact"]
        for serving in pinned:
            if after.artifact is not None and after.artifact.digest != serving.digest:
                return "the pin would ask for something else"
        rest = [
            replace(_bare(each), settings=Settings(), artifact=None, deployment=None)
            for each in (before, after)
        ]
        same_pin = pinned or before.artifact == after.artifact
        if not same_pin or replace(rest[0], follows_head=rest[1].follows_head) != rest[1]:
            return f"{before.name} would ask for something else too"
        return ""


@dataclass(frozen=True, slots=True)
class _Overlay:
    """Files with some of them as they would be."""

    base: Files
    changed: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        return self.changed[path] if path in self.changed else self.base.read(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        wanted = list(paths)
        ours = {path: self.changed[path] for path in wanted if path in self.changed}
        return {**self.base.read_many(each for each in wanted if each not in ours), **ours}

    def list(self, folder: str) -> tuple[str, ...]:
        return self.base.list(folder)


def _bare(environment: DesiredEnvironment) -> DesiredEnvironment:
    """Without the lines that gave its values."""
    return replace(environment, provenance={})


def _diff(old: bytes, new: bytes) -> str:
    lines = difflib.unified_diff(
        old.decode("utf-8", "replace").splitlines(),
        new.decode("utf-8", "replace").splitlines(),
        lineterm="",
        n=1,
    )
    return "\n".join(list(lines)[2:])
