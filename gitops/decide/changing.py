"""Which settings of an environment have to change, and who changed them before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops.decide import audit as audit_log
from gitops.record.holds import Hold
from gitops.state.differences import Origins, differences, equal, flatten
from gitops.state.json import Json
from gitops.state.live import AuditEntry
from gitops.state.schedules import PREFIX
from gitops.state.settings import Change, Settings

if TYPE_CHECKING:
    from gitops.decide.view import View


def changes(view: View) -> tuple[Change, ...]:
    """The settings that have to change, under a hold those that the hold leaves to change.

    Of an environment that is not there yet: all that the file names.
    """
    live = view.live.settings if view.live is not None else Settings()
    instead = _under_hold(view, view.hold) if view.hold is not None else {}
    asked, last = view.log.asked_settings, view.log.last
    if last is not None and last.id in view.evidence.recorded | view.evidence.intents:
        # What this run asked for itself and does not read back is its own release, no drift.
        asked = None
    found = _differences(view, live, Origins(asked=asked), instead)
    if last is None or all(change.origin == "release" for change in found):
        return found
    audit = audit_log.since(settings_audit(view), last.at)
    return _differences(view, live, Origins(asked=asked, audit=audit), instead)


def _differences(
    view: View, live: Settings, origins: Origins, instead: dict[str, Json]
) -> tuple[Change, ...]:
    return differences(
        view.environment.settings, live, now=view.situation.now, origins=origins, instead=instead
    )


def settings_audit(view: View) -> tuple[AuditEntry, ...]:
    """The audit entries that may be about settings of this environment."""
    serving = view.current.deployment.id if view.current is not None else None
    own = {entry.id for entry in view.audit_here}
    return tuple(
        entry
        for entry in view.audit or ()
        if entry.id in own or (entry.environment is None and entry.deployment_id == serving)
    )


def _under_hold(view: View, hold: Hold) -> dict[str, Json]:
    """Wanted values that the hold puts back: what the held release changed, still asked for."""
    before, after = hold.settings_before, hold.settings_after
    wanted = flatten(view.environment.settings, now=view.situation.now)
    asked = view.asked_after(hold.entry)
    return {
        path: before.get(path)
        for path in after
        # A schedule that is not named is asked for too: that it be not there.
        if (path.startswith(PREFIX) or (path in wanted and path in before))
        and not equal(path, before.get(path), after[path])
        and equal(path, wanted.get(path), after[path])
        and all(equal(path, each.settings.get(path), wanted.get(path)) for each in asked)
    }
