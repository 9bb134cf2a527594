"""Metrics as the API gives them: per-second counters, quantiles and gauges over a window.

The data of the last `metrics_lag` seconds is not there yet. Null means no data; it never
means zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gitops.emulator.world.entities import Deployment, Environment
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.samples import Bucket
from gitops.emulator.world.world import World

MAX_WINDOW_SECONDS = 7 * 24 * 3600
DEFAULT_WINDOW_SECONDS = 3600
CURRENT_WINDOW_SECONDS = 60.0
SERIES_POINTS = 60
QUANTILES = (0.5, 0.9, 0.95, 0.99)
DEFAULT_SET = (
    "baseten_replicas_active",
    "baseten_inference_requests_total",
    "baseten_end_to_end_response_time_seconds",
)
INAPPLICABLE = frozenset(
    {
        "baseten_async_queue_size",
        "baseten_time_in_async_queue_seconds",
        "baseten_gpu_utilization",
        "baseten_gpu_memory_used",
        "baseten_container_cpu_usage_seconds_total",
        "baseten_container_cpu_memory_working_set_bytes",
        "baseten_pod_readiness",
    }
)
"""Names that Baseten knows and the emulator does not measure: left out of the answer."""


@dataclass(frozen=True, slots=True)
class Part:
    """A deployment and the time in which its figures count."""

    deployment: Deployment
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Window:
    """Start and end, and until when there is data; epoch seconds."""

    start: float
    end: float
    known_until: float


Values = list[float | None]
Measure = Callable[[Sequence[Part], Window, Sequence[str]], Values]


def of_deployment(deployment: Deployment) -> list[Part]:
    """All of one deployment."""
    return [Part(deployment, deployment.created_at, math.inf)]


def of_environment(world: World, environment: Environment) -> list[Part]:
    """Whatever took the environment's traffic, while it did."""
    return [
        Part(deployment, stint.start, math.inf if stint.end is None else stint.end)
        for stint in environment.stints
        if (deployment := world.deployments.get(stint.deployment_id)) is not None
    ]


def answer(
    world: World,
    parts: Sequence[Part],
    *,
    mode: str,
    start_millis: int | None,
    end_millis: int | None,
    names: Sequence[str],
) -> dict[str, Any]:
    """The response body of a metrics endpoint.

    Raises:
        Refusal: an unknown mode or name, or a window that is not allowed.
    """
    names = tuple(dict.fromkeys(names)) or DEFAULT_SET
    unknown = [name for name in names if name not in _METRICS and name not in INAPPLICABLE]
    if unknown:
        raise invalid(f"Unknown metric {unknown[0]!r}.")
    start, end = _bounds(world, mode, start_millis, end_millis)
    known_until = world.now - world.options.scaled(world.options.durations.metrics_lag)
    step = max(1, math.ceil((end - start) / SERIES_POINTS)) if mode == "SERIES" else None
    shown = [name for name in names if name in _METRICS]
    labels = {name: _METRICS[name].labels(parts, known_until) for name in shown}
    return {
        "start_epoch_millis": round(start * 1000),
        "end_epoch_millis": round(end * 1000),
        "mode": mode,
        "step_seconds": step,
        "metric_descriptors": [
            {
                "name": name,
                "unit_hint": _METRICS[name].unit,
                "kind": _METRICS[name].kind,
                "label_sets": [{_METRICS[name].label_key(v): v} if v else {} for v in labels[name]],
            }
            for name in shown
        ],
        "metric_values": [
            {
                "start_epoch_millis": round(window.start * 1000),
                "values": [_METRICS[n].measure(parts, window, labels[n]) for n in shown],
            }
            for window in _windows(
                world, mode, start=start, end=end, step=step, known_until=known_until
            )
        ],
    }


def _bounds(
    world: World, mode: str, start_millis: int | None, end_millis: int | None
) -> tuple[float, float]:
    if mode not in {"CURRENT", "SUMMARY", "SERIES"}:
        raise invalid("mode must be CURRENT, SUMMARY or SERIES.")
    if mode == "CURRENT":
        if start_millis is not None or end_millis is not None:
            raise invalid("start_epoch_millis and end_epoch_millis are not for mode CURRENT.")
        return world.now, world.now
    end = world.now if end_millis is None else end_millis / 1000
    start = end - DEFAULT_WINDOW_SECONDS if start_millis is None else start_millis / 1000
    if start >= end:
        raise invalid("start_epoch_millis must be before end_epoch_millis.")
    if end - start > MAX_WINDOW_SECONDS:
        raise invalid("The window must not exceed 7 days.")
    return start, end


def _windows(
    world: World, mode: str, *, start: float, end: float, step: int | None, known_until: float
) -> list[Window]:
    if mode == "CURRENT":
        width = max(1.0, world.options.scaled(CURRENT_WINDOW_SECONDS))
        return [Window(known_until - width, known_until, known_until)]
    if step is None:
        return [Window(start, end, known_until)]
    count = math.ceil((end - start) / step)
    return [
        Window(start + i * step, min(end, start + (i + 1) * step), known_until)
        for i in range(count)
    ]


