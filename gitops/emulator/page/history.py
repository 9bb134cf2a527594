"""What the world does not keep: how statuses changed, and how promotions ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from gitops.emulator.world.entities import Deployment, Environment, PromotionStatus
from gitops.emulator.world.world import World

KEPT = 200
SHOWN_SECONDS = 12.0
"""How long an ended promotion still stands among those in motion: a look must not miss it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A deployment got a status; `number` counts everything that is remembered."""

    number: int
    at: float
    model: str
    deployment_id: str
    deployment: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A promotion came to its end; ids, because either deployment may be deleted since."""

    number: int
    at: float
    model: str
    environment: str
    environment_id: str
    status: PromotionStatus
    percent: int
    rolling: bool
    started_at: float
    error: str | None
    candidate_id: str
    candidate: str
    previous_id: str | None


class History:
    """The latest changes, since the emulator was started. Times are epoch seconds."""

    def __init__(self, world: World) -> None:
        """Listen to `world`."""
        self._numbers = count()
        self.changes: deque[StatusChange] = deque(maxlen=KEPT)
        self.ended: deque[Ended] = deque(maxlen=KEPT)
        world.on_status.append(self._on_status)
        world.on_promotion_end.append(self._on_promotion_end)

    def just_ended(self, now: float) -> Iterator[Ended]:
        """Promotions that ended a moment ago, the latest first."""
        for each in reversed(self.ended):
            if each.at + SHOWN_SECONDS < now:
                return
            yield each

    def _on_status(self, world: World, deployment: Deployment) -> None:
        model = world.models.get(deployment.model_id)
        if model is not None:
            self.changes.append(
                StatusChange(
                    number=next(self._numbers),
                    at=world.now,
                    model=model.name,
                    deployment_id=deployment.id,
                    deployment=deployment.name,
                    status=deployment.status,
                )
            )

    def _on_promotion_end(self, world: World, environment: Environment) -> None:
        promotion = environment.promotion
        model = world.models.get(environment.model_id)
        if promotion is None or model is None:
            return
        candidate = world.deployments.get(promotion.candidate_id)
        self.ended.append(
            Ended(
                number=next(self._numbers),
                at=world.now,
                model=model.name,
                environment=environment.name,
                environment_id=environment.id,
                status=promotion.status,
                percent=promotion.percent,
                rolling=promotion.rolling,
                started_at=promotion.started_at,
                error=promotion.error_message,
                candidate_id=promotion.candidate_id,
                candidate=promotion.candidate_id if candidate is None else candidate.name,
                previous_id=promotion.previous_id,
            )
        )
