"""Row 12: something serves that neither Git nor the deploy log put there."""

from __future__ import annotations

from gitops.decide import audit as audit_log
from gitops.decide.answers import GoOn, blocked
from gitops.decide.decision import Decision
from gitops.decide.sides import is_side, side_of
from gitops.decide.view import View
from gitops.record.entry import Event


def foreign_serves(view: View) -> Decision | GoOn | None:
    """Row 12: an artifact changed outside of Git, unless the log knows nothing of what served."""
    current = view.current
    if current is None or view.serves:
        return None
    if current.conflict is not None and not view.options.undo_drift:
        return _blocked(view, current.conflict)
    if not view.log_known or _expected(view):
        return None
    if _never_said(view):
        first = (
            f"the first release of {view.name} from here: it replaces {current.called}, "
            "which somebody else put there"
        )
        return GoOn(view=view, notices=(first,), wins=False)
    if view.options.undo_drift:
        return GoOn(
            view=view,
            notices=(f"--undo-drift: takes back {current.called} in {view.name}",),
            wins=False,
        )
    return _blocked(
        view, f"{current.called} serves {view.name}, which neither Git nor we put there"
    )


def _never_said(view: View) -> bool:
    """First contact. An intent says what served before it, also that nothing did."""
    announced = any(entry.event is Event.INTENT for entry in view.log.entries)
    return view.log.last_served is None and view.intent is None and not announced


def _expected(view: View) -> bool:
    current, intent = view.current, view.intent
    if is_side(current, view.log.last_served):
        return True
    if intent is None or current is None:
        return False
    if is_side(current, intent.origin):
        return True
    if not is_side(current, intent.artifact):
        return False
    return intent.condemned or view.promoted_by_us(side_of(current))


def _blocked(view: View, what: str) -> Decision:
    current = view.current
    entry = None
    if current is not None:
        entry = audit_log.promotion_of(view.audit_here, side_of(current))
    who = f" (promoted by {entry.actor} at {entry.at:%Y-%m-%d %H:%M} UTC)" if entry else ""
    model = view.situation.model
    return blocked(
        view,
        f"{what}{who}",
        f"`gitops drift {model.key} --accept` writes what serves into {model.release_file}, "
        "`gitops apply --undo-drift` takes it back",
    )
