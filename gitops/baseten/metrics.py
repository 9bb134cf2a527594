"""Figures of one deployment over a stretch of time, from Baseten's metrics.

Counters come as rates per second over the window, one series a class of status. A series without
data is null; where all of them are, nothing is known, and that is not zero. Where one is known, a
series that is null or missing is zero: nothing of that kind happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from gitops.baseten.transport import Transport
from gitops.errors import AccessDenied, NotFound
from gitops.verify.observation import Window

REQUESTS: Final = "baseten_inference_requests_total"
LATENCY: Final = "baseten_end_to_end_response_time_seconds"
FIRST_BYTE: Final = "baseten_time_to_first_byte_seconds"
REPLICAS: Final = "baseten_replicas_active"
FORM: Final = "/v1/models/{}/deployments/{}/metrics"
PERCENTILES: Final = {"0.5": "p50", "0.9": "p90", "0.95": "p95", "0.99": "p99"}


def read(
    transport: Transport, model_id: str, deployment_id: str, start: datetime, end: datetime
) -> Window:
    """The window's figures; all unknown where this key or this API has no metrics."""
    between: dict[str, str | int] = {
        "start_epoch_millis": int(start.timestamp() * 1000),
        "end_epoch_millis": int(end.timestamp() * 1000),
    }
    unknown = Window(start=start, end=end)
    if between["end_epoch_millis"] == between["start_epoch_millis"]:
        return unknown
    try:
        summary = transport.get(
            FORM,
            model_id,
            deployment_id,
            params={"mode": "SUMMARY", "metrics": [REQUESTS, LATENCY, FIRST_BYTE], **between},
        )
        series = transport.get(
            FORM,
            model_id,
            deployment_id,
            params={"mode": "SERIES", "metrics": [REPLICAS], **between},
        )
    except NotFound:
        return unknown
    except AccessDenied as error:
        if error.status == 401:
            raise
        return unknown
    return window(summary, series, start=start, end=end)


def window(
    summary: Mapping[str, Any], series: Mapping[str, Any], *, start: datetime, end: datetime
) -> Window:
    """The figures of a SUMMARY answer, and the last known replicas of a SERIES answer."""
    rates = [(labels.get("status", ""), value) for labels, value in _values(summary, REQUESTS)]
    known = [(status, value) for status, value in rates if value is not None]
    seconds = _seconds(summary, start, end)
    requests = errors = None
    if known:
        # A rate times seconds is a count but for the digits that were lost on the way.
        requests = round(sum(value for _, value in known) * seconds, 2)
        errors = round(sum(value for status, value in known if status.startswith("5")) * seconds, 2)
    replicas = [value for _, value in _values(series, REPLICAS) if value is not None]
    return Window(
        start=start,
        end=end,
        requests=requests,
        errors=errors,
        latency=_percentiles(summary, LATENCY),
        first_token=_percentiles(summary, FIRST_BYTE),
        replicas=replicas[-1] if replicas else None,
    )


def _percentiles(answer: Mapping[str, Any], metric: str) -> dict[str, float]:
    found = {
        name: value
        for labels, value in _values(answer, metric)
        if value is not None and (name := _percentile(labels))
    }
    return dict(sorted(found.items()))


def _values(
    answer: Mapping[str, Any], metric: str
) -> Iterator[tuple[Mapping[str, str], float | None]]:
    """Each value of a metric with its labels, step after step."""
    descriptors = answer.get("metric_descriptors")
    steps = answer.get("metric_values")
    if not isinstance(descriptors, list) or not isinstance(steps, list):
        return
    for step in sorted((each for each in steps if isinstance(each, Mapping)), key=_start):
        columns = step.get("values")
        for position, descriptor in enumerate(descriptors):
            if not isinstance(descriptor, Mapping) or descriptor.get("name") != metric:
                continue
            labels = descriptor.get("label_sets")
            column = _at(columns, position)
            for place, each in enumerate(labels if isinstance(labels, list) else []):
                named = each if isinstance(each, Mapping) else {}
                yield (
                    {str(key): str(value) for key, value in named.items()},
                    _number(_at(column, place)),
                )


def _seconds(answer: Mapping[str, Any], start: datetime, end: datetime) -> float:
    """The stretch that the rates were taken over: Baseten's, where it says so."""
    first, last = answer.get("start_epoch_millis"), answer.get("end_epoch_millis")
    if isinstance(first, int) and isinstance(last, int) and last > first:
        return (last - first) / 1000
    return (end - start).total_seconds()


def _start(step: Mapping[str, Any]) -> float:
    return _number(step.get("start_epoch_millis")) or 0.0


def _percentile(labels: Mapping[str, str]) -> str | None:
    return PERCENTILES.get(labels.get("quantile", ""))


def _at(column: object, position: int) -> object:
    return column[position] if isinstance(column, list) and position < len(column) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value == value else None  # noqa: PLR0124  # only NaN differs from itself
