"""Work in progress: the working tree in a model's one development deployment, or a model apart."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, unquote

from gitops.apply.leases import Lease
from gitops.apply.pace import Pace
from gitops.apply.ports import Clock
from gitops.apply.run import Emit
from gitops.apply.waiting import Told
from gitops.errors import GitopsError, InvalidRelease, NotFound, Refused, UsageError, Where
from gitops.pipeline.diff import sources
from gitops.pipeline.project import Project, compile_as_far_as_valid
from gitops.pipeline.selection import Selection, select
from gitops.pipeline.trusses import Trusses, problem
from gitops.plan.events import ActionFinished, ActionProgress, ActionStarted, ApplyEvent
from gitops.state.artifact import LABEL_DIGEST, Artifact
from gitops.state.desired import Desired, DesiredModel
from gitops.state.health import Health, health_of
from gitops.state.identity.refusal import NoArtifact
from gitops.state.live import Deployment, LiveModel
from gitops.state.names import ModelKey

if TYPE_CHECKING:
    from gitops.wiring import Outside

LABEL_BY: Final = "gitops.dev.by"
LABEL_OF: Final = "gitops.dev.of"
LABEL_APART: Final = "gitops.dev.apart"
LOG_LINES: Final = 20
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class NotReady(GitopsError):
    """A development deployment that could not be built or started."""

    exit_code = 5


class StillStarting(GitopsError):
    """We stopped waiting for a development deployment."""

    exit_code = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DevRequest:
    """What to push: ``model`` as Git manages it, to its own slot or to a model called ``name``.

    ``branch`` names one after a branch. ``lock_timeout`` is how many seconds to wait for whoever
    has the model's lock.
    """

    model: str
    name: str | None = None
    branch: str | None = None
    lock_timeout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DevPush:
    """What was pushed. ``url`` is where its requests go, ``files`` how many it has."""

    key: ModelKey
    deployment: Deployment
    files: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevModel:
    """A model that a push made apart from those that Git manages: of which one, and by whom."""

    id: str
    key: ModelKey
    of: str
    by: str


def _unheard(_: ApplyEvent) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """The events of one push, as an apply has them: for the environment ``development``."""

    emit: Emit
    clock: Clock
    model: str

    def begins(self, kind: Literal["push", "ready"], reason: str = "") -> None:
        self.emit(ActionStarted(**self._of(kind), reason=reason))

    def moves(self, deployment: Deployment) -> None:
        progress = ActionProgress(
            **self._of("ready"),
            message=f"deployment {deployment.id}",
            status=deployment.status,
            replicas_new=deployment.active_replicas,
        )
        self.emit(progress)

    def ends(self, kind: Literal["push", "ready"], message: str, since: float) -> None:
        took = round(self.clock.monotonic() - since, 3)
        self.emit(ActionFinished(**self._of(kind), result="ok", message=message, seconds=took))

    def _of(self, kind: str) -> dict[str, Any]:
        return {
            "time": self.clock.now(),
            "model": self.model,
            "environment": "development",
            "action": f"{self.model}/development/{kind}",
            "kind": kind,
        }


def dev_push(
    project: Project,
    request: DevRequest,
    say: Callable[[str], None],
    emit: Emit = _unheard,
) -> DevPush:
    """Push the working tree's truss and wait until it can be asked.

    ``emit`` hears of progress, ``say`` of other people's locks and of the log of what failed.

    Raises ``UsageError`` for a name that nothing manages, ``InvalidRelease`` for a truss that
    cannot be pushed, ``Locked`` where somebody else pushes or releases this model, ``NotReady`` and
    ``BasetenError``.
    """
    from gitops.wiring import connect, snapshot

    desired = compile_as_far_as_valid(project).desired
    [model] = select(desired, Selection(models=(request.model,))).models
    artifact = _artifact(project, model, lambda folders: snapshot(project, folders))
    key = ModelKey(model.key.team, _name(model, request))
    with connect(project, desired) as outside:
        if key != model.key:
            _raise_if_managed(desired, key)
        labels = {
            LABEL_BY: _label(outside.by),
            LABEL_OF: _label(str(model.key)),
            LABEL_DIGEST: artifact.digest,
        }
        if key != model.key:
            labels[LABEL_APART] = "yes"
        claim = outside.claim(
            [key],
            run=uuid.uuid4().hex,
            commit=desired.commit,
            timeout=request.lock_timeout,
            say=say,
            applies=lambda lock: lock.applied if lock else None,
        )
        # Until it is ready: what is pushed meanwhile would take its place half built.
        with claim.held() as leases:
            there = outside.ports.reader.model(key)
            if there is not None and key != model.key:
                _raise_if_not_ours(outside, there)
            clock = outside.ports.clock
            tells, begun = _Telling(emit=emit, clock=clock, model=str(key)), clock.monotonic()
            tells.begins("push", f"{len(artifact.entries)} files of {model.truss}")
            writer = outside.baseten.writer.under(Lease(leases, key).permit)
            made = writer.push_development(
                key,
                there.id if there else None,
                artifact,
                labels=labels,
                archive=lambda: outside.ports.archives.archive(artifact),
            )
            tells.ends("push", f"deployment {made.id}", begun)
            tells.begins("ready")
            ready = _ready(outside, made, model, say, tells)
        base = outside.baseten.endpoint.inference(made.model_id)
        return DevPush(
            key=key,
            deployment=ready,
            files=len(artifact.entries),
            url=f"{base}/development/predict",
        )


def _name(model: DesiredModel, request: DevRequest) -> str:
    if request.name is not None:
        return request.name
    if request.branch is None:
        return model.key.name
    suffix = _UNFIT.sub("-", request.branch).strip("-.")
    if not suffix:
        raise UsageError(
            f"no model can be named after the branch {request.branch!r}",
            hint="Name one with --as.",
        )
    return f"{model.key.name}-{suffix}"[:255]


def _raise_if_managed(desired: Desired, key: ModelKey) -> None:
    managed = {model.key for model in desired.models}
    if key in managed:
        raise UsageError(
            f"{key} is managed by a release file", hint="Name a model of your own with --as."
        )


def _raise_if_not_ours(outside: Outside, there: LiveModel) -> None:
    """A model of one's own is one that such a push made: nothing else is overwritten."""
    slots = [each for each in outside.ports.reader.deployments(there.id) if each.is_development]
    labels = slots[0].labels if slots else {}
    if labels.get(LABEL_APART) != "yes":
        raise Refused(
            f"there is a model {there.name}, which no `gitops dev push` made",
            hint="Name another one with --as.",
        )
    by = unquote(str(labels.get(LABEL_BY, "")))
    if by != outside.by:
        raise Refused(
            f"the model {there.name} was made by {by}", hint="Name one of your own with --as."
        )


