"""``expect.error_rate``: the share of runs that may fail."""

from __future__ import annotations

from gitops.verify.verdict import Measurement, Outcome


def measure(bound: float, *, failed: int, unknown: int, runs: int, detail: str = "") -> Measurement:
    """Judge ``failed`` of ``runs``. ``unknown`` are runs that say nothing about the deployment.

    The verdict holds whichever way the unknown ones would have gone, else it is inconclusive. Where
    all are unknown there is no share to tell.
    ``detail`` tells of some of them, a line each.
    """
    if runs == 0:
        return Measurement(
            what="error_rate", outcome=Outcome.INCONCLUSIVE, bound=bound, detail="nothing was sent"
        )
    best, worst = failed / runs, (failed + unknown) / runs
    if best > bound:
        outcome = Outcome.FAIL
    elif worst > bound:
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.PASS
    told = runs if unknown < runs else 0
    return Measurement(
        what="error_rate",
        outcome=outcome,
        value=best if told else None,
        bound=bound,
        samples=told,
        detail=detail,
    )
