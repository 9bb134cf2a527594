"""``limits.max_increase_usd_per_month``: what a plan may add to the estimated ceiling."""

from __future__ import annotations

from gitops.plan.model import Plan
from gitops.state.desired import Limits


def increase(plan: Plan) -> float:
    """By how many US dollars a month the ceiling rises, over all environments with an estimate."""
    return sum(
        cost.after[1] - cost.before[1]
        for model in plan.models
        for environment in model.environments
        if (cost := environment.cost_usd_per_month) and cost.before and cost.after
    )


def unknown(plan: Plan) -> tuple[str, ...]:
    """Environments whose capacity may rise and whose cost after that cannot be estimated."""
    return tuple(
        f"{model.name}/{environment.environment}"
        for model in plan.models
        for environment in model.environments
        if environment.state not in {"blocked", "held", "paused", "superseded"}
        and environment.mode == "reconcile"
        and (environment.cost_usd_per_month is None or not environment.cost_usd_per_month.after)
        and (
            any(change.path.endswith("_replica") for change in environment.changes)
            or (environment.serving is None and environment.state in {"push", "promote"})
        )
    )


def exceeded(plan: Plan, limits: Limits) -> str | None:
    """The sentence, where the limit is set and the rise is above it, or cannot be known."""
    limit = limits.max_increase_usd_per_month
    if limit is None:
        return None
    rise = increase(plan)
    if rise > limit:
        return (
            f"the estimated ceiling would rise by {rise:,.0f} USD a month, and "
            f"limits.max_increase_usd_per_month allows {limit:,.0f}"
        )
    if hidden := unknown(plan):
        return (
            f"what {', '.join(hidden)} would cost cannot be estimated, and "
            f"limits.max_increase_usd_per_month allows a rise of {limit:,.0f}"
        )
    return None