def _buckets(parts: Sequence[Part], window: Window) -> list[Bucket]:
    found: list[Bucket] = []
    for part in parts:
        start = max(window.start, part.start)
        end = min(window.end, part.end, window.known_until)
        if start < end:
            found.extend(part.deployment.samples.between(start, end))
    return found


def _statuses(parts: Sequence[Part], known_until: float) -> list[str]:
    seen = {
        kind
        for part in parts
        for kind, at in part.deployment.samples.first_seen.items()
        if at < known_until
    }
    return sorted(seen) or ["2xx"]


def _requests(parts: Sequence[Part], window: Window, labels: Sequence[str]) -> Values:
    """Before the first request there is no series, which is not the same as none a second."""
    known = min(window.end, window.known_until)
    if window.start >= known or not any(
        at < known for part in parts for at in part.deployment.samples.first_seen.values()
    ):
        return [None for _ in labels]
    buckets = _buckets(parts, window)
    seconds = window.end - window.start
    return [sum(bucket.counts.get(kind, 0) for bucket in buckets) / seconds for kind in labels]


def _response_time(parts: Sequence[Part], window: Window, _labels: Sequence[str]) -> Values:
    return _quantiles(each for bucket in _buckets(parts, window) for each in bucket.latencies)


def _first_byte(parts: Sequence[Part], window: Window, _labels: Sequence[str]) -> Values:
    return _quantiles(each for bucket in _buckets(parts, window) for each in bucket.first_bytes)


def _quantiles(seconds: Iterable[float]) -> Values:
    times = sorted(seconds)
    if not times:
        return [None] * (len(QUANTILES) + 1)
    quantiles: Values = [
        times[min(len(times) - 1, max(0, math.ceil(each * len(times)) - 1))] for each in QUANTILES
    ]
    return [*quantiles, sum(times) / len(times)]


def _concurrent(parts: Sequence[Part], window: Window, _labels: Sequence[str]) -> Values:
    buckets = _buckets(parts, window)
    return [float(max(bucket.in_flight for bucket in buckets)) if buckets else None]


def _replicas(parts: Sequence[Part], window: Window, _labels: Sequence[str]) -> Values:
    """The mean over the window of the replicas that were ready."""
    return _mean(parts, window, lambda deployment: deployment.replica_history)


def _starting(parts: Sequence[Part], window: Window, _labels: Sequence[str]) -> Values:
    """The mean over the window of the replicas that were on their way."""
    return _mean(parts, window, lambda deployment: deployment.starting_history)


def _mean(
    parts: Sequence[Part],
    window: Window,
    history_of: Callable[[Deployment], list[tuple[float, int]]],
) -> Values:
    end = min(window.end, window.known_until)
    if window.start >= end:
        return [None]
    total, known = 0.0, False
    for part in parts:
        history = history_of(part.deployment)
        for index, (at, count) in enumerate(history):
            until = history[index + 1][0] if index + 1 < len(history) else math.inf
            overlap = min(end, part.end, until) - max(window.start, part.start, at)
            if overlap > 0:
                known = True
                total += count * overlap
    return [total / (end - window.start)] if known else [None]


def _restarts(parts: Sequence[Part], window: Window, _labels: Sequence[str]) -> Values:
    end = min(window.end, window.known_until)
    if window.start >= end or not any(part.deployment.replica_history for part in parts):
        return [None]
    restarts = sum(
        max(window.start, part.start) <= at < min(end, part.end)
        for part in parts
        for at in part.deployment.restarts
    )
    return [restarts / (window.end - window.start)]


def _plain(_parts: Sequence[Part], _known_until: float) -> list[str]:
    return [""]


def _quantile_labels(_parts: Sequence[Part], _known_until: float) -> list[str]:
    return [*(str(each) for each in QUANTILES), "avg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    unit: str
    kind: str
    measure: Measure
    labels: Callable[[Sequence[Part], float], list[str]] = _plain

    def label_key(self, value: str) -> str:
        if value == "avg":
            return "stat"
        return "quantile" if self.kind == "HISTOGRAM" else "status"


_METRICS: dict[str, _Metric] = {
    "baseten_replicas_active": _Metric(unit="COUNT", kind="GAUGE", measure=_replicas),
    "baseten_replicas_starting": _Metric(unit="COUNT", kind="GAUGE", measure=_starting),
    "baseten_inference_requests_total": _Metric(
        unit="PER_SECOND", kind="COUNTER", measure=_requests, labels=_statuses
    ),
    "baseten_end_to_end_response_time_seconds": _Metric(
        unit="SECONDS", kind="HISTOGRAM", measure=_response_time, labels=_quantile_labels
    ),
    "baseten_time_to_first_byte_seconds": _Metric(
        unit="SECONDS", kind="HISTOGRAM", measure=_first_byte, labels=_quantile_labels
    ),
    "baseten_container_restarts_total": _Metric(
        unit="PER_SECOND", kind="COUNTER", measure=_restarts
    ),
    "baseten_concurrent_requests": _Metric(unit="COUNT", kind="GAUGE", measure=_concurrent),
}
