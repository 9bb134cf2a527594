"""One model of an import: whether it can have a release file, and what that has to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from gitops.pipeline.importing.files import Draft, EnvironmentDraft, grouped, in_order
from gitops.pipeline.importing.pins import Hint, Sought, Source
from gitops.pipeline.importing.settings import about_beyond, settings_keys, unsaid
from gitops.pipeline.sources import Objects
from gitops.plan.imported import REFUSED, LeftOut, Near, Pin
from gitops.record.entry import Entry
from gitops.record.history import ModelHistory
from gitops.state.archived import Archived
from gitops.state.artifact import LABEL_DIGEST, LABEL_TRUSS
from gitops.state.health import Health, health_of
from gitops.state.inventory import ListedModel
from gitops.state.json import Json, JsonObject
from gitops.state.live import Deployment, LiveEnvironment
from gitops.state.names import ModelKey
from gitops.state.recognise import Recognised
from gitops.wording import listed
from gitops.yaml.document import read

_OVER: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})
_SHOWN: Final = 3
"""So many files are named that differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that may get a release file. ``serving`` are its environments that serve.

    ``team`` is what its file says, None: nothing; ``key`` is what its deploy log is kept under.
    """

    name: str
    team: str | None
    key: ModelKey
    listed: ListedModel
    history: ModelHistory
    serving: tuple[LiveEnvironment, ...]

    @property
    def shown(self) -> str:
        """As a release file of it names it."""
        return f"{self.team}/{self.name}" if self.team else self.name

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """What serves, each once."""
        found = {each.current.id: each.current for each in self.serving if each.current}
        return tuple(found.values())


def obstacle(candidate: Candidate, *, named: bool) -> LeftOut | None:
    """Why a model cannot be imported now; None: it can. ``named``: somebody asked for just it."""
    model = candidate.listed.model
    known = candidate.history.model_id
    if known is not None and known != model.id:
        return LeftOut(
            model=candidate.shown,
            why=f"the deploy log knows this name as the model {known}, and this is {model.id}",
            remedy="rename the model on Baseten, which begins a deploy log of its own",
        )
    moving = [each.name for each in model.environments if _moves(each)]
    if moving:
        return LeftOut(
            model=candidate.shown,
            why=f"a promotion runs in {listed(moving)}",
            remedy="import it once that has ended",
        )
    if not candidate.serving:
        return LeftOut(
            model=candidate.shown,
            why="nothing serves in any of its environments",
            remedy="write a release file by hand to release to it",
            exit_code=REFUSED if named else 0,
        )
    return None


def _moves(environment: LiveEnvironment) -> bool:
    promotion, candidate = environment.promotion, environment.candidate
    if promotion is not None:
        return promotion.status.upper() not in _OVER
    if candidate is None or (environment.current and environment.current.id == candidate.id):
        return False
    return health_of(candidate.status) is not Health.FAILED


def hints_of(
    found: Recognised, siblings: Sequence[Deployment], history: ModelHistory, objects: Objects
) -> tuple[Hint, ...]:
    """Where an artifact is said to come from: by its labels or a copy's, and by the deploy log.

    What labels do not say, a `rebuild`, stands in the release file that was applied.
    """
    labelled = {
        truss: None
        for each in (found.deployment, *siblings)
        if each.labels.get(LABEL_DIGEST) == found.digest
        and isinstance(truss := each.labels.get(LABEL_TRUSS), str)
    }
    logged = {
        (truss, rebuild): None
        for entry in history.entries
        if entry.to is not None and entry.to.digest == found.digest
        for truss, rebuild in _released(entry, objects)
    }
    places = [*((truss, None) for truss in labelled), *logged]
    return tuple(
        Hint(commit=found.commit, truss=truss, rebuild=rebuild) for truss, rebuild in places
    )


def _released(entry: Entry, objects: Objects) -> Iterator[tuple[str, str | None]]:
    """The truss and the rebuild of a release file when it was applied."""
    if not entry.release_file or not objects.exists(entry.applied_commit):
        return
    data = objects.at(entry.applied_commit).read(entry.release_file)
    value = read(entry.release_file, data).value if data is not None else None
    if isinstance(value, Mapping) and isinstance(truss := value.get("truss"), str):
        rebuild = value.get("rebuild")
        yield truss, rebuild if isinstance(rebuild, str) else None


def labelled_pin(found: Recognised, source: Source) -> Pin:
    """The pin of what this tool's labels, or its log, lead to."""
    return _proved(_unproved(found), source, "log" if found.by == "log" else "label")


