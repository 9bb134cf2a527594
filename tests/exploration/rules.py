"""The rules one by one, switched off: the rows of the table, and what the procedures add to them.

``shown`` has the moves that show what breaks without each, as they were found by exploring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest import mock

from gitops.apply import recording
from gitops.apply.steps import promote, roll_back, way_back
from gitops.decide import safety, table
from gitops.decide.rows import releasing, running, serving
from gitops.decide.view import View
from gitops.errors import ResponseLost
from gitops.record.entry import Event
from gitops.record.history import EnvironmentHistory
from tests.exploration import clone, ports

Off = Callable[[], AbstractContextManager[Any]]


def row(number: int) -> Off:
    """The table without one of its rows."""
    rows = tuple((each, (_never if each == number else ask)) for each, ask in table.ROWS)
    return lambda: mock.patch.object(table, "ROWS", rows)


def _never(view: View) -> None:
    return None


def _no_hold(view: View) -> None:
    return None


@contextmanager
def _unannounced() -> Iterator[None]:
    def forgets(job: Any, step: Any, target: Any) -> Any:
        entry = recording.entry(job, Event.INTENT, from_=step.from_, to=target)
        return replace(entry, id="nowhere")

    with mock.patch.object(promote, "_announce", forgets):
        yield


@contextmanager
def _pushes_again() -> Iterator[None]:
    real = ports.Writer.push

    def again(self: Any, key: Any, model_id: Any, artifact: Any, *, name: str, archive: Any) -> Any:
        try:
            return real(self, key, model_id, artifact, name=name, archive=archive)
        except ResponseLost:
            return real(self, key, model_id, artifact, name=f"{name}-2", archive=archive)

    with mock.patch.object(ports.Writer, "push", again):
        yield


@contextmanager
def _log_overwrites() -> Iterator[None]:
    real = clone.Log._push_chain

    def onto_whatever(self: Any, last: Any) -> None:
        self.local = self.run.world.chain
        real(self, last)

    with mock.patch.object(clone.Log, "_push_chain", onto_whatever):
        yield


@contextmanager
def _without_locks() -> Iterator[None]:
    with (
        mock.patch.object(clone.Leases, "permit", lambda self, key, seconds: None),
        mock.patch.object(clone.Leases, "left", lambda self, key: 60.0),
    ):
        yield


@contextmanager
def _everything_is_ours() -> Iterator[None]:
    with (
        mock.patch.object(View, "is_ours", lambda self, found: True),
        mock.patch.object(View, "promoted_by_us", lambda self, side: True),
    ):
        yield


@contextmanager
def _always_lifted() -> Iterator[None]:
    with mock.patch.object(View, "hold", property(_no_hold)):
        yield


@contextmanager
def _never_lifted() -> Iterator[None]:
    with mock.patch.object(View, "broken_since", lambda self, entry: False):
        yield


@contextmanager
def _no_success() -> Iterator[None]:
    with mock.patch.object(View, "succeeded_here", property(lambda self: False)):
        yield


@contextmanager
def _forgets_open_intents() -> Iterator[None]:
    real = View.of.__func__  # type: ignore[attr-defined]

    def closed(cls: Any, situation: Any) -> Any:
        view = real(cls, situation)
        log: EnvironmentHistory = view.log
        intents = situation.evidence.intents
        if log.open_intent is not None and log.open_intent.id not in intents:
            return view.with_log(replace(log, open_intent=None))
        return view

    with mock.patch.object(View, "of", classmethod(closed)):
        yield


@contextmanager
def _rejects_nothing() -> Iterator[None]:
    real = releasing._not_passed

    def unwritten(*given: Any) -> Any:
        return replace(real(*given), steps=())

    with mock.patch.object(releasing, "_not_passed", unwritten):
        yield


@contextmanager
def _leaves_settings() -> Iterator[None]:
    with (
        mock.patch.object(roll_back, "_restore", return_value=None),
        mock.patch.object(way_back, "put_back", return_value=()),
    ):
        yield


def _patched(where: Any, name: str, instead: Any) -> Off:
    return lambda: mock.patch.object(where, name, instead)


RULES: Final[dict[str, Off]] = {
    **{f"row {number}": row(number) for number, _ in table.ROWS},
    "an intent before every promotion": _unannounced,
    "the log is appended by compare-and-swap": _log_overwrites,
    "a write needs a lease": _without_locks,
    "a lost push is looked up": _pushes_again,
    "who started it is read from the audit log": _everything_is_ours,
    "a rollback stops at a person's pause or promotion": _patched(
        roll_back, "_persons", lambda job, live, step: None
    ),
    "a rollback puts settings back": _leaves_settings,
    "less capacity in a protected environment needs consent": _patched(
        safety, "_missing", lambda view, changes, hardware: {}
    ),
    "a failed check is recorded": _rejects_nothing,
    "a hold lasts": _always_lifted,
    "a hold ends when Git asks anew": _never_lifted,
    "an open intent is brought to its end": _forgets_open_intents,
    "what served here before is promoted again without waiting": _no_success,
    "a person's stop is theirs, in other environments too": _patched(
        releasing, "_stopped_elsewhere", lambda view, target: None
    ),
    "what serves is adopted where the log names something else": _patched(
        serving, "_adoption", lambda view: ()
    ),
    "a failure of a release of ours ends it": _patched(
        running, "_failure", lambda view, found: None
    ),
}
