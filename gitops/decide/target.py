"""Which deployment there is of what Git wants in an environment."""

from __future__ import annotations

from gitops.decide.situation import Situation
from gitops.decide.view import View
from gitops.state.recognise import Recognised, choose


def deployment_of(situation: Situation) -> Recognised | None:
    """What serves it, is on its way, or would be promoted; None where it was never pushed.

    The model's list of deployments has to be in the situation.
    """
    view = View.of(situation)
    if view.serves:
        return view.current
    if view.wanted.is_served_by(view.candidate):
        return view.candidate
    return existing(view)


def existing(view: View) -> Recognised | None:
    """The one to take of several deployments of what is wanted; None where there is none."""
    matching = [each for each in view.recognised if view.wanted.is_served_by(each)]
    last = [span for span in view.log.served if view.wanted.is_side(span.side)][-1:]
    return choose(
        matching,
        environment=view.name,
        current=view.current.deployment.id if view.current is not None else None,
        candidate=view.candidate.deployment.id if view.candidate is not None else None,
        served_here=frozenset(span.side.deployment_id for span in last),
    )
