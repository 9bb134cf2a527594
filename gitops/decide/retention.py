"""Retention: what becomes of every deployment of one model.

A deployment goes only where the release file's ``retention`` asks for it, this repository pushed
it, and nothing needs it. Each rule that keeps one is a function of its own, asked in the order of
``KEEPS``; the first that does gives the reason. What they go by is in ``gitops.decide.uses``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from gitops.decide.uses import Uses
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredModel
from gitops.state.health import Health
from gitops.state.live import Deployment, LiveModel
from gitops.state.recognise import Recognised
from gitops.wording import largest_unit

Action: TypeAlias = Literal["deactivate", "delete"]

AT_REST: Final = frozenset({Health.INACTIVE, Health.FAILED, Health.STOPPED})
"""Nothing of such a deployment runs, so there is nothing to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a deployment, and why; ``action`` None: it stays.

    ``digest`` and ``commit`` are those of its artifact, None where it is not known.
    """

    deployment: Deployment
    action: Action | None
    reason: str
    digest: str | None = None
    commit: str | None = None


def fates(
    model: DesiredModel,
    live: LiveModel,
    history: ModelHistory,
    *,
    now: datetime,
    commits: Collection[str],
) -> tuple[Fate, ...]:
    """The fate of every deployment of a model, oldest first.

    ``live`` holds the list of its deployments, ``commits`` those that their labels name and this
    repository has. Without ``retention`` everything stays.
    """
    uses = Uses(model=model, live=live, history=history, now=now, commits=frozenset(commits))
    return tuple(_fate(uses, each) for each in uses.recognised)


def _fate(uses: Uses, found: Recognised) -> Fate:
    reason = next((why for rule in KEEPS if (why := rule(uses, found)) is not None), None)
    return Fate(
        deployment=found.deployment,
        action=uses.retention.action if reason is None else None,
        reason=reason if reason is not None else _goes(uses, found.deployment),
        digest=found.digest,
        commit=found.commit,
    )


def _goes(uses: Uses, deployment: Deployment) -> str:
    unused = f"not used for {largest_unit(uses.now - uses.last_use(deployment))}"
    keep = uses.retention.keep
    if not keep:
        return unused
    return f"{unused}, and not {'the newest' if keep == 1 else f'among the newest {keep}'}"


def _unasked(uses: Uses, _: Recognised) -> str | None:
    asked = uses.model.retention
    nothing = asked is None or (asked.keep is None and asked.older_than is None)
    return "no retention asks for it to go" if nothing else None


def _serves(uses: Uses, found: Recognised) -> str | None:
    where = uses.current.get(found.deployment.id)
    if where is None and found.deployment.is_production:
        where = "production"
    return f"serves {where}" if where is not None else None


def _candidate(uses: Uses, found: Recognised) -> str | None:
    for each in uses.live.environments:
        if each.candidate is None:
            continue
        if each.candidate.id == found.deployment.id:
            return f"is the candidate of {each.name}"
        theirs = next((it for it in uses.recognised if it.deployment.id == each.candidate.id), None)
        if theirs is not None and theirs.digest is not None and theirs.digest == found.digest:
            return f"the same files are on their way to {each.name}"
    return None


def _shadow(uses: Uses, found: Recognised) -> str | None:
    return next(
        (
            f"a shadow rule of {each.name} sends requests there"
            for each in uses.live.environments
            if found.deployment.id in each.shadows
        ),
        None,
    )


def _attached(uses: Uses, found: Recognised) -> str | None:
    name = found.deployment.environment
    there = uses.live.environment(name) if name is not None else None
    return f"attached to {there.name}" if there is not None else None


def _development(_: Uses, found: Recognised) -> str | None:
    return "the development deployment" if found.deployment.is_development else None


def _foreign(uses: Uses, found: Recognised) -> str | None:
    if found.conflict is not None:
        return found.conflict
    if uses.is_ours(found):
        return None
    if found.commit is not None:
        return f"built from commit {found.commit[:12]}, which is not in this clone"
    return "not pushed from this repository"


def _in_transition(_: Uses, found: Recognised) -> str | None:
    if found.health is not Health.TRANSITION:
        return None
    return f"{found.deployment.status}: what is on its way somewhere is left alone"


def _asked_for(uses: Uses, found: Recognised) -> str | None:
    return uses.asked_for.get(found.deployment.id)


def _needed(uses: Uses, found: Recognised) -> str | None:
    return uses.needed.get(found.deployment.id)


def _among_newest(uses: Uses, found: Recognised) -> str | None:
    if found.deployment.id not in uses.newest:
        return None
    keep = uses.retention.keep
    return "the newest" if keep == 1 else f"among the newest {keep}"


def _too_young(uses: Uses, found: Recognised) -> str | None:
    if found.deployment.created_at.timestamp() <= 0:
        return "of an age that Baseten does not say"
    older_than = uses.retention.older_than
    age = uses.now - uses.last_use(found.deployment)
    if older_than is None or age > timedelta(seconds=older_than):
        return None
    return f"used {largest_unit(age)} ago" if age > timedelta(0) else "used just now"


def _stopped(uses: Uses, found: Recognised) -> str | None:
    if uses.retention.action == "delete" or found.health not in AT_REST:
        return None
    return f"{found.deployment.status}, so nothing runs"


KEEPS: Final = (
    _development,
    _serves,
    _candidate,
    _shadow,
    _attached,
    _foreign,
    _in_transition,
    _asked_for,
    _needed,
    _unasked,
    _among_newest,
    _too_young,
    _stopped,
)
"""The rules that keep a deployment, in the order in which their reasons count."""
