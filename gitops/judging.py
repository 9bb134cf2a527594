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
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from gitops.state.desired import Expect
from gitops.verify.shot import Finding, Kind, Shot, judge_all

LIMIT: Final = 30.0
"""Seconds, for all answers of a check together."""

MEMORY: Final = 4 << 30
"""Bytes that the process may take."""

_ATTENTION: Final = 0.5
"""Seconds after which one who waits for judgements looks whether to stop."""

_CHILD: Final = "import sys; sys.path[:] = sys.argv[1:]; from gitops.judging import child; child()"
_SECRET: Final = frozenset({"BASETEN_API_KEY", "GITHUB_TOKEN", "GITLAB_TOKEN"})


def apart(
    shots: Sequence[Shot],
    *,
    timeout: float,
    stream: bool = False,
    limit: float = LIMIT,
    attend: Callable[[], None] | None = None,
) -> tuple[Finding, ...]:
    """``judge_all``, within ``limit`` seconds; what was not judged by then says nothing.

    ``attend`` is called every now and then meanwhile. What it raises, as ``Interrupted``, ends it.
    """
    far = [each.answer.status is not None and _may_take_long(each.expect) for each in shots]
    there = [shot for shot, is_far in zip(shots, far, strict=True) if is_far]
    here = [shot for shot, is_far in zip(shots, far, strict=True) if not is_far]
    told = iter(_asked(there, timeout, stream, limit, attend) if there else ())
    own = iter(judge_all(here, timeout=timeout, stream=stream))
    return tuple(next(told) if is_far else next(own) for is_far in far)


def _may_take_long(expect: Expect) -> bool:
    return (expect.matches, expect.schema, expect.at) != (None, None, None)


def _asked(
    shots: Sequence[Shot],
    timeout: float,
    stream: bool,
    limit: float,
    attend: Callable[[], None] | None,
) -> Sequence[Finding]:
    why = f"what is expected takes longer than {limit:g} s, or too much memory"
    told = b""
    try:
        told = _told(pickle.dumps((shots, timeout, stream, limit)), limit, attend)
    except OSError as error:
        why = f"no process can be started to do it in ({error.strerror})"
    found: list[Finding] = []
    for shot, line in zip(shots, told.splitlines(), strict=False):
        # The last line may be half of one.
        with suppress(ValueError):
            kind, reason = json.loads(line)
            found.append(Finding(shot=shot, kind=Kind(kind), reason=reason))
    unknown = f"could not be judged: {why}"
    rest = (Finding(shot=each, kind=Kind.UNKNOWN, reason=unknown) for each in shots[len(found) :])
    return [*found, *rest]


def _told(asked: bytes, limit: float, attend: Callable[[], None] | None) -> bytes:
    """What the process has written by the time that it ends, or is ended."""
    environ = {name: value for name, value in os.environ.items() if name not in _SECRET}
    with subprocess.Popen(  # noqa: S603 - our own program, and nothing of the answers in the call
        [sys.executable, "-I", "-c", _CHILD, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + limit
        rest: bytes | None = asked
        try:
            while (left := deadline - time.monotonic()) > 0:
                with suppress(subprocess.TimeoutExpired):
                    return process.communicate(rest, min(left, _ATTENTION))[0]
                rest = None
                if attend is not None:
                    attend()
        except BaseException:
            # Nobody waits for an answer any more.
            process.kill()
            raise
        process.kill()
        return process.communicate()[0]


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
