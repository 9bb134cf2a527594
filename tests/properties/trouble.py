"""Baseten answers with errors, late, or not at all; or lacks what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.properties.hands import KEY

if TYPE_CHECKING:
    from tests.properties.stage import Stage

REQUESTS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "half_body"},
    {"kind": "status", "status": 429, "retry_after": 1, "times": 3},
    {"kind": "status", "status": 429, "retry_after": 40},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 500, "done": True},
    {"kind": "status", "status": 502, "done": True, "body": "<html>no</html>"},
    {"kind": "status", "status": 503, "times": 12},
    {"kind": "status", "status": 400, "body": {"error": f"no, {KEY}"}},
    {"kind": "latency", "seconds": 8.0},
    {"kind": "latency", "seconds": 35.0},
    {"kind": "latency", "seconds": 70.0},
)
AIMS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {},
    {"method": "POST", "path": "/(models|deployments)$"},
    {"method": "POST", "path": "/(models|deployments)$"},
    {"method": "POST", "path": "/promote$"},
    {"method": "POST", "path": "/promote$"},
    {"method": "POST", "path": "_promotion$"},
    {"method": "PATCH"},
)
PLATFORM: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "no_capacity", "seconds": 30.0},
    {"kind": "no_capacity", "seconds": 4_000.0},
    {"kind": "promotion_sticks", "seconds": 30.0},
    {"kind": "promotion_sticks", "seconds": 4_000.0},
    {"kind": "turns_unhealthy", "after": 0.0, "seconds": 20.0},
    {"kind": "turns_unhealthy", "after": 10.0, "seconds": 200.0},
)


def trouble(stage: Stage, number: int) -> None:
    """Plan one of them; ``number`` decides which, and which of its requests it strikes."""
    number, skip = divmod(number, 30)
    number, aim = divmod(number, len(AIMS))
    which = number % (len(REQUESTS) + len(PLATFORM))
    if which < len(REQUESTS):
        # There are many reads, and few writes of a kind.
        fault = {**REQUESTS[which], **AIMS[aim], "skip": skip % 2 if AIMS[aim] else skip}
    else:
        fault = PLATFORM[which - len(REQUESTS)]
        stage.judge.disturbed = True
    stage.story.append(f"fault: {fault}")
    stage.counts["faults"] += 1
    stage.platform.fault(**fault)
