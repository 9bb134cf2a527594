"""What has to hold of every sequence, judged by what happened on Baseten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gitops.decide.decision import Decision, State
from gitops.record.history import ModelHistory
from tests import invariants
from tests.properties.asked import ENVIRONMENTS, PRODUCTION, STAGING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops.apply.environment import Result
    from gitops.record.entry import Entry
    from tests.properties.asked import Content, Template
    from tests.properties.baseten import Platform

PROPERTIES: Final = {
    "converges": "it converges to what Git says, or to a named blocked or held state",
    "twice": "no artifact is pushed twice",
    "serves": "no environment that served ever stops serving because of us",
    "deletes": "nothing is deleted that was not asked for",
    "key": "the API key is in no byte of output, log, object or exception",
    "bug": "no traceback reaches anybody",
}
UP: Final = frozenset({"ACTIVE", "UNHEALTHY", "SCALED_TO_ZERO", "WAKING_UP", "UPDATING"})
GOOD: Final = frozenset({"A", "D"})
BLOCKED_ROWS: Final = frozenset({2, 4, 9, 12, 14, 15, 17, 19, 20})


class Violation(BaseException):
    """A property does not hold. A ``BaseException``: the run that broke it must not swallow it."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{PROPERTIES.get(name, name)}: {what}")
        self.name = name


class Judge:
    """Looks at Baseten after everything that changes it.

    ``harmed`` are environments in which a person or the platform took down what served, until it is
    up again; ``disturbed`` says whether anybody but us did anything at all.
    """

    def __init__(self, platform: Platform, template: Template, key: str) -> None:
        self.platform, self.template, self.key = platform, template, key
        self.served: set[str] = set()
        self.harmed: set[str] = set()
        self.was_harmed = False
        self.disturbed = False
        platform.seen = self.look

    def harm(self, name: str) -> None:
        self.harmed.add(name)
        self.was_harmed = True

    def forget(self) -> None:
        """The model was deleted by a person."""
        self.served.clear()
        self.harmed.clear()
        self.was_harmed = True

    def look(self) -> None:
        for name in self.platform.environments():
            serving = self.platform.serving(name)
            if serving is not None and serving.status in UP:
                self.served.add(name)
                self.harmed.discard(name)
            elif name in self.served - self.harmed:
                status = serving.status if serving is not None else "nothing"
                raise Violation("serves", f"{name} served, and now {status} serves there")

    def sends(self, method: str, path: str) -> None:
        """A request of ours is about to take effect."""
        if method == "DELETE":
            raise Violation("deletes", f"{method} {path}")

    def sent(self, method: str, path: str) -> None:
        """It took effect."""
        if method == "POST" and path.endswith(("/models", "/deployments")):
            self._pushed()

    def _pushed(self) -> None:
        model = self.platform.model
        ours = [
            (each.labels or {}).get("gitops.digest")
            for each in (model.deployments.values() if model is not None else ())
            if "." not in each.name
        ]
        for digest in set(ours) - {None}:
            if ours.count(digest) > 1:
                letter = self.template.letter(digest)
                raise Violation("twice", f"{letter} was pushed {ours.count(digest)} times")

    def says(self, what: str, text: str) -> None:
        """Something that leaves the tool."""
        if self.key in text or self.key.partition(".")[2] in text:
            raise Violation("key", f"it is in {what}: {text[:200]}")

    # When all is over

    def traces(self, log: Iterable[Entry]) -> None:
        """What ``tests.invariants`` says of it all."""
        from gitops.record.entry import to_json

        model = self.platform.model
        if model is None:
            return
        found = invariants.broken(
            invariants.traces(
                self.platform.ask,
                model.id,
                key_prefix=self.key.partition(".")[0],
                log=[invariants.Noted.of(to_json(each)) for each in log],
            )
        )
        if self.was_harmed:
            # Others stopped what served, and what is judged there is that it serves.
            found.pop("left_without_deployment", None)
        if found:
            raise Violation("; ".join(found), str(found))

    def rest(self, outcome: Any, wanted: Content, log: Iterable[Entry]) -> dict[str, str]:
        """Nothing changes any more: how each environment rests."""
        history = ModelHistory.of(tuple(log))
        rests = {}
        for name in ENVIRONMENTS:
            results = outcome.results if hasattr(outcome, "results") else ()
            result = next((each for each in results if each.environment == name), None)
            if result is None or result.decision is None:
                raise Violation("converges", f"{name} ends without a decision: {outcome}")
            rests[name] = self._rests(name, result, wanted, history)
        return rests

    def _rests(self, name: str, result: Result, wanted: Content, history: ModelHistory) -> str:
        decision, row = result.decision, result.decision.row if result.decision else 0
        assert decision is not None
        told = f"{name}, which Git wants to serve {wanted.artifact(name)} (row {row})"
        past = history.environment(name)
        match row:
            case 18:
                self._converged(name, wanted, told, decision)
                if past.open_intent is not None:
                    raise Violation("converges", f"{told}: an intent stays open")
                return "converged" if decision.kept is None else "converged, but for what is kept"
            case 11:
                digest = self.template.digests[wanted.artifact(name)]
                if not any(each.side.digest == digest for each in past.holds):
                    raise Violation("converges", f"{told} is held, and the log holds nothing")
                return "held"
            case 19 if decision.state is State.HELD and decision.reason:
                return "waits for what is held"
            case 1 if wanted.paused and name == PRODUCTION:
                return "paused"
            case 16 if past.unverified is not None and result.exit_code == 5:
                return "unverified"
        if row in BLOCKED_ROWS and decision.blocked is not None and decision.blocked.remedy:
            self._undisturbed(name, wanted, told, row)
            return f"blocked in row {row}"
        if result.exit_code == 8 and decision.reason:
            return f"a person is needed in row {row}"
        raise Violation("converges", f"{told} rests nowhere: {decision.state}, {decision.reason}")

    def _undisturbed(self, name: str, wanted: Content, told: str, row: int) -> None:
        """Where nobody else did anything, only what is required is waited for."""
        if self.disturbed or row == 17:
            return
        if row != 19 or name == STAGING:
            raise Violation("converges", f"{told} is blocked, and nobody else did anything")
        if wanted.production == wanted.staging and wanted.staging in GOOD:
            raise Violation("converges", f"{told} waits for staging, which serves it")

    def _converged(self, name: str, wanted: Content, told: str, decision: Decision) -> None:
        serving = self.platform.serving(name)
        environment = self.platform.environments().get(name)
        if serving is None or environment is None or serving.status not in UP:
            raise Violation("converges", f"{told} is converged, and nothing serves there")
        prefix = serving.name.partition(".")[0].removeprefix("git-").partition("-")[0]
        if not self.template.digests[wanted.artifact(name)].startswith(prefix):
            raise Violation("converges", f"{told} is converged, and {serving.name} serves there")
        least, has = wanted.least if name == PRODUCTION else 1, environment.autoscaling.min_replica
        if decision.kept is not None:
            added = name == PRODUCTION and self.disturbed and has >= least * 2
            if not added:
                raise Violation("converges", f"{told} is said to keep what nobody added")
        elif has != least:
            raise Violation("converges", f"{told} is converged with other settings than Git's")
