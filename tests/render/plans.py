"""A plan with something of everything."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from gitops.decide.decision import Blocked, State
from gitops.plan.build import build_plan
from gitops.plan.model import Plan, Ships
from gitops.state.commit import CommitInfo
from tests.plan.examples import (
    COMMIT,
    DRIFT,
    MORE_REPLICAS,
    NOW,
    at_rest,
    desired,
    environment,
    live,
    live_environment,
    live_model,
    model,
    pushed,
    requiring,
    settings,
)

SHIPS = Ships(
    direction="forward",
    commits=tuple(
        CommitInfo(
            id=f"{number}{COMMIT[1:]}",
            at=datetime(2026, 11, 20 - number, tzinfo=UTC),
            subject=subject,
            author="Ada Lovelace",
        )
        for number, subject in enumerate(("Answer in v2 (#7)", "Merge @team's `fix`", "Tokenize"))
    ),
    more=9,
)


def fleet() -> Plan:
    names = ("ada", "bert", "clip", "dino", "emma", "flux", "gemma")
    staged = model(environment("staging"), requiring("production", "staging"))
    there = {
        name: live_model(
            name, environments=(live_environment("staging"), live_environment("production"))
        )
        for name in (*names, "qwen-3-8b")
    }
    blocked = at_rest(
        State.BLOCKED,
        4,
        reason="a promotion is paused",
        blocked=Blocked(
            why="alice@example.com paused the promotion of deployment q93mzk7",
            remedy="Run `gitops resume clip production` or `gitops cancel clip production`.",
        ),
    )
    plan = build_plan(
        desired(staged, *(model(name=name) for name in names)),
        live(there),
        {
            "qwen-3-8b": {
                "staging": pushed("staging"),
                "production": pushed("production", changes=(MORE_REPLICAS, DRIFT)),
            },
            "ada": {"production": settings("production", DRIFT)},
            "bert": {"production": settings()},
            "clip": {"production": blocked},
            "dino": {
                "production": at_rest(
                    State.HELD, 11, reason="commit 4be1c02f0c5d was rolled back on 2026-11-19"
                )
            },
            **{name: {"production": at_rest()} for name in names[4:]},
        },
        now=NOW,
    )
    first, *rest = plan.models
    environments = tuple(dataclasses.replace(each, ships=SHIPS) for each in first.environments)
    return dataclasses.replace(
        plan, models=(dataclasses.replace(first, environments=environments), *rest)
    )
