"""One counted request of a check and what is wrong with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from gitops.state.desired import Expect
from gitops.state.json import Json
from gitops.verify import excerpt
from gitops.verify.expectations import at, status
from gitops.verify.expectations.content import JUDGES
from gitops.verify.observation import Answer
from gitops.verify.output import of_body

NOT_ABOUT_THE_MODEL: Final = frozenset({401, 402, 403, 429})
"""Statuses that tell of our key, the bill or a rate limit, and nothing of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A request that was sent: its body, what its answer should be, and the answer.

    ``line`` is the line of the request file that it comes from, 0 for the check's own request.
    """

    body: Json
    expect: Expect
    answer: Answer
    line: int = 0


class Kind(Enum):
    """What a shot says about the deployment."""

    GOOD = "good"
    BAD = "bad"
    """It answered, and not as expected."""
    SLOW = "slow"
    """It had the whole time limit and did not answer."""
    UNKNOWN = "unknown"
    """The request never got a word from the deployment: the network, our key, a rate limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One shot, judged. ``reason`` is empty for a good one."""

    shot: Shot
    kind: Kind
    reason: str = ""

    @property
    def story(self) -> str:
        """The request, the answer and what is wrong with it, on one line that may be shown."""
        answer = self.shot.answer
        got = (
            f"{answer.status} {excerpt.of_body(answer.body)}"
            if answer.status is not None
            else f"no answer ({excerpt.of_text(answer.error or 'unknown reason')})"
        )
        place = f"line {self.shot.line}: " if self.shot.line else ""
        return f"{place}{self.reason}: {excerpt.of_json(self.shot.body)} → {got}"


class Judge(Protocol):
    """Judges shots, each by itself and in order; ``timeout`` in seconds is what each was given."""

    def __call__(
        self, shots: Sequence[Shot], *, timeout: float, stream: bool = False
    ) -> Sequence[Finding]:
        """What each of them says."""


def judge_all(
    shots: Sequence[Shot], *, timeout: float, stream: bool = False
) -> tuple[Finding, ...]:
    """The judge that takes as long as it takes."""
    return tuple(judge(each, timeout=timeout, stream=stream) for each in shots)


def judge(shot: Shot, *, timeout: float, stream: bool = False) -> Finding:
    """What one shot says; ``timeout`` in seconds is what the request was given."""
    answer, expect = shot.answer, shot.expect
    if answer.status is None:
        if answer.seconds >= timeout:
            return Finding(shot=shot, kind=Kind.SLOW, reason=f"no answer within {timeout:g} s")
        return Finding(shot=shot, kind=Kind.UNKNOWN, reason="not reached")
    wrong = status.problem(expect.status, answer.status)
    if wrong is not None:
        about_us = answer.status in NOT_ABOUT_THE_MODEL
        return Finding(shot=shot, kind=Kind.UNKNOWN if about_us else Kind.BAD, reason=wrong)
    try:
        problem = _content_problem(expect, answer, stream=stream)
    except RecursionError:
        problem = "output: nested too deeply to be judged"
    if problem is not None:
        return Finding(shot=shot, kind=Kind.BAD, reason=problem)
    return Finding(shot=shot, kind=Kind.GOOD)


def _content_problem(expect: Expect, answer: Answer, *, stream: bool) -> str | None:
    output = of_body(answer.body, stream=stream)
    prefix = "output"
    if expect.at is not None:
        prefix = expect.at
        selected = at.select(expect.at, output)
        if isinstance(selected, str):
            return selected
        output = selected
    problems = (judge(expect, output) for judge in JUDGES)
    return next((f"{prefix}: {each}" for each in problems if each is not None), None)
