"""Answers judged in a process of their own, which ends however long a judgement would take.

A regular expression, a schema or a JSONPath may take for ever over an answer that somebody made for
it, and while Python looks for the one, nothing else in the process runs: no lock is renewed, and no
signal heard. So what could take long is done elsewhere, with a limit to its time and memory.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from gitops.state.desired import Expect
from gitops.verify.shot import Finding, Kind, Shot, judge_all

LIMIT: Final = 30.0
"""Seconds, for all answers of a check together."""

MEMORY: Final = 4 << 30
"""Bytes that the process may take."""

_CHILD: Final = "import sys; sys.path[:] = sys.argv[1:]; from gitops.judging import child; child()"
_SECRET: Final = frozenset({"BASETEN_API_KEY", "GITHUB_TOKEN", "GITLAB_TOKEN"})


def apart(
    shots: Sequence[Shot], *, timeout: float, stream: bool = False, limit: float = LIMIT
) -> tuple[Finding, ...]:
    """``judge_all``, within ``limit`` seconds; what was not judged by then says nothing."""
    far = [each.answer.status is not None and _may_take_long(each.expect) for each in shots]
    there = [shot for shot, is_far in zip(shots, far, strict=True) if is_far]
    here = [shot for shot, is_far in zip(shots, far, strict=True) if not is_far]
    told = iter(_asked(there, timeout=timeout, stream=stream, limit=limit) if there else ())
    own = iter(judge_all(here, timeout=timeout, stream=stream))
    return tuple(next(told) if is_far else next(own) for is_far in far)


def _may_take_long(expect: Expect) -> bool:
    return (expect.matches, expect.schema, expect.at) != (None, None, None)


def _asked(
    shots: Sequence[Shot], *, timeout: float, stream: bool, limit: float
) -> Sequence[Finding]:
    environ = {name: value for name, value in os.environ.items() if name not in _SECRET}
    with subprocess.Popen(  # noqa: S603 - our own program, and nothing of the answers in the call
        [sys.executable, "-I", "-c", _CHILD, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=True,
    ) as process:
        try:
            out, _ = process.communicate(pickle.dumps((shots, timeout, stream, limit)), limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        except BaseException:
            # Nobody waits for an answer any more.
            process.kill()
            raise
    found: list[Finding] = []
    for shot, line in zip(shots, out.splitlines(), strict=False):
        # The last line may be half of one.
        with suppress(ValueError):
            kind, reason = json.loads(line)
            found.append(Finding(shot=shot, kind=Kind(kind), reason=reason))
    why = f"could not be judged: what is expected takes longer than {limit:g} s, or too much memory"
    rest = (Finding(shot=each, kind=Kind.UNKNOWN, reason=why) for each in shots[len(found) :])
    return [*found, *rest]


def child() -> None:
    """What the process does: judge what stdin brings, and write a line for each as it is done."""
    import resource

    shots, timeout, stream, limit = pickle.load(sys.stdin.buffer)  # noqa: S301 - we wrote it
    seconds = int(limit) + 1
    for what, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY)):
        with suppress(OSError, ValueError):  # not every system has every limit
            resource.setrlimit(what, (most, most))
    for each in shots:
        (found,) = judge_all([each], timeout=timeout, stream=stream)
        sys.stdout.write(json.dumps([found.kind.value, found.reason]) + "\n")
        sys.stdout.flush()
