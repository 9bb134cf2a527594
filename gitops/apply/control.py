"""A person's hand on a promotion in progress: cancel it and sign for it, or resume a paused one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from gitops.apply.pace import Pace
from gitops.apply.ports import Clock, DeployLog, LiveReader, LiveWriter
from gitops.apply.waiting import ASKED, poll
from gitops.decide.sides import is_side
from gitops.errors import GitopsError, LogMoved, RemoteUnreachable, ResponseLost
from gitops.record.entry import Entry, Event
from gitops.record.history import ModelHistory, OpenIntent
from gitops.state.live import Deployment, LiveEnvironment
from gitops.state.names import ModelKey
from gitops.state.recognise import recognise


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One environment of one model, and what is needed to steer its promotion.

    ``by`` and ``where`` say who does it, and on which machine, in the deploy log.
    """

    reader: LiveReader
    writer: LiveWriter
    log: DeployLog
    clock: Clock
    by: str
    where: str = ""
    key: ModelKey
    environment: str
    pace: Pace = field(default_factory=Pace)

    @property
    def tag(self) -> str:
        """``MODEL/ENV``."""
        return f"{self.key}/{self.environment}"

    def cancel(self) -> str:
        """Cancel the promotion and wait until all traffic is back; a sentence that says so.

        A release of ours is closed in the deploy log, in the name of who cancelled it, as soon as
        its promotion goes back: an apply that follows it learns there what happened.
        Raises ``GitopsError`` where no promotion runs, or where it did not end in time.
        """
        model_id, live = self._look()
        candidate = self._candidate(live)
        before = _share(live)

        def going_back() -> LiveEnvironment | None:
            now = self.reader.environment(model_id, self.environment)
            # Another one that has begun meanwhile is not ours to cancel.
            still = now is not None and _running(now) and _same(now.candidate, live.candidate)
            return now if now is not None and (_ramps_down(now) or not still) else None

        back: LiveEnvironment | None = None
        for _ in range(ASKED):
            answered = self._ask_to_cancel(model_id)
            back = poll(self.clock, self.pace, going_back, limit=self.pace.visible)
            if answered or back is not None:
                break
        note = ""
        if back is not None and not _same(back.current, live.candidate):
            note = self._sign(model_id, live.candidate)

        def over() -> LiveEnvironment | None:
            now = self.reader.environment(model_id, self.environment)
            return now if now is not None and not _running(now) else None

        ended = poll(self.clock, self.pace, over, limit=self.pace.ramp_down)
        if ended is None:
            raise GitopsError(
                f"the promotion of {candidate} to {self.tag} was told to end and still runs; "
                f"{_serves(live)}",
                hint=f"it gives its traffic back in steps; look with `gitops status {self.key}`",
            )
        if ended.current is not None and _named(ended.current) == candidate:
            return f"{self.tag}: too late, {candidate} serves already"
        return f"{self.tag}: cancelled the promotion of {candidate}{before}; {_serves(ended)}{note}"

    def resume(self) -> str:
        """Let a paused promotion go on; a sentence that says so.

        Raises ``GitopsError`` where no promotion runs, or where the one that runs is not paused.
        """
        model_id, live = self._look()
        candidate = self._candidate(live)
        if not _paused(live):
            status = live.promotion.status if live.promotion is not None else "on its way"
            raise GitopsError(
                f"the promotion of {candidate} to {self.tag} is not paused: it is {status}"
                f"{_share(live)}"
            )
        with suppress(ResponseLost):
            self.writer.resume_promotion(model_id, self.environment)

        def moving() -> LiveEnvironment | None:
            now = self.reader.environment(model_id, self.environment)
            return now if now is not None and not _paused(now) else None

        going = poll(self.clock, self.pace, moving, limit=self.pace.visible)
        if going is None:
            raise GitopsError(
                f"the promotion of {candidate} to {self.tag} was told to go on and is still paused"
                f"; {_serves(live)}",
                hint=f"look with `gitops status {self.key}`, then tell it again",
            )
        return (
            f"{self.tag}: the promotion of {candidate} goes on{_share(going)}; "
            f"`gitops apply {self.key}` follows it"
        )

    def _ask_to_cancel(self, model_id: str) -> bool:
        """Whether Baseten has answered; what became of it otherwise is to be seen."""
        try:
            self.writer.cancel_promotion(model_id, self.environment)
        except ResponseLost:
            return False
        return True

    def _sign(self, model_id: str, candidate: Deployment | None) -> str:
        """Close the release that was cancelled in the deploy log; what went wrong with that."""
        try:
            # The log says so itself where the Git host is down, and keeps the entry here.
            with suppress(RemoteUnreachable):
                self.log.fetch()
            history = ModelHistory.of(self.log.entries(self.key))
            opened = history.environment(self.environment).open_intent
            if candidate is None or opened is None or opened.condemned:
                return ""
            found = recognise(candidate, logged=history.known, siblings=())
            if is_side(found, opened.artifact):
                # Whoever was faster has closed it.
                with suppress(LogMoved):
                    self.log.keep(self.key, self._end(model_id, opened))
        except GitopsError as error:
            return f"; the deploy log does not say by whom: {error.message}"
        return ""

    def _end(self, model_id: str, opened: OpenIntent) -> Entry:
        now, intent = self.clock.now(), opened.entry
        return Entry(
            at=now,
            event=Event.ROLLED_BACK,
            environment=self.environment,
            intent=opened.id,
            from_=opened.origin,
            to=opened.artifact,
            model_id=model_id,
            model=str(self.key),
            release_file=intent.release_file,
            # What Git asked for since that release is what may lift the hold.
            applied_commit=intent.applied_commit,
            branch=intent.branch,
            by=self.by,
            where=self.where,
            seconds=max((now - intent.at).total_seconds(), 0.0),
            reason=f"{self.by} ended the release with `gitops cancel`",
            ended_by=self.by,
        )

    def _look(self) -> tuple[str, LiveEnvironment]:
        model = self.reader.model(self.key)
        live = model.environment(self.environment) if model is not None else None
        if model is None or live is None:
            what = f"model {self.key}" if model is None else f"environment {self.tag}"
            raise GitopsError(f"there is no {what} on Baseten")
        return model.id, live

    def _candidate(self, live: LiveEnvironment) -> str:
        if not _running(live):
            raise GitopsError(
                f"no promotion runs in {self.tag}; {_serves(live)}", hint="there is nothing to do"
            )
        return _named(live.candidate) if live.candidate is not None else "a deployment not seen yet"


def _running(live: LiveEnvironment) -> bool:
    over = {"FAILED", "CANCELED", "SUCCEEDED"}
    if live.promotion is not None:
        return live.promotion.status.upper() not in over
    return live.candidate is not None


def _ramps_down(live: LiveEnvironment) -> bool:
    return live.promotion is not None and live.promotion.status.upper() == "RAMPING_DOWN"


def _same(one: Deployment | None, other: Deployment | None) -> bool:
    return one is not None and other is not None and one.id == other.id


def _paused(live: LiveEnvironment) -> bool:
    return live.promotion is not None and live.promotion.status.upper() == "PAUSED"


def _share(live: LiveEnvironment) -> str:
    return f" at {live.promotion.percent}% of the traffic" if live.promotion is not None else ""


def _serves(live: LiveEnvironment) -> str:
    if live.current is None:
        return "nothing serves there"
    return f"{_named(live.current)} serves, {live.current.status}"


def _named(deployment: Deployment) -> str:
    return f"deployment {deployment.id}"
