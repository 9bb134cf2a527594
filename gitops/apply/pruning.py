"""Carrying out retention for one model: stop, and where it is asked for delete, what nothing needs.

Right before each request, in its turn of the key's pace, everything is read anew and judged anew:
whoever promotes a deployment after the plan was shown keeps it. What runs is stopped before it is
deleted, so that the last look is at something that serves nobody. A run that dies in between leaves
nothing to tidy up: the next one sees what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from gitops.apply.leases import Lease
from gitops.apply.pace import Pace
from gitops.apply.ports import Clock, LiveReader, Permit
from gitops.decide.retention import AT_REST, Fate
from gitops.errors import GitopsError, NotFound, RequestRefused, ResponseLost
from gitops.plan.prune import Pruned
from gitops.state.health import health_of
from gitops.state.live import Deployment, LiveModel
from gitops.state.names import ModelKey
from gitops.wording import listed

_ATTEMPTS: Final = 3
_STOPPING: Final = "DEACTIVATING"

_NEEDED: Final = 4
_FAILED: Final = 1
_STILL_RUNS: Final = 7
_PERSON: Final = 8


class PruneWriter(Protocol):
    """The writes of a prune. Every method may raise ``BasetenError``."""

    def under(self, permit: Permit) -> PruneWriter:
        """The same, asking before each write."""

    def deactivate(self, model_id: str, deployment_id: str) -> None:
        """Stop a deployment."""

    def activate(self, model_id: str, deployment_id: str) -> None:
        """Start a deployment."""

    def delete_deployment(self, model_id: str, deployment_id: str) -> None:
        """Delete a deployment for good."""


class _Settled(Exception):
    """What was to be done is done, or must not be done any more. Never leaves this module."""

    def __init__(self, result: str, message: str = "", exit_code: int = 0) -> None:
        super().__init__(result)
        self.result, self.message, self.exit_code = result, message, exit_code


class _AtRest(Exception):
    """It has stopped already, or is about to. Never leaves this module."""


@dataclass(slots=True, kw_only=True)
class Pruning:
    """One model's part of a prune; used by one thread.

    ``judge`` gives the fates that hold for a model as it is now. ``say`` hears of progress.
    """

    key: ModelKey
    model_id: str
    reader: LiveReader
    writer: PruneWriter
    clock: Clock
    lease: Lease
    judge: Callable[[LiveModel], Sequence[Fate]]
    say: Callable[[str], None]
    pace: Pace = field(default_factory=Pace)
    _ended: dict[str, Pruned] = field(default_factory=dict)

    def carry_out(self, planned: Sequence[Fate]) -> tuple[Pruned, ...]:
        """Do what was planned as far as it still holds; never more than that.

        No error is raised: each deployment has its result, also those that were not begun.
        """
        try:
            runs = [it for it in planned if not _at_rest(it.deployment)]
            for fate in runs:
                self._one(fate, self._stop)
            deleted = [it for it in planned if it.action == "delete"]
            self._wait_for([it for it in runs if it.deployment.id not in self._ended])
            for fate in deleted:
                self._one(fate, self._delete)
        except GitopsError as error:
            for fate in planned:
                self._end(fate, "not_done", error.message, error.exit_code)
        return tuple(self._ended[fate.deployment.id] for fate in planned)

    def _one(self, fate: Fate, work: Callable[[Fate], None]) -> None:
        if fate.deployment.id in self._ended:
            return
        # Raises where we were asked to stop.
        self.clock.sleep(0)
        try:
            work(fate)
        except _Settled as settled:
            self._end(fate, settled.result, settled.message, settled.exit_code)
        except (RequestRefused, ResponseLost) as error:
            self._end(fate, "failed", error.message, _FAILED)

    def _end(self, fate: Fate, result: str, message: str = "", exit_code: int = 0) -> None:
        if fate.deployment.id in self._ended:
            return
        self._ended[fate.deployment.id] = Pruned(
            model=str(self.key),
            deployment_id=fate.deployment.id,
            result=result,
            message=message,
            exit_code=exit_code,
        )
        said = f": {message}" if message else ""
        words = result.replace("_", " ")
        self.say(f"{self.key}: deployment {fate.deployment.id} {words}{said}")

    # Stopping

    def _stop(self, fate: Fate) -> None:
        deployment = fate.deployment.id
        ours = self._send(
            fate, lambda writer: writer.deactivate(self.model_id, deployment), stops=True
        )
        if ours:
            self._raise_if_it_serves(fate)
        if fate.action == "deactivate":
            raise _Settled("deactivated")

    def _raise_if_it_serves(self, fate: Fate) -> None:
        """Somebody may have promoted it between our last look and our request: then start it."""
        there = self._look()
        users = _users(there, fate.deployment.id) if there is not None else ()
        if not users:
            return
        where = listed(users)
        what = f"it was promoted to {where} while it was stopped"
        try:
            self._moving_after_a_while([fate])
            self.writer.under(self.lease.permit).activate(self.model_id, fate.deployment.id)
        except GitopsError as error:
            remedy = f"activate it on Baseten now, or `gitops apply` does: {error.message}"
            raise _Settled("failed", f"{what}; {remedy}", _PERSON) from error
        raise _Settled("restored", f"{what}, and started again: look at {where} now", _PERSON)

    def _wait_for(self, fates: Sequence[Fate]) -> None:
        """Until all of these are at rest; those that take too long end as ``stopping``."""
        for fate in self._moving_after_a_while(fates):
            message = "it takes longer than expected to stop; the next prune goes on"
            self._end(fate, "stopping", message, _STILL_RUNS)

    def _moving_after_a_while(self, fates: Sequence[Fate]) -> list[Fate]:
        waiting, begun = list(fates), self.clock.monotonic()
        for pause in self.pace.pauses():
            moving = self._moving() if waiting else frozenset()
            waiting = [fate for fate in waiting if fate.deployment.id in moving]
            if not waiting or self.clock.monotonic() - begun >= self.pace.settings:
                break
            self.clock.sleep(pause)
        return waiting

    def _moving(self) -> frozenset[str]:
        try:
            there = self.reader.deployments(self.model_id)
        except NotFound:
            return frozenset()
        return frozenset(each.id for each in there if not _at_rest(each))

    # Deleting

    def _delete(self, fate: Fate) -> None:
        deployment = fate.deployment.id
        self._send(
            fate, lambda writer: writer.delete_deployment(self.model_id, deployment), stops=False
        )
        raise _Settled("deleted")

    # One request, and what may come of it

    def _send(self, fate: Fate, send: Callable[[PruneWriter], None], *, stops: bool) -> bool:
        """Whether a request of ours did it; False: it was at rest before."""
        sent = False
        for attempt in range(1, _ATTEMPTS + 1):
            writer = self.writer.under(self._permit(fate, stops=stops, again=sent))
            try:
                send(writer)
            except _AtRest:
                return sent
            except NotFound:
                raise _gone(again=sent, stops=stops) from None
            except ResponseLost:
                # Both may be repeated; the look before the next attempt sees what this one did.
                sent = True
                if attempt == _ATTEMPTS:
                    raise
            except RequestRefused:
                # Baseten has seen what we have not yet, perhaps: then that is the reason.
                with suppress(_AtRest):
                    self._raise_unless_it_goes(fate, stops=stops, again=sent)
                raise
            else:
                break
        return True

    def _permit(self, fate: Fate, *, stops: bool, again: bool) -> Permit:
        def permit(seconds: float) -> None:
            self._raise_unless_it_goes(fate, stops=stops, again=again)
            self.lease.permit(seconds)

        return permit

    def _raise_unless_it_goes(self, planned: Fate, *, stops: bool, again: bool) -> None:
        """Judge anew, by what is there now. ``again``: a request of ours may have done it."""
        there = self._look()
        now = _by_id(self.judge(there)).get(planned.deployment.id) if there is not None else None
        if now is None:
            raise _gone(again=again, stops=stops)
        if stops and (_at_rest(now.deployment) or now.deployment.status.upper() == _STOPPING):
            raise _AtRest
        if now.action != planned.action:
            raise _Settled("spared", now.reason, _NEEDED)
        if not stops and not _at_rest(now.deployment):
            raise _Settled("spared", "somebody started it meanwhile", _NEEDED)

    def _look(self) -> LiveModel | None:
        """The model as it is now; None where it is gone. Who serves is read last."""
        try:
            deployments = self.reader.deployments(self.model_id)
        except NotFound:
            return None
        there = self.reader.model(self.key)
        if there is None or there.id != self.model_id:
            return None
        return replace(there, deployments=deployments)


def _gone(*, again: bool, stops: bool) -> _Settled:
    """What somebody deleted before us; or we, by a request whose answer was lost."""
    return _Settled("deleted" if again and not stops else "gone")


def _at_rest(deployment: Deployment) -> bool:
    return health_of(deployment.status) in AT_REST


def _by_id(fates: Sequence[Fate]) -> Mapping[str, Fate]:
    return {fate.deployment.id: fate for fate in fates}


def _users(there: LiveModel, deployment_id: str) -> tuple[str, ...]:
    """The environments that a deployment serves, or is or was on its way to."""
    return tuple(
        each.name
        for each in there.environments
        if deployment_id in {it.id for it in (each.current, each.candidate) if it is not None}
        or any(
            it.id == deployment_id and (it.environment or "").lower() == each.name.lower()
            for it in there.deployments or ()
        )
    )
