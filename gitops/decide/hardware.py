"""Rules about hardware: which instance type a promotion brings, and whether that is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gitops.decide.decision import Blocked
from gitops.decide.view import View
from gitops.release.words import nearest
from gitops.state.artifact import Artifact
from gitops.state.json import Json
from gitops.state.live import Deployment, InstanceType
from gitops.state.recognise import called

_SHOWN: Final = 8
"""How many instance types are named where none is near."""

# Instance types that Baseten does not have


def unknown_hardware(view: View) -> Blocked | None:
    """An instance type that the release file names and Baseten does not have.

    Baseten itself would say so only to the promotion, after the build and the checks. None also
    where the instance types could not be read.
    """
    asked, kinds = _named_by_file(view), view.situation.instance_types
    if asked is None or not kinds or asked in kinds:
        return None
    same_name = sorted(each.id for each in kinds.values() if each.name == asked)
    if same_name:
        why = f"`{asked}` is the name of an instance type, and `instance_type` takes its id"
        instead = f"write `instance_type: {same_name[0]}`"
    else:
        why = f"Baseten has no instance type `{asked}`, which the release file names"
        instead = f"write {_offered(asked, kinds)}"
    return Blocked(
        why=why,
        remedy=f"{instead} under environments.{view.name} in {view.situation.model.release_file}",
    )


def hardware_notices(view: View) -> tuple[str, ...]:
    """What the file names and Baseten does not have, while no promotion is due that it stops."""
    found = unknown_hardware(view)
    if found is None:
        return ()
    return (f"{found.why}: the next promotion would be blocked; {found.remedy}",)


def unknown_to_truss(view: View, artifact: Artifact) -> tuple[str, ...]:
    """The same for ``resources.instance_type`` of config.yaml, before anything is built.

    A notice only: what config.yaml may write there is not settled by the list of instance types.
    """
    kinds, asked = view.situation.instance_types, _resources(artifact).get("instance_type")
    if not kinds or not isinstance(asked, str) or not asked:
        return ()
    if asked in kinds or _kind_named(asked, kinds) is not None:
        return ()
    near = _near(asked, kinds)
    what = f"{artifact.truss}/config.yaml asks for the instance type {asked}"
    meant = f"; did you mean {near}?" if near else ""
    return (f"{what}, which is not among Baseten's: it may refuse the push{meant}",)


def _named_by_file(view: View) -> str | None:
    asked = view.environment.instance_type
    return None if asked in {None, "environment", "truss"} else asked


def _offered(asked: str, kinds: Mapping[str, InstanceType]) -> str:
    near = _near(asked, kinds)
    if near is not None:
        return f"`instance_type: {near}`"
    return f"`instance_type: environment`, `truss`, or one of {_list(kinds)}"


def _near(asked: str, kinds: Mapping[str, InstanceType]) -> str | None:
    """The id that was probably meant; names of instance types lead to their ids."""
    by_word = {each.name: each.id for each in kinds.values()} | {each: each for each in kinds}
    found = nearest(asked, sorted(by_word))
    return by_word[found] if found is not None else None


def _list(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


# Two kinds of hardware, and nobody has chosen


def other_hardware(view: View, target: Deployment) -> Blocked | None:
    """Whether a promotion would have to choose between two kinds of hardware, and nobody has."""
    live = view.live
    if view.environment.instance_type is not None or live is None or live.current is None:
        return None
    here, there = live.instance_type_name, target.instance_type_name
    if here is None or there is None or here == there:
        return None
    return _unlike(view, here, there, f"{called(target.id, target.name)} was built for {there}")


def other_hardware_than(view: View, artifact: Artifact) -> Blocked | None:
    """The same before anything is built, where config.yaml leaves no doubt."""
    live = view.live
    if view.environment.instance_type is not None or live is None or live.current is None:
        return None
    kinds = view.situation.instance_types or {}
    here = kinds.get(live.instance_type_id or "") or _kind_named(live.instance_type_name, kinds)
    there = other_than(artifact, here, kinds) if here is not None else None
    if here is None or there is None:
        return None
    return _unlike(view, here.name, there, f"{artifact.truss}/config.yaml asks for {there}")


def other_than(
    artifact: Artifact, here: InstanceType, kinds: Mapping[str, InstanceType]
) -> str | None:
    """The hardware that a truss asks for, where it is certainly another than ``here``."""
    resources = _resources(artifact)
    named, accelerator = resources.get("instance_type"), resources.get("accelerator")
    if isinstance(named, str) and named:
        kind = kinds.get(named) or _kind_named(named, kinds)
        return kind.name if kind is not None and kind.id != here.id else None
    if isinstance(accelerator, str) and accelerator:
        kind_of_gpu, _, count = accelerator.partition(":")
        wanted = int(count) if count.isdigit() else 1
        certain = here.gpu_count > 0 or kind_of_gpu not in here.name
        return accelerator if certain and wanted != here.gpu_count else None
    without = resources and not resources.get("use_gpu")
    return "no GPU" if without and here.gpu_count > 0 else None


def _resources(artifact: Artifact) -> Mapping[str, Json]:
    found = artifact.config.get("resources")
    return found if isinstance(found, Mapping) else {}


def _unlike(view: View, here: str, there: str, what: str) -> Blocked:
    return Blocked(
        why=f"{view.name} runs on {here}, and {what}: checks on one say little about the other",
        remedy=f"write `instance_type: environment` (keeps {here}) or `instance_type: truss` "
        f"(takes {there}) under environments.{view.name} in {view.situation.model.release_file}",
    )


# What a promotion brings along


def hardware_asked_for(view: View, target: Deployment | None) -> str | None:
    """The instance type that a promotion brings along; None where the environment keeps its own."""
    match view.environment.instance_type:
        case None | "environment":
            return None
        case "truss":
            return target.instance_type_name if target is not None else None
        case other:
            kind = (view.situation.instance_types or {}).get(other)
            return kind.name if kind is not None else other


def hardware_moves(view: View, hardware: str | None) -> tuple[str, ...]:
    """That a promotion takes the environment to another instance type, by what its file says."""
    here = view.live.instance_type_name if view.live is not None and view.current else None
    if here is None or hardware is None or here == hardware:
        return ()
    return (f"{view.name} moves from {here} to {hardware} with this promotion",)


def smaller(view: View, name: str | None) -> str | None:
    """How an instance type is less than what the environment runs on; None where it is not."""
    live = view.live
    if name is None or live is None or live.instance_type_name is None:
        return None
    kinds = {kind.name: kind for kind in (view.situation.instance_types or {}).values()}
    now, then = kinds.get(live.instance_type_name), kinds.get(name)
    if now is None or then is None or not _is_less(then, now):
        return None
    return f"the instance type goes from {now.name} to {then.name}"


def _is_less(one: InstanceType, other: InstanceType) -> bool:
    if one.gpu_count != other.gpu_count:
        return one.gpu_count < other.gpu_count
    if one.usd_per_minute is None or other.usd_per_minute is None:
        return False
    return one.usd_per_minute < other.usd_per_minute


def _kind_named(name: str | None, kinds: Mapping[str, InstanceType]) -> InstanceType | None:
    return next((each for each in kinds.values() if each.name == name), None)