def compared_pin(found: Recognised, sought: Sought, deployed: Archived) -> Pin:
    """The pin of what was compared, or why there is none."""
    pin = _unproved(found)
    same = sought.source
    if same is None:
        return replace(pin, why=_why(sought.near, deployed), near=sought.near)
    place = f"commit {same.commit.id} ({same.artifact.truss})"
    if found.digest is not None and found.digest != same.artifact.digest:
        return replace(
            pin,
            why=f"its files are those of {place}, but it was pushed as another artifact, with"
            " another `rebuild` perhaps",
        )
    if not same.merged:
        return replace(
            pin,
            why=f"its files are those of {place}, which is not merged here: merge it, then write"
            f" `commit: {same.commit.id}`",
        )
    return _proved(pin, same, "files")


def _unproved(found: Recognised) -> Pin:
    return Pin(deployment_id=found.deployment.id, deployment_name=found.deployment.name)


def _proved(pin: Pin, source: Source, by: Literal["label", "log", "files"]) -> Pin:
    return replace(
        pin,
        commit=source.commit,
        truss=source.artifact.truss,
        rebuild=source.artifact.rebuild,
        digest=source.artifact.digest,
        by=by,
        notes=(*_modes(source), *_protocol(source)),
    )


def _modes(source: Source) -> Iterator[str]:
    if source.modes:
        yield f"what is deployed has another executable bit at {listed(source.modes[:_SHOWN])}"


def _protocol(source: Source) -> Iterator[str]:
    runtime = source.artifact.config.get("runtime")
    transport = runtime.get("transport") if isinstance(runtime, Mapping) else None
    kind = transport.get("kind") if isinstance(transport, Mapping) else None
    if kind == "grpc":
        yield "it speaks gRPC, in which no check can ask it: a watch judges it by its figures alone"


def _why(near: Near | None, deployed: Archived) -> str:
    if deployed.lacking is not None:
        what = deployed.lacking
        if near is not None:
            what += (
                f"; its config.yaml is that of commit {near.commit.id[:12]} ({near.truss}),"
                " which proves nothing about the other files"
            )
        return what
    if near is None:
        return "no commit of this repository has a truss with its files"
    some = "; ".join(near.differs[:_SHOWN])
    more = len(near.differs[_SHOWN:]) + near.more
    return (
        "no commit of this repository has just its files; the nearest is"
        f" {near.commit.id[:12]} ({near.truss}): {some}"
        + (f"; and {more} more" if more > 0 else "")
    )


def draft_of(
    candidate: Candidate,
    path: str,
    pins: Mapping[str, Pin],
    defaults: Mapping[str, Any],
    now: datetime,
) -> Draft:
    """The release file of a model; ``pins`` by deployment id, ``defaults`` by environment."""
    chosen = {
        each.name: pins[each.current.id] for each in candidate.serving if each.current is not None
    }
    truss, rebuild = grouped(chosen)
    draft = Draft(
        model=candidate.name, team=candidate.team, path=path, truss=truss, rebuild=rebuild
    )
    live = {each.name: each for each in candidate.serving}
    for name in in_order(chosen):
        pin = chosen[name]
        if pin.commit is not None and (pin.truss, pin.rebuild) != (truss, rebuild):
            pin = _other_truss(pin, truss)
        far = defaults.get(name)
        draft.environments[name] = _environment(
            live[name],
            pin,
            far if isinstance(far, Mapping) else {},
            candidate.listed.beyond.get(name, {}),
            now,
        )
    return draft


def _other_truss(pin: Pin, truss: str | None) -> Pin:
    assert pin.commit is not None
    what = f"{pin.truss} at commit {pin.commit.id}"
    if pin.truss == truss:
        why = f"it is {what} with another `rebuild`, and a release file has one for all"
    else:
        why = f"it is {what}, and a release file names one truss for all environments"
    return Pin(deployment_id=pin.deployment_id, deployment_name=pin.deployment_name, why=why)


def _environment(
    live: LiveEnvironment,
    pin: Pin,
    defaults: Mapping[str, Any],
    beyond: JsonObject,
    now: datetime,
) -> EnvironmentDraft:
    settings: dict[str, Json] = settings_keys(live, defaults, now)
    draft = EnvironmentDraft(pin=pin, settings=settings)
    if pin.why is not None:
        draft.notes.append(f"Not proved: {pin.why}.")
    more = (*pin.notes, *unsaid(live), *about_beyond(beyond))
    draft.notes += [f"{each[:1].upper()}{each[1:]}." for each in more]
    status = live.current.status if live.current is not None else ""
    if health_of(status) in {Health.INACTIVE, Health.FAILED, Health.STOPPED}:
        draft.mode = "pause"
        draft.mode_comment = f"it was {status}; without this line apply starts it"
    return draft
