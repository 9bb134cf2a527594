"""Checks against a deployment that is there: woken, warmed up, asked, and its answers judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Final, Protocol

from gitops.apply.clock import StopFlag
from gitops.apply.pace import Pace
from gitops.apply.ports import Clock, LiveReader, Prober
from gitops.apply.waiting import poll
from gitops.errors import BasetenError
from gitops.state.desired import Check
from gitops.state.health import Health, health_of
from gitops.state.live import Deployment
from gitops.verify.check import Serving, judged, planned_runs, warm_ups
from gitops.verify.expectations.than_current import NOTHING_SERVES, Uncompared
from gitops.verify.observation import Answer
from gitops.verify.pairs import pairs
from gitops.verify.results import Ran, Results, Woken
from gitops.verify.shot import Judge, Shot, judge_all
from gitops.verify.verdict import Outcome

MOST_BYTES: Final = 256 << 20
"""Of all answers to one check."""

ATTENTION: Final = 0.5
"""Seconds after which one who waits for answers looks whether to stop."""


class Say(Protocol):
    """Hears how it goes on; ``status`` is Baseten's word."""

    def __call__(self, message: str, *, status: str | None = None) -> None:
        """Tell people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What checks of one model are run with. ``start``: seconds that waking may take."""

    reader: LiveReader
    prober: Prober
    clock: Clock
    pace: Pace
    stop: StopFlag
    model_id: str
    start: float
    say: Say
    judge: Judge = judge_all


def run_checks(
    bench: Bench,
    deployment_id: str,
    checks: Sequence[Check],
    serving: Callable[[], Deployment | None],
    *,
    every: bool = False,
) -> Results:
    """Run checks in order; a definite failure of one spares the others, unless ``every``.

    ``serving`` reads what serves now, for checks that compare. Before each check the deployment is
    woken where it scaled to zero: that is part of starting, and of no check's latency.
    """
    ran: list[Ran] = []
    for each in checks:
        woken = awake(bench, deployment_id)
        if woken is not Woken.READY:
            return Results(ran=tuple(ran), stopped=woken)
        found = _run(bench, deployment_id, each, serving)
        ran.append(found)
        bench.say(found.verdict.reason)
        if found.verdict.outcome is Outcome.FAIL and not every:
            break
    return Results(ran=tuple(ran))


def awake(bench: Bench, deployment_id: str) -> Woken:
    """Wake what scaled to zero and wait until it can answer."""
    reader, model_id = bench.reader, bench.model_id

    def look() -> Deployment | None:
        found = reader.deployment(model_id, deployment_id)
        if found is None or found.status == "SCALED_TO_ZERO":
            return None
        return found if health_of(found.status) is not Health.TRANSITION else None

    found = reader.deployment(model_id, deployment_id)
    if found is None:
        return Woken.NOT_READY
    if found.status == "SCALED_TO_ZERO":
        bench.say(f"waking deployment {found.id}", status=found.status)
        bench.prober.wake(model_id, deployment_id)
        found = poll(bench.clock, bench.pace, look, limit=bench.start)
        if found is None:
            return Woken.LATE
    can_answer = health_of(found.status) in {Health.READY, Health.UNHEALTHY}
    return Woken.READY if can_answer else Woken.NOT_READY


