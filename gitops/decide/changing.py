"""Which settings of an environment have to change, and who changed them before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from gitops.record.history import EnvironmentHistory
from gitops.record.holds import Hold
from gitops.state.differences import equal, flatten, manages_schedules
from gitops.state.fitting import unfit
from gitops.state.json import Json, JsonObject
from gitops.state.live import AuditEntry
from gitops.state.schedules import PREFIX
from gitops.state.settings import Change, Settings


def attributed(
    found: Sequence[Change], who: Callable[[Change], AuditEntry | None]
) -> tuple[Change, ...]:
    """The changes, those that undo drift with who made it; ``who`` is asked about no other.

    A change of our own key names nobody.
    """
    return tuple(_attributed(each, who) if each.origin == "drift" else each for each in found)


def _attributed(change: Change, who: Callable[[Change], AuditEntry | None]) -> Change:
    entry = who(change)
    if entry is None or entry.own:
        return change
    return replace(change, by=entry.actor, at=entry.at.isoformat().replace("+00:00", "Z"))


def under_hold(hold: Hold, wanted: JsonObject, asked: Sequence[JsonObject]) -> dict[str, Json]:
    """Wanted values that the hold puts back: what the held release changed, still asked for.

    ``wanted`` are the settings, flat, that Git asks for now; ``asked`` those that it has asked for
    since the hold was made. What does not fit to a value that goes back goes back with it.
    """
    before, after = hold.settings_before, hold.settings_after
    back = {
        path: before.get(path)
        for path in after
        # A schedule that is not named is asked for too: that it be not there.
        if (path.startswith(PREFIX) or (path in wanted and path in before))
        and not equal(path, before.get(path), after[path])
        and equal(path, wanted.get(path), after[path])
        and all(equal(path, each.get(path), wanted.get(path)) for each in asked)
    }
    together = unfit({**wanted, **back}) if back else frozenset()
    return {
        **back,
        **{path: before[path] for path in together if path in wanted and path in before},
    }


def unexplained_since(log: EnvironmentHistory, live: Settings) -> datetime | None:
    """From when on the audit log has to be read to say who made the settings what they are.

    None: all of it. Where they are what the log's newest entry left, that is when it was written.
    """
    asked, last, shown = log.asked_settings or {}, log.last, flatten(live)
    if last is None:
        return None
    moments = [last.at]
    for path in {*asked, *(shown if manages_schedules(asked) else ())}:
        if not (path.startswith(PREFIX) or (path in asked and path in shown)):
            continue
        if not equal(path, shown.get(path), asked.get(path)):
            otherwise = log.otherwise_at(path, shown.get(path))
            if otherwise is None:
                return None
            moments.append(otherwise)
    return min(moments)
