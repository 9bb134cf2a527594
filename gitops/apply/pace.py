"""How often to look and how long to wait: every patience of the executor, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Limits and intervals, in seconds of the injected clock.

    What a release file bounds (builds, starts, promotions, watches) is not here.
    """

    first: float = 0.2
    """The first pause between two looks; each next one is ``growth`` times as long."""
    growth: float = 1.5
    longest: float = 5.0
    metrics_lag: float = 240.0
    """How far Baseten's metrics may trail behind the clock."""
    baseline: float = 3600.0
    """How far back the previous deployment's own figures are read, at most."""
    not_found: float = 60.0
    """How long a deployment that was just made may answer 404."""
    visible: float = 60.0
    """How long a promotion that was just requested may stay out of sight."""
    signed: float = 10.0
    """How long the deploy log may take to name the person who ended a promotion."""
    settings: float = 300.0
    """How long settings that Baseten accepted or queued may take to be read back."""
    confirm: float = 1800.0
    """How long a rollback may take to be confirmed."""
    afterwards: float = 60.0
    """How long a confirmed rollback waits for the first figures after it."""
    ramp_down: float = 600.0
    """How long a cancelled promotion may take to give its traffic back before it is forced."""
    outage: float = 300.0
    """How long Baseten may answer nothing while something is under way."""
    transition: float = 1800.0
    """How long something in transition is waited for, where no file says so."""

    def pauses(self) -> Iterator[float]:
        """How long to wait before each next look, without end."""
        pause = self.first
        while True:
            yield pause
            pause = min(pause * self.growth, self.longest)
