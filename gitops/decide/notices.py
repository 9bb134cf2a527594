"""Sentences about things that no step changes and that somebody should know."""

from __future__ import annotations

import json

from gitops.decide.view import View
from gitops.plan.wording import duration, version
from gitops.state.differences import no_longer_managed
from gitops.state.health import Health
from gitops.state.json import Json
from gitops.state.live import Deployment


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
        f" the way back to it takes {start}, waited for up to {limit}, and no build"
    )
    return (there,)


def _shown(value: Json) -> str:
    return json.dumps(value, sort_keys=True, default=dict)
