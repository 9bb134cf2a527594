"""Sentences about things that no step changes and that somebody should know."""

from __future__ import annotations

import json

from gitops.decide.view import View
from gitops.state.differences import no_longer_managed
from gitops.state.json import Json


def unmanaged(view: View) -> tuple[str, ...]:
    """Settings that left the release file: nothing changes them, so the value stays."""
    if view.live is None:
        return ()
    left = no_longer_managed(view.environment.settings, view.live.settings, view.log.asked_settings)
    return tuple(
        f"{path} of {view.name} is no longer managed; it stays {_shown(value)}"
        for path, value in left
    )


def _shown(value: Json) -> str:
    return json.dumps(value, sort_keys=True, default=dict)
