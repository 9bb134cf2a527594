"""Decisions for all environments of a model, each knowing those that were decided before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitops.decide.decision import Decision, Needs
from gitops.decide.facts import Fact
from gitops.decide.situation import Situation
from gitops.decide.table import decide
from gitops.state.desired import DesiredEnvironment


def in_order(environments: Iterable[DesiredEnvironment]) -> tuple[DesiredEnvironment, ...]:
    """What an environment requires comes before it; otherwise the file's order stays.

    A name that is not among them does not count. A cycle, which no valid release file has, falls
    back to the file's order.
    """
    waiting = list(environments)
    ordered: list[DesiredEnvironment] = []
    while waiting:
        names = {each.name for each in waiting}
        free = [
            each
            for each in waiting
            if not any(need.environment in names - {each.name} for need in each.requires)
        ]
        first = (free or waiting)[0]
        waiting.remove(first)
        ordered.append(first)
    return tuple(ordered)


def decide_model(situations: Mapping[str, Situation]) -> Mapping[str, Decision] | Needs:
    """The decisions by environment name, in the order in which they are carried out.

    ``situations`` hold one environment each, of one model. Where facts are missing, all that the
    environments ask for in this round are named at once; more may be asked for in the next.
    """
    decided: dict[str, Decision] = {}
    facts: set[Fact] = set()
    for environment in in_order(each.environment for each in situations.values()):
        situation = situations[environment.name]
        known = {**situation.decided, **decided}
        match decide(replace(situation, decided=known)):
            case Decision() as decision:
                decided[environment.name] = decision
            case Needs(facts=missing):
                facts |= missing
    return Needs(facts=frozenset(facts)) if facts else decided
