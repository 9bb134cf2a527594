"""The second sentence of every failure: what serves now, as far as that is known.

It says no more than was read: what could not be read, or was read before Baseten fell silent, is
told as such.
"""

from __future__ import annotations

from gitops.render import failure_words as words
from gitops.render.failure_kinds import Facts, FailureKind

_UNTOUCHED = frozenset(
    {
        FailureKind.BUILD_FAILED,
        FailureKind.START_FAILED,
        FailureKind.CHECKS_FAILED,
        FailureKind.CHECKS_INCONCLUSIVE,
        FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC,
        FailureKind.LOG_UNREACHABLE,
    }
)
"""Kinds after which no request was ever answered by the candidate."""

_CONFIRMED = frozenset(
    {
        FailureKind.PROMOTION_FAILED_WITH_TRAFFIC,
        FailureKind.WATCH_FAILED,
        FailureKind.ROLLED_BACK_BY_HAND,
    }
)
"""Kinds that end with the deployment before serving again, read back."""


def serves_now(kind: FailureKind, facts: Facts) -> str:
    """The sentence for one kind of failure."""
    if facts.environment is None:
        if kind in _UNTOUCHED:
            return f"Every environment of {facts.model} serves what it served before."
        if not facts.serving_known:
            return f"What {facts.model} serves could not be read; nothing was deleted."
        return f"Nothing that {facts.model} serves was changed by this."
    place = words.place(facts)
    if not facts.serving_known:
        return f"What {place} serves could not be read; nothing was deleted."
    if kind is FailureKind.API_UNAVAILABLE or facts.answered is not None:
        at = f", at {facts.answered:%H:%M:%S} UTC" if facts.answered is not None else ""
        late = kind is FailureKind.API_UNAVAILABLE or facts.unanswered
        when = "When Baseten last answered" if late else "When it was last read"
        return f"{when}{at}, {_served(facts)}."
    if facts.serving is None:
        return f"Nothing serves {place}."
    status = f", {facts.serving_status}" if facts.serving_status else ""
    serving = f"{place} serves {words.side(facts.serving)}{status}"
    if kind in _CONFIRMED:
        return f"{serving}: what it served before, read back and confirmed."
    if kind in _UNTOUCHED:
        return f"{serving}, as before: no traffic was moved."
    if facts.percent and facts.candidate not in {None, facts.serving}:
        return f"{serving}, and {facts.percent}% of its traffic goes to {words.candidate(facts)}."
    return f"{serving}."


def _served(facts: Facts) -> str:
    """What served when it was last read, told as what is past."""
    place = words.place(facts)
    if facts.serving is None:
        return f"nothing served {place}"
    status = f", {facts.serving_status}" if facts.serving_status else ""
    served = f"{place} served {words.side(facts.serving)}{status}"
    if facts.percent and facts.candidate not in {None, facts.serving}:
        return f"{served}, and {facts.percent}% of its traffic went to {words.candidate(facts)}"
    return served