def _run(
    bench: Bench, deployment_id: str, asked: Check, serving: Callable[[], Deployment | None]
) -> Ran:
    """Warm up, then send every counted request, ``concurrency`` at a time.

    Where the check compares, each request goes to what serves now as well, in turns: both meet the
    same minute, and neither is always the first.
    """
    other = _compared_with(bench, deployment_id, serving) if _compares(asked) else NOTHING_SERVES
    sides = [deployment_id, other.id] if isinstance(other, Deployment) else [deployment_id]
    runs = planned_runs(asked, sides=len(sides))
    warmup = [index % len(asked.probes) for index in range(warm_ups(asked, sides=len(sides)))]

    def send(room: _Room, turn: int, index: int) -> list[Answer]:
        ordered = sides if turn % 2 == 0 else sides[::-1]
        answers = {each: room.held(_send(bench, each, asked, index)) for each in ordered}
        return [answers[each] for each in sides]

    pool = ThreadPoolExecutor(max_workers=max(asked.concurrency, 1))
    try:
        _all(bench, pool, send, warmup)
        answers = _all(bench, pool, send, runs)
    except BaseException:
        # Who is asked to stop does not wait for answers; nothing more is sent.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()

    def shots(side: int) -> list[Shot]:
        return [
            Shot(
                body=asked.probes[index].body,
                expect=asked.probes[index].expect or asked.expect,
                answer=answer[side],
                line=asked.probes[index].line,
            )
            for index, answer in zip(runs, answers, strict=True)
        ]

    against: Serving | Uncompared
    if isinstance(other, Deployment):
        candidate = bench.reader.deployment(bench.model_id, deployment_id)
        against = Serving(
            shots=shots(1),
            scale=_scale(other),
            candidates_scale=_scale(candidate) if candidate is not None else "",
        )
    else:
        against = other
    found = judged(asked, shots(0), against, judge=bench.judge)
    return Ran(name=asked.name, verdict=found.verdict, pairs=pairs(asked.name, found.failing))


class _Room:
    """What the answers of one check may take in memory until they are judged. Thread-safe.

    Those that only warm up are not kept, and have a room of their own.
    """

    def __init__(self) -> None:
        self._left = MOST_BYTES
        self._lock = threading.Lock()

    def held(self, answer: Answer) -> Answer:
        """The answer; without its body, and so none, where there is no room for that any more."""
        with self._lock:
            self._left -= len(answer.body)
            if self._left >= 0:
                return answer
        why = f"the answers of this check are longer than {MOST_BYTES >> 20} MiB together"
        return replace(answer, status=None, body=b"", error=why)


def _all(
    bench: Bench,
    pool: ThreadPoolExecutor,
    send: Callable[[_Room, int, int], list[Answer]],
    probes: Sequence[int],
) -> list[list[Answer]]:
    """Send every probe and give its answers in order. Raises ``Interrupted`` when told to stop."""
    room = _Room()
    futures = [pool.submit(send, room, turn, index) for turn, index in enumerate(probes)]
    pending = set(futures)
    while pending:
        bench.stop.check()
        done, pending = wait(pending, timeout=ATTENTION, return_when=FIRST_EXCEPTION)
        for each in done:
            each.result()
    return [each.result() for each in futures]


def _compares(asked: Check) -> bool:
    expectations = (asked.expect, *(each.expect for each in asked.probes))
    return any(each is not None and each.than_current for each in expectations)


def _send(bench: Bench, deployment_id: str, asked: Check, index: int) -> Answer:
    bench.stop.check()
    return bench.prober.send(
        bench.model_id,
        deployment_id,
        asked.path,
        asked.probes[index].body,
        headers=asked.headers,
        timeout=asked.timeout,
        stream=asked.stream,
    )


def _compared_with(
    bench: Bench, deployment_id: str, serving: Callable[[], Deployment | None]
) -> Deployment | Uncompared:
    """What serves now, awake; or why there is nothing to compare with."""
    current = serving()
    if current is None:
        return NOTHING_SERVES
    if current.id == deployment_id:
        return Uncompared(why="it is what serves now", certain=True)
    if health_of(current.status) in {Health.INACTIVE, Health.FAILED, Health.STOPPED}:
        return Uncompared(why=f"what serves now is {current.status}", certain=True)
    try:
        woken = awake(bench, current.id)
        now = bench.reader.deployment(bench.model_id, current.id)
    except BasetenError as error:
        return Uncompared(why=f"what serves now cannot be asked: {error.message}", certain=False)
    if woken is not Woken.READY or now is None:
        return Uncompared(why="what serves now is not ready to be asked", certain=False)
    candidate = bench.reader.deployment(bench.model_id, deployment_id)
    if candidate is not None:
        bench.say(
            f"comparing deployment {candidate.id} ({_scale(candidate)}) with {now.id} "
            f"({_scale(now)})"
        )
    return now


def _scale(deployment: Deployment) -> str:
    replicas = deployment.active_replicas
    hardware = deployment.instance_type_name or "unknown hardware"
    return f"{replicas} replica{'' if replicas == 1 else 's'} of {hardware}"