def _artifact(
    project: Project, model: DesiredModel, snapshot: Callable[[list[str]], str]
) -> Artifact:
    """The truss as the working tree has it, with the folders that it takes packages from."""
    if model.truss is None:
        raise UsageError(
            f"{model.key} has no truss here: other people push its deployments",
            hint=f"Add `truss:` to {model.release_file} to push one.",
        )
    if project.repository.is_bare:
        raise UsageError("there is no working tree here", hint="Push from a clone that has one.")
    folders = [model.truss]
    while True:
        commit = snapshot(folders)
        try:
            artifact = Trusses(project.repository).artifact(commit, model.truss, None)
        except NoArtifact as error:
            where = Where(model.release_file)
            raise InvalidRelease(
                tuple(problem(each, "the working tree", "truss", where) for each in error.refusals)
            ) from error
        wanted = sorted(sources(artifact))
        if set(wanted) <= set(folders):
            return artifact
        folders = wanted


def _ready(
    outside: Outside,
    made: Deployment,
    model: DesiredModel,
    say: Callable[[str], None],
    tells: _Telling,
) -> Deployment:
    clock, reader, pace = outside.ports.clock, outside.ports.reader, Pace()
    begun, told = clock.monotonic(), Told(clock)
    limit = model.timeouts.build + model.timeouts.start
    for pause in pace.pauses():
        found = reader.deployment(made.model_id, made.id)
        waited = clock.monotonic() - begun
        if found is None and waited >= pace.not_found:
            raise NotReady(f"Baseten has no deployment {made.id} any more")
        if found is not None:
            if told.is_news(found.status, found.active_replicas):
                tells.moves(found)
            match health_of(found.status):
                case Health.READY:
                    tells.ends("ready", found.status, begun)
                    return found
                case Health.FAILED | Health.STOPPED | Health.INACTIVE:
                    for line in reader.logs(made.model_id, made.id, limit=LOG_LINES):
                        say(f"  | {line}")
                    raise NotReady(
                        f"deployment {made.id} ended in {found.status}",
                        hint="Correct what its log says, above, and push again.",
                    )
                case Health.TRANSITION | Health.UNHEALTHY if waited >= limit:
                    raise StillStarting(
                        f"deployment {made.id} is {found.status} after {waited:.0f} seconds",
                        hint="It goes on by itself; the next push replaces it.",
                    )
                case Health.TRANSITION | Health.UNHEALTHY:
                    pass
        clock.sleep(pause)
    raise AssertionError("the pauses never end")


def find_dev_models(project: Project, *, everybody: bool) -> tuple[DevModel, ...]:
    """Models that were made apart, by whoever runs this or by everybody.

    A model that has more than its development deployment is none: somebody released it.
    """
    from gitops.wiring import connect

    desired = compile_as_far_as_valid(project).desired
    with connect(project, desired) as outside:
        return tuple(
            each for each in _apart(outside, desired) if everybody or each.by == outside.by
        )


def delete_dev_models(
    project: Project, found: Iterable[DevModel], say: Callable[[str], None]
) -> Iterator[ModelKey]:
    """Delete these models, and give each name once it is gone; what is gone already counts.

    Whoever was asked may have taken an hour: ``say`` hears of what somebody released meanwhile,
    which stays.
    """
    from gitops.wiring import connect

    desired = compile_as_far_as_valid(project).desired
    with connect(project, desired) as outside:
        apart = {each.id for each in _apart(outside, desired)}
        reader = outside.baseten.reader
        for model in found:
            # By its id: under another name it may be somebody's by now.
            if model.id not in apart and reader.model_name(model.id) is not None:
                say(f"{model.key} is left alone: it was released to, or renamed, meanwhile.")
                continue
            with suppress(NotFound):
                outside.baseten.writer.delete_model(model.id)
            yield model.key


def _apart(outside: Outside, desired: Desired) -> Iterator[DevModel]:
    """The models of the workspace that hold a push apart, and nothing else."""
    managed = {str(model.key) for model in desired.models}
    for model, slot in outside.baseten.reader.development_slots():
        key = ModelKey(model.team, model.name)
        if slot.labels.get(LABEL_APART) != "yes" or {model.name, str(key)} & managed:
            continue
        if all(each.is_development for each in outside.ports.reader.deployments(model.id)):
            yield DevModel(
                id=model.id,
                key=key,
                of=unquote(str(slot.labels.get(LABEL_OF, ""))),
                by=unquote(str(slot.labels.get(LABEL_BY, ""))),
            )


def _label(text: str) -> str:
    """Text as a label's value may be: printable ASCII without spaces."""
    return quote(text, safe="@+./:")
