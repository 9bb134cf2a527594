"""What is measured beside the bounds: figures that nobody set a bound for, and that cannot fail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import median
from typing import Final

from gitops.verify.expectations.latency import FIRST_TOKEN, PERCENT
from gitops.verify.observation import Answer
from gitops.verify.percentile import percentile
from gitops.verify.verdict import Measurement, Outcome

ALWAYS: Final = ("p50", "p95")


def beside(
    bounded: Collection[str], seconds: Sequence[float], good: Sequence[Answer], *, stream: bool
) -> tuple[Measurement, ...]:
    """Latencies, and of streams the time to the first token and tokens per second (a median).

    ``bounded`` are the measurements that are there already. Times are in seconds.
    """
    found = [_time(f"latency.{name}", seconds, PERCENT[name]) for name in ALWAYS]
    if stream:
        first = [each.first_token for each in good if each.first_token is not None]
        found.append(_time(f"latency.{FIRST_TOKEN}", first, PERCENT["p95"]))
        rates = [each.tokens_per_second for each in good]
        speeds = [each for each in rates if each is not None]
        found.append(
            Measurement(
                what="tokens_per_second",
                outcome=Outcome.PASS,
                value=median(speeds) if speeds else None,
                samples=len(speeds),
            )
        )
    return tuple(each for each in found if each.samples and each.what not in bounded)


def _time(what: str, samples: Sequence[float], percent: float) -> Measurement:
    return Measurement(
        what=what,
        outcome=Outcome.PASS,
        value=percentile(samples, percent) if samples else None,
        samples=len(samples),
    )
