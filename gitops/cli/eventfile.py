"""The events of an apply in a file, beside what people read: ``--events FILE``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from gitops.errors import GitopsError

if TYPE_CHECKING:
    from gitops.apply.run import Emit
    from gitops.plan.events import ApplyEvent, ApplyFinished


def over(
    error: GitopsError | click.Abort | KeyboardInterrupt, *, begun: bool, back: str = ""
) -> ApplyFinished:
    """The last event of a run that an error ended; ``begun``: it had started to change things.

    ``back``: the MODEL/ENV that it was to bring back by hand, where it is no apply.
    """
    from datetime import UTC, datetime

    from gitops.errors import Interrupted
    from gitops.plan.events import ApplyFinished, EnvironmentFailure, Failure
    from gitops.wording import sentence

    now = datetime.now(tz=UTC)
    if not isinstance(error, GitopsError):
        return ApplyFinished(time=now, exit_code=Interrupted.exit_code, back=back)
    failure = Failure(
        happened=sentence(str(error)),
        serves_now="`gitops status` says what serves."
        if begun
        else "This run changed nothing: what served before serves.",
        next=sentence(error.hint or f"Mend that, and {'roll back' if back else 'apply'} again."),
    )
    return ApplyFinished(
        time=now,
        exit_code=error.exit_code,
        failures=(EnvironmentFailure(model=None, environment=None, failure=failure),),
        back=back,
    )


def both(file: EventFile, tell: Emit) -> Emit:
    """Write every event into the file before it is told."""

    def emit(event: ApplyEvent) -> None:
        file.write(event)
        tell(event)

    return emit


class EventFile:
    """One JSON object a line, each on disk before the next step; a context manager.

    A disk that fills up stops the file and not the apply: ``problem`` says so afterwards. ``back``:
    the MODEL/ENV that the run is to bring back by hand, where it is no apply.
    """

    def __init__(self, path: Path, *, back: str = "") -> None:
        """Begin the file anew. Raises ``GitopsError`` where it cannot be written."""
        from gitops.render.text import printable

        self._name = printable(path.name)
        self._back = back
        self._begun = self._ended = False
        self.problem = ""
        try:
            self._file = path.open("w", encoding="ascii")
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "it is no file"
            raise GitopsError(
                f"the events cannot be written to {self._name}: {reason}",
                hint="name a file in a folder that is there and that you may write to",
            ) from None

    def write(self, event: ApplyEvent) -> None:
        """Add an event."""
        from gitops.plan.events import ApplyFinished, ApplyStarted
        from gitops.render.events import json_line

        self._begun = True
        self._ended = isinstance(event, ApplyFinished)
        if self.problem:
            return
        if isinstance(event, ApplyStarted | ApplyFinished):
            event = replace(event, back=self._back)
        try:
            self._file.write(json_line(event))
            self._file.flush()
        except OSError as error:
            self.problem = f"{self._name} does not hold all events: {error.strerror}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._ended and isinstance(error, GitopsError | click.Abort | KeyboardInterrupt):
            self.write(over(error, begun=self._begun, back=self._back))
        try:
            self._file.close()
        except OSError as failed:
            self.problem = self.problem or f"{self._name} is not whole: {failed.strerror}"
