"""Sentences about things that no step changes and that somebody should know."""

from __future__ import annotations

import json

from gitops.decide.decision import Kept
from gitops.decide.view import View
from gitops.state.differences import no_longer_managed
from gitops.state.health import Health
from gitops.state.json import Json
from gitops.state.live import Deployment
from gitops.state.schedules import PREFIX
from gitops.state.settings import Change
from gitops.wording import duration, listed, version


def unmanaged(view: View) -> tuple[str, ...]:
    """Settings that left the release file: nothing changes them, so the value stays."""
    if view.live is None:
        return ()
    left = no_longer_managed(view.environment.settings, view.live.settings, view.log.asked_settings)
    return tuple(
        f"{path} of {view.name} is no longer managed; it stays {_shown(value)}"
        for path, value in left
    )


def back_again(view: View, target: Deployment | None, health: Health | None) -> tuple[str, ...]:
    """What it takes to have back what served here before: a start, or a build and why.

    Nothing where it serves at once, and of what never served here. ``target`` is the deployment
    that is promoted, None where one is built.
    """
    last = next((one.side for one in view.log.served[::-1] if view.wanted.is_side(one.side)), None)
    if last is None:
        return ()
    what = version(last)
    if target is None:
        if any(each.id == last.deployment_id for each in view.deployments):
            return ()
        gone = (
            f"{view.name} served {what} before, as deployment {last.deployment_id}, which is not on"
            " Baseten any more: so it is uploaded and built again, from the same files"
        )
        return (gone,)
    limit = duration(view.situation.model.timeouts.start)
    if health is Health.INACTIVE:
        state, start = "was deactivated", "an activation and a cold start"
    elif target.status.upper() == "SCALED_TO_ZERO":
        state, start = "is scaled to zero", "a cold start"
    else:
        return ()
    there = (
        f"{view.name} served {what} before, and deployment {target.id} {state}:"
        f" to promote it takes {start}, waited for up to {limit}, and no build"
    )
    return (there,)


def kept_notices(kept: Kept | None) -> tuple[str, ...]:
    """What is kept, by whom it was set, why, and what to do, as a notice."""
    if kept is None:
        return ()
    told = listed([_stays(each) for each in kept.changes])
    return (f"{told}: {kept.why}; {kept.remedy}",)


def _stays(change: Change) -> str:
    who = f", set by {change.by}" if change.by else ""
    asked = "Git wants it gone" if change.after is None else f"Git asks for {_shown(change.after)}"
    if change.path.startswith(PREFIX):
        asked = "Git wants it gone" if change.after is None else "Git asks for another"
        return f"{change.path} stays as it is on Baseten{who}, where {asked}"
    return f"{change.path} stays {_shown(change.before)}{who}, where {asked}"


def _shown(value: Json) -> str:
    return json.dumps(value, sort_keys=True, default=dict)
