"""What an apply released, taken from its events: for a forge's page of environments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gitops.plan.events import (
    ActionFinished,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    RollbackFinished,
)
from gitops.state.forge import DeploymentState, Released

PRODUCTION: Final = "production"

_FAILED: Final = {
    "rolled_back": "Rolled back; the deployment before serves.",
    "rejected": "The candidate did not pass; nothing was promoted.",
    "failed": "The release failed; the run's log says what serves.",
}


def released(events: Iterable[ApplyEvent]) -> tuple[Released, ...]:
    """The environments that this apply promoted to, or began to prepare a candidate for.

    An environment whose settings alone changed, or that was left as it is, is no release. What a
    release of an earlier run was taken away for is one: it serves again, at its own commit.
    """
    seen = list(events)
    started = next((each for each in seen if isinstance(each, ApplyStarted)), None)
    finished = next((each for each in reversed(seen) if isinstance(each, ApplyFinished)), None)
    if started is None or started.dirty:
        return ()
    tried = _tried(seen)
    new = tuple(
        Released(
            environment=place,
            commit=started.commit,
            run=started.run,
            state=state,
            description=description,
            production=place.rpartition("/")[2] == PRODUCTION,
        )
        for place in tried
        for state, description in [_end(place, finished, failed=tried[place])]
    )
    back = tuple(
        Released(
            environment=place,
            commit=each.commit,
            run=started.run,
            state="success",
            description="Brought back by a rollback; what served meanwhile is held.",
            production=each.environment == PRODUCTION,
            back=True,
        )
        for each in seen
        if isinstance(each, RollbackFinished) and each.confirmed and each.commit is not None
        for place in [f"{each.model}/{each.environment}"]
        if place not in tried
    )
    return (*new, *back)


def _tried(events: Iterable[ApplyEvent]) -> dict[str, bool]:
    """MODEL/ENV → whether the last step towards a release failed, in the order they began."""
    found: dict[str, bool] = {}
    for event in events:
        match event:
            case ActionStarted(environment=str(), kind="promote"):
                found[f"{event.model}/{event.environment}"] = False
            case ActionFinished(environment=str(), kind="check" | "promote", result="failed"):
                found[f"{event.model}/{event.environment}"] = True
            case _:
                continue
    return found


def _end(
    place: str, finished: ApplyFinished | None, *, failed: bool
) -> tuple[DeploymentState, str]:
    if finished is None:
        return "in_progress", "The run was cut off; the next apply continues."
    for name, description in _FAILED.items():
        if place in getattr(finished, name):
            return "failure", description
    if place in finished.running:
        return "in_progress", "Still on its way; the next apply continues."
    if place in finished.converged and not failed:
        return "success", "Released and watched."
    return "failure", "Not released; the run's log says why."


def outputs(finished: ApplyFinished) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lists of an apply's last event by their names, in its order."""
    for name in (
        "converged",
        "failed",
        "rolled_back",
        "rejected",
        "blocked",
        "held",
        "running",
        "superseded",
    ):
        yield name, getattr(finished, name)
