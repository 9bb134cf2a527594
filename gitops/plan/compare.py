"""A saved plan held against one made now: what differs, in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gitops.errors import Refused
from gitops.plan.actions import short
from gitops.plan.continued import continued
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan, Serving, Wanted
from gitops.plan.present import Continued, Present, Unproved
from gitops.state.json import Json

_BEGUN = frozenset({"follow", "watch", "cancel"})
_HELD = "nothing more is released there: "


def compare(saved: Plan, fresh: Plan, present: Present | None = None) -> tuple[str, ...]:
    """What differs between a reviewed plan and the present; empty where it still binds.

    ``fresh`` has to be made for the models and environments of ``saved``. Another commit id alone
    is no difference, nor is anything that the steps do not depend on. A model that a newer commit
    has overtaken is left as it is, whatever was reviewed. ``present`` is what ``fresh`` was made
    of: with it, what an apply of this very plan has done is no difference either, as long as
    something of it is left to go on with, or all of it is done well.
    """
    elsewhere = tuple(_elsewhere(saved, fresh))
    if elsewhere:
        return elsewhere
    now = {model.name: model for model in fresh.models}
    found: list[str] = []
    ended_badly: list[str] = []
    goes_on = False
    for model in saved.models:
        other = now.pop(model.name, None)
        if other is None:
            found.append(f"{model.name}: Git does not manage it any more")
        elif other.binding != model.binding and not _superseded(other):
            begun = _continued(saved, model, fresh, other, present)
            own = {name: left for name, left in begun.items() if isinstance(left, Continued)}
            found.extend(_model(model, other, own))
            found.extend(
                f"{model.name}/{name}: an apply of this plan may have done that, but {left.why}"
                for name, left in begun.items()
                if isinstance(left, Unproved)
            )
            well = {name: left for name, left in own.items() if left is not Continued.HELD}
            if len(well) < len(own):
                ended_badly.extend(_model(model, other, well))
            goes_on = goes_on or Continued.UNDER_WAY in own.values()
    found.extend(f"{name}: the plan does not hold it" for name in now)
    # A job that was red for a release that ended badly is not to be green with nothing done.
    return tuple(found if goes_on else dict.fromkeys((*found, *ended_badly)))


def raise_if_stale(saved: Plan, fresh: Plan, present: Present | None = None) -> None:
    """Raises ``Refused`` (exit 4), naming all that differs."""
    found = compare(saved, fresh, present)
    if not found:
        return
    over = all(_HELD in each for each in found)
    raise Refused(
        "the plan does not fit any more: " + "; ".join(found),
        hint="the plan is over: what is to happen next is planned anew"
        if over
        else "plan again, and have that reviewed: it shows what is left to do; in CI, start the "
        "apply by hand",
    )


def _elsewhere(saved: Plan, fresh: Plan) -> Sequence[str]:
    found: list[str] = []
    if saved.api_url != fresh.api_url:
        found.append(f"it was made for the API at {saved.api_url}, this is {fresh.api_url}")
    if saved.workspace != fresh.workspace:
        found.append(
            f"it was made for workspace {saved.workspace or 'without a name'}, "
            f"this is {fresh.workspace or 'one without a name'}"
        )
    if saved.repository and fresh.repository and saved.repository != fresh.repository:
        found.append("it was made in another repository")
    return found


def _superseded(model: ModelPlan) -> bool:
    return not model.actions and any(each.state == "superseded" for each in model.environments)


def _continued(
    saved: Plan, model: ModelPlan, fresh: Plan, other: ModelPlan, present: Present | None
) -> Mapping[str, Continued | Unproved]:
    """The environments where only this plan was carried out since, or may have been."""
    if present is None:
        return {}
    now = {each.environment: each.bound for each in other.environments}
    found = {
        each.environment: continued(saved, model, each, fresh=fresh, present=present)
        for each in model.environments
        if each.environment in now and now[each.environment] != each.bound
    }
    return {name: left for name, left in found.items() if left is not None}


def _model(saved: ModelPlan, fresh: ModelPlan, own: Mapping[str, Continued]) -> Sequence[str]:
    found: list[str] = []
    now = {each.environment: each for each in fresh.environments}
    for environment in saved.environments:
        place = f"{saved.name}/{environment.environment}"
        other = now.pop(environment.environment, None)
        if other is None:
            found.append(f"{place}: Git does not manage it any more")
        elif other.bound != environment.bound and environment.environment not in own:
            found.extend(f"{place}: {sentence}" for sentence in _environment(environment, other))
    found.extend(f"{saved.name}/{name}: the plan does not hold it" for name in now)
    if found or own:
        return found
    return [f"{saved.name}: the order of its environments differs"]


def _environment(saved: EnvironmentPlan, fresh: EnvironmentPlan) -> Sequence[str]:
    parts = {
        name
        for name in {*saved.bound, *fresh.bound}
        if saved.bound.get(name) != fresh.bound.get(name)
    }
    found: list[str] = []
    if "artifact" in parts:
        found.append(f"Git asks for {_wanted(fresh.desired)}, not {_wanted(saved.desired)}")
    if "settings" in parts:
        found.append("Git asks for other settings")
    if "checks" in parts:
        found.append("Git asks for other checks, or another watch")
    if "rules" in parts:
        found.append("its mode, requires, protected or allow differ")
    if fresh.state == "held" != saved.state and not found:
        return [f"{_HELD}{fresh.reason}"]
    if "baseten" in parts:
        found.append(_baseten(saved, fresh))
        if fresh.state in _BEGUN and fresh.state != saved.state:
            found.append(f"a run began what is not at its end yet ({fresh.reason})")
        elif fresh.state == "converged" and parts <= {"baseten", "steps"}:
            found.append("it is as Git asks already")
    if "steps" in parts and not found:
        found.append(
            f"something else would be done: {fresh.state} ({fresh.reason}), "
            f"not {saved.state} ({saved.reason})"
        )
    return found or ["what it is bound to differs"]


def _baseten(saved: EnvironmentPlan, fresh: EnvironmentPlan) -> str:
    if _id(saved.serving) != _id(fresh.serving):
        return f"it serves {_serving(fresh.serving)}, not {_serving(saved.serving)}"
    if saved.target != fresh.target:
        was = f"deployment {saved.target}" if saved.target else "no deployment"
        now = f"deployment {fresh.target}" if fresh.target else "no deployment"
        return f"there is {now} of what Git asks for, where there was {was}"
    before = {each.path: each.before for each in saved.changes}
    now_before = {each.path: each.before for each in fresh.changes}
    paths = sorted(
        path
        for path in {*before, *now_before}
        if (path in before) != (path in now_before) or before.get(path) != now_before.get(path)
    )
    if paths:
        values = [path + _values(path, before, now_before) for path in paths]
        return f"Baseten has other values now for {', '.join(values)}"
    differs = "the model, the environment or its promotion on Baseten is another one now"
    blocked = fresh.blocked is not None and fresh.blocked != saved.blocked
    return f"{differs}: {fresh.blocked}" if blocked else differs


def _values(path: str, was: Mapping[str, Json], now: Mapping[str, Json]) -> str:
    """`` (7, not 3)``; a field that is in one plan only has in the other what Git asks for."""
    if any(isinstance(each.get(path), Mapping) for each in (was, now)):
        return ""
    here, there = _value(path, now), _value(path, was)
    return f" ({here}, not {there})"


def _value(path: str, of: Mapping[str, Json]) -> str:
    if path not in of:
        return "what Git asks for"
    return "no value" if of[path] is None else json.dumps(of[path])


def _id(serving: Serving | None) -> str | None:
    return serving.deployment_id if serving else None


def _serving(serving: Serving | None) -> str:
    return f"deployment {serving.deployment_id}" if serving else "nothing"


def _wanted(wanted: Wanted) -> str:
    if wanted.deployment:
        return f"deployment {wanted.deployment}"
    return f"the artifact {short(wanted.digest or '')} of commit {short(wanted.commit or '')}"
