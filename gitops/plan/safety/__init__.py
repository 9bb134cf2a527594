"""Rules over a whole plan: told as notices when planning, refusals when applying.

Each rule is a small file with one function ``(plan, limits) -> str | None``: the sentence that says
what is exceeded. What a person consents to with an option is left out of the refusals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gitops.errors import Refused
from gitops.plan.model import Plan
from gitops.plan.safety import increase, share
from gitops.state.desired import Limits

_RULES: Final = (
    ("--allow-many", share.exceeded),
    ("--allow-cost", increase.exceeded),
)


def limit_notices(plan: Plan, limits: Limits) -> tuple[str, ...]:
    """What apply would refuse, each with the option that allows it."""
    return tuple(
        _refused(sentence, option)
        for option, rule in _RULES
        if (sentence := rule(plan, limits)) is not None
    )


def consented(
    plan: Plan, limits: Limits, *, allow_many: bool = False, allow_cost: bool = False
) -> Plan:
    """The plan with what an option allows told as allowed, and no longer as refused."""
    allowed = {"--allow-many": allow_many, "--allow-cost": allow_cost}
    said = {
        _refused(sentence, option): f"{sentence}: {option} allows it"
        for option, rule in _RULES
        if allowed[option] and (sentence := rule(plan, limits)) is not None
    }
    return replace(plan, notices=tuple(said.get(each, each) for each in plan.notices))


def refusals(
    plan: Plan, limits: Limits, *, allow_many: bool = False, allow_cost: bool = False
) -> tuple[str, ...]:
    """Why this plan must not be applied; empty where it may."""
    allowed = {"--allow-many": allow_many, "--allow-cost": allow_cost}
    return tuple(
        f"{sentence}; {option} allows it"
        for option, rule in _RULES
        if not allowed[option] and (sentence := rule(plan, limits)) is not None
    )


def raise_if_unsafe(
    plan: Plan, limits: Limits, *, allow_many: bool = False, allow_cost: bool = False
) -> None:
    """Raises ``Refused`` (exit 4) with every reason at once."""
    found = refusals(plan, limits, allow_many=allow_many, allow_cost=allow_cost)
    if found:
        raise Refused(
            "; ".join(found),
            hint="Read the plan again; where it is what you want, allow it with that option, or "
            "with a higher limit in gitops.yaml, as a pull request has to.",
        )


def _refused(sentence: str, option: str) -> str:
    return f"{sentence}: apply refuses it without {option}, or a higher limit in gitops.yaml"
