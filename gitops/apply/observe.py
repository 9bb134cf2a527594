"""One model as the executor knows it: read, read again, and decided about."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from gitops.apply.looks import Looks
from gitops.decide import decide
from gitops.decide.changing import unexplained_since
from gitops.decide.decision import Decision, Needs
from gitops.decide.facts import Fact
from gitops.decide.situation import Asked, Evidence, Situation
from gitops.errors import GitopsError, RequestRefused
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.health import Health, health_of
from gitops.state.live import AuditEntry, Deployment, LiveEnvironment, LiveModel
from gitops.state.settings import Settings

if TYPE_CHECKING:
    from gitops.apply.run import Run

T = TypeVar("T")

_ROUNDS: Final = len(Fact) + 1
_CLOCKS_DIFFER: Final = timedelta(minutes=10)


class ModelView:
    """Live state and history of one model, refreshed before each decision; used by one thread.

    Deployments that this run made are remembered, so that a list which does not have them yet
    never makes us push them again. What failed to start is remembered for the whole model: the
    environments that follow want the same deployment, and it is retried once in an apply.
    """

    def __init__(self, run: Run, desired: DesiredModel) -> None:
        self.run = run
        self.desired = desired
        self.live: LiveModel | None = None
        self.history = ModelHistory.of(())
        self.decided: dict[str, Decision] = {}
        self.ended_badly: set[str] = set()
        """Environments that ended in this run with something to say."""
        self.made: dict[str, Deployment] = {}
        self.failed_to_start: dict[str, str] = {}
        self.refused_pushes: dict[str, RequestRefused] = {}
        self.retried: frozenset[str] = frozenset()
        self.looked = False
        """Whether Baseten was read: only then no ``live`` means that the model is not there."""
        self.looks = Looks(run.ports.clock)
        """When ``live`` was read, and what is not answered yet."""
        self._elsewhere: str | None = None
        self._deployments: tuple[Deployment, ...] | None = None
        self._audit: tuple[AuditEntry, ...] | None = None
        self._audit_unreadable = False
        self._asked: dict[str, tuple[Asked, ...]] = {}
        self._history_known = True

    @property
    def audit_seen(self) -> tuple[AuditEntry, ...]:
        """The audit entries that decisions asked for so far."""
        return self._audit or ()

    @property
    def elsewhere(self) -> str | None:
        """The name that the log's model has now, where it is not the one that Git writes."""
        return self._elsewhere

    @property
    def model_id(self) -> str:
        """Baseten's id of the model. Only to be asked for once the model is there."""
        assert self.live is not None
        return self.live.id

    def _found_elsewhere(self) -> str | None:
        """The name that the log's model has now, where it is not the one that Git writes."""
        logged = self.history.model_id
        if self.desired.paused or logged is None:
            return None
        if self.live is not None and self.live.id == logged:
            return None
        name = self.run.ports.reader.model_name(logged)
        return name if name != self.desired.key.name else None

    def _named_before(self) -> str | None:
        """What the release file named before, where the model it names has no log of its own."""
        if self.desired.paused or self.history.entries or not self._history_known:
            return None
        return self.run.facts.formerly(self.desired)

    def environment(self, name: str) -> LiveEnvironment | None:
        """An environment as last read."""
        return self.live.environment(name) if self.live else None

    def refresh(self) -> None:
        """Read the model and its environments anew; forget what depends on when it was read."""
        paused = self.desired.paused
        with self.looks.asking():
            live = None if paused else self.run.ports.reader.model(self.desired.key)
        self.take(live)

    def take(
        self, live: LiveModel | None, *, history_known: bool = True, clone_counts: bool = False
    ) -> None:
        """Start from a look that was made at many models at once, instead of a look of our own.

        ``history_known`` False: the deploy log could not be read, and decisions have to say so;
        with ``clone_counts``, only where this clone has no entries of the model either.
        """
        self.live = live
        self.looked = True
        self.looks.saw()
        self._deployments = self._audit = None
        self.read_log()
        self._history_known = history_known or (clone_counts and bool(self.history.entries))
        self._elsewhere = self._found_elsewhere()

    def read_log(self) -> None:
        """Take the log's entries as they are now, without a fetch."""
        self.history = ModelHistory.of(self.run.ports.log.entries(self.desired.key))

    def reread(self, name: str) -> LiveEnvironment | None:
        """One environment, read anew and remembered."""
        with self.looks.asking():
            found = self.run.ports.reader.environment(self.model_id, name)
        self.looks.saw()
        if self.live is not None:
            others = tuple(
                each for each in self.live.environments if each.name.lower() != name.lower()
            )
            self.live = replace(
                self.live, environments=(*others, found) if found is not None else others
            )
        return found

    def look_again(self, name: str) -> None:
        """Read an environment that nobody has looked at for a while, if Baseten answers at once.

        Who asked us to stop does not wait for it.
        """
        run, looks = self.run, self.looks
        if self.live is None or run.stop.is_set or looks.is_unanswered or not looks.is_old:
            return
        # What is known already is told with its time then.
        with suppress(GitopsError), run.outage.at_once() if run.outage else nullcontext():
            self.reread(name)

    def learn_failed(self, deployment_id: str, reason: str | None) -> None:
        """Remember that a deployment failed to start, or (None) that it is tried again."""
        self.failed_to_start.pop(deployment_id, None)
        if reason is not None:
            self.failed_to_start[deployment_id] = reason

    def learn_retried(self, deployment_id: str) -> None:
        """Remember that a deployment had its one retry."""
        self.retried |= {deployment_id}

    def remember(self, deployment: Deployment) -> None:
        """Keep a deployment that this run made until Baseten's own list has it."""
        self.made[deployment.id] = deployment
        self._deployments = None

    def forget(self, deployment_id: str) -> None:
        """A deployment that is gone for good."""
        self.made.pop(deployment_id, None)
        self._deployments = None

    def deployments(self) -> tuple[Deployment, ...]:
        """All deployments of the model, those included that its list does not show yet."""
        if self._deployments is None:
            listed = self.run.ports.reader.deployments(self.live.id) if self.live else ()
            shown = {each.id for each in listed}
            for seen in shown & self.made.keys():
                del self.made[seen]
            self._deployments = (*listed, *self.made.values())
        return self._deployments

    def audit(self) -> tuple[AuditEntry, ...]:
        """The model's audit entries since its log needs them; empty where they cannot be read."""
        if self._audit is None:
            found: tuple[AuditEntry, ...] | None = ()
            if self.live is not None:
                reader = self.run.ports.reader
                found = reader.audit(self.live.id, since=self._since())
            self._audit_unreadable = found is None
            self._audit = found or ()
        return self._audit

    def decide(self, environment: DesiredEnvironment, evidence: Evidence) -> Decision:
        """The next steps of an environment, with only the facts read that the decision needs."""
        return self.ask(environment, evidence, decide)

    def ask(
        self,
        environment: DesiredEnvironment,
        evidence: Evidence,
        question: Callable[[Situation], T | Needs],
    ) -> T:
        """What a pure function says of an environment's situation, with the facts it needs."""
        known: set[Fact] = set()
        for _ in range(_ROUNDS):
            answer = question(self._situation(environment, evidence, known))
            if not isinstance(answer, Needs):
                return answer
            known |= answer.facts
        raise AssertionError("a decision asked again for facts that it was given")

    def _situation(
        self, environment: DesiredEnvironment, evidence: Evidence, known: set[Fact]
    ) -> Situation:
        live = self.live
        if live is not None and Fact.DEPLOYMENTS in known:
            live = replace(live, deployments=self.deployments())
        audit = self.audit() if Fact.AUDIT in known else None
        run, history = self.run, self.history
        tag = f"{self.desired.key}/{environment.name}"
        team = live.team if live is not None and live.team else self.desired.key.team
        team = team or run.default_team
        # A team that lists no secret has none.
        listed = run.secrets
        secrets = listed.get(team, frozenset()) if listed is not None and team else None
        return Situation(
            model=self.desired,
            environment=environment,
            applied_commit=run.commit,
            now=run.ports.clock.now(),
            live=live,
            history=history if self._history_known else None,
            audit=audit,
            audit_unreadable=Fact.AUDIT in known and self._audit_unreadable,
            asked=self._asked_of(environment) if Fact.ASKED in known else None,
            superseded=run.facts.superseded(self.desired, environment, history),
            elsewhere=self._elsewhere,
            formerly=self._named_before(),
            decided=dict(self.decided),
            secrets=secrets,
            instance_types=run.instance_types,
            options=run.options_for(tag),
            evidence=replace(
                evidence, failed_to_start=dict(self.failed_to_start), retried=self.retried
            ),
        )

    def _asked_of(self, environment: DesiredEnvironment) -> tuple[Asked, ...]:
        last = self.history.environment(environment.name).last
        key = f"{environment.name} {last.id if last else ''}"
        if key not in self._asked:
            self._asked[key] = self.run.facts.asked(self.desired, environment, self.history)
        return self._asked[key]

    def _since(self) -> datetime | None:
        """The oldest moment that any environment's last entries leave unexplained.

        None where all of it counts: who stopped what serves may have done so long before them.
        """
        environments = self.live.environments if self.live is not None else ()
        if any(
            each.current is not None and health_of(each.current.status) is Health.INACTIVE
            for each in environments
        ):
            return None
        moments: list[datetime] = []
        for environment in self.desired.environments:
            history = self.history.environment(environment.name)
            live = self.environment(environment.name)
            unexplained = unexplained_since(history, live.settings if live else Settings())
            if unexplained is None:
                return None
            moments.append(unexplained)
            if history.open_intent is not None:
                moments.append(history.open_intent.entry.at)
        return min(moments) - _CLOCKS_DIFFER if moments else None
