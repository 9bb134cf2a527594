"""A situation, read the way the rows of the table ask about it.

Nothing is looked up twice and nothing is looked up before a row asks: a question about a fact that
was not read yet raises ``Unread``, which ``decide`` turns into ``Needs``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from gitops.decide import audit as audit_log
from gitops.decide.changing import attributed, under_hold
from gitops.decide.facts import Fact, Unread
from gitops.decide.sides import is_side, side_of
from gitops.decide.situation import Asked, Evidence, Options, Situation
from gitops.decide.wanted import Wanted
from gitops.record.entry import Entry, Side
from gitops.record.history import EnvironmentHistory, ModelHistory, OpenIntent, same_artifact
from gitops.record.holds import Hold
from gitops.state.desired import DesiredEnvironment
from gitops.state.differences import Origins, changed_by, differences, flatten, with_changes
from gitops.state.health import Health
from gitops.state.json import Json
from gitops.state.live import AuditEntry, Deployment, LiveEnvironment, Promotion
from gitops.state.recognise import Recognised, is_copy, recognise
from gitops.state.settings import Change, Settings

_OVER: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})
_EMPTY: Final = ModelHistory.of(())


@dataclass(frozen=True)
class View:
    """One environment's situation. ``log`` and ``cancelled`` let a row ask "and what then?"."""

    situation: Situation
    log: EnvironmentHistory
    cancelled: bool = False

    @classmethod
    def of(cls, situation: Situation) -> View:
        """The view of a situation as it is."""
        history = situation.history or _EMPTY
        return cls(situation=situation, log=history.environment(situation.environment.name))

    @property
    def environment(self) -> DesiredEnvironment:
        """The environment as Git wants it."""
        return self.situation.environment

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.situation.environment.name

    @property
    def evidence(self) -> Evidence:
        """What this run has learned so far."""
        return self.situation.evidence

    @property
    def options(self) -> Options:
        """What the person who runs this asked for."""
        return self.situation.options

    @property
    def history(self) -> ModelHistory:
        """What the deploy log says of all of the model's environments; nothing where unread."""
        return self.situation.history or _EMPTY

    @property
    def log_known(self) -> bool:
        """Whether the deploy log could be read."""
        return self.situation.history is not None

    # Live state

    @cached_property
    def live(self) -> LiveEnvironment | None:
        """The environment on Baseten; None where it, or its model, is not there."""
        model = self.situation.live
        return model.environment(self.name) if model is not None else None

    @cached_property
    def current(self) -> Recognised | None:
        """What serves."""
        found = self.live.current if self.live is not None else None
        return self._recognise(found) if found is not None else None

    @cached_property
    def candidate(self) -> Recognised | None:
        """What is on its way to serve; never what serves already."""
        found = self.live.candidate if self.live is not None and not self.cancelled else None
        if found is None or (self.current and self.current.deployment.id == found.id):
            return None
        return self._recognise(found)

    @property
    def promotion(self) -> Promotion | None:
        """The promotion that still moves; None where there is none, or it is over."""
        return None if self.promotion_status in _OVER else self._promotion

    @property
    def promotion_status(self) -> str | None:
        """Baseten's word for the state of the promotion, also where it is over."""
        return self._promotion.status.upper() if self._promotion is not None else None

    @property
    def candidate_is_over(self) -> bool:
        """Whether the candidate's promotion has failed: Baseten may leave the candidate there."""
        if self.promotion_status is None:
            return self.candidate is not None and self.candidate.health is Health.FAILED
        return self.promotion_status in {"FAILED", "CANCELED"}

    @property
    def _promotion(self) -> Promotion | None:
        return self.live.promotion if self.live is not None and not self.cancelled else None

    @cached_property
    def deployments(self) -> tuple[Deployment, ...]:
        """All deployments of the model; asks for them where they were not read."""
        if self.situation.live is None:
            return ()
        if self.situation.live.deployments is None:
            raise Unread(Fact.DEPLOYMENTS)
        return self.situation.live.deployments

    @cached_property
    def recognised(self) -> tuple[Recognised, ...]:
        """All deployments of the model, each with its artifact."""
        return tuple(self._recognise(each) for each in self.deployments)

    def _recognise(self, deployment: Deployment) -> Recognised:
        live = self.situation.live
        siblings = live.deployments if live is not None else ()
        found = recognise(deployment, logged=self.history.known, siblings=siblings or ())
        if found.conflict is not None and siblings is None:
            # The source of a copy may vouch for it.
            raise Unread(Fact.DEPLOYMENTS)
        return found

    # What Git wants

    @cached_property
    def wanted(self) -> Wanted:
        """What is to serve."""
        return Wanted.of(self.environment, self.situation.live, self.history)

    @cached_property
    def serves(self) -> bool:
        """Whether what is wanted serves."""
        return self.wanted.is_served_by(self.current)

    @cached_property
    def built_from(self) -> str | None:
        """The commit by which people know what is wanted; None: somebody else pushed it.

        That is the one its deployment is labelled with, as far as that was seen or is in the log;
        else the one that is pinned.
        """
        artifact = self.environment.artifact
        if artifact is None:
            return None
        there = (each for each in (self.current, self.candidate) if self.wanted.is_served_by(each))
        found = next((each.commit for each in there if each is not None), None)
        return found or self._logged_commit(artifact.digest) or artifact.commit

    def _logged_commit(self, digest: str) -> str | None:
        entries = reversed(self.history.entries)
        sides = (side for each in entries for side in (each.to, each.from_))
        return next((it.commit for it in sides if it and it.digest == digest and it.commit), None)

    @property
    def health(self) -> Health | None:
        """The health of what serves."""
        return self.current.health if self.current is not None else None

    @property
    def serving_side(self) -> Side | None:
        """What serves, as one side of a log entry."""
        return side_of(self.current) if self.current is not None else None

    # What the log says

    @property
    def intent(self) -> OpenIntent | None:
        """The open intent."""
        return self.log.open_intent

    @property
    def intent_serves(self) -> bool:
        """Whether the open intent's artifact serves."""
        return self.intent is not None and is_side(self.current, self.intent.artifact)

    @cached_property
    def succeeded_here(self) -> bool:
        """Whether what is wanted has served here successfully before.

        A deployment that Git names may hold the files of one that served under another name.
        """
        here = self.serving_side if self.serves else None
        return any(
            self.wanted.is_side(span.side) or (here is not None and same_artifact(here, span.side))
            for span in self.log.served
        )

    @cached_property
    def hold(self) -> Hold | None:
        """The hold on what is wanted, unless Git has asked for something else since."""
        held = next((it for it in self.log.holds if self.wanted.is_side(it.side)), None)
        return held if held is not None and not self.broken_since(held.entry) else None

    @cached_property
    def unverified(self) -> Entry | None:
        """The entry that says what is wanted could not be verified, while Git still asks for it."""
        entry = self.log.unverified
        if entry is None or not self.wanted.is_side(entry.to) or self.broken_since(entry):
            return None
        return entry

    def asked_after(self, entry: Entry) -> tuple[Asked, ...]:
        """What Git asked for from an entry's commit on, oldest first."""
        if entry.applied_commit == self.situation.applied_commit:
            return ()
        asked = self.situation.asked
        if asked is None:
            raise Unread(Fact.ASKED)
        places = [place for place, each in enumerate(asked) if each.commit == entry.applied_commit]
        if places:
            return asked[places[0] :]
        # The oldest mark is where the walk began; any other commit that it lacks says nothing.
        return asked if entry.applied_commit == self.log.asked_since else ()

    def broken_since(self, entry: Entry) -> bool:
        """Whether Git asked for another artifact at some commit since an entry was written."""
        asked = self.asked_after(entry)
        if self.wanted.digest is None:
            # Somebody else's deployment has no digest: only an artifact of ours was a change.
            return any(each.digest not in {None, self.wanted.reference} for each in asked)
        return any(each.digest != self.wanted.digest for each in asked)

    # Who did what

    @cached_property
    def audit(self) -> tuple[AuditEntry, ...] | None:
        """The audit entries of the model; None where this key may not read them."""
        if self.situation.audit_unreadable:
            return None
        if self.situation.audit is None:
            raise Unread(Fact.AUDIT)
        return self.situation.audit

    @cached_property
    def audit_here(self) -> tuple[AuditEntry, ...]:
        """The audit entries of this environment; none where they cannot be read."""
        return audit_log.here(self.audit or (), self.name)

    def promoted_by_us(self, side: Side) -> bool:
        """Whether the audit log says that we promoted this here last; False where it is silent."""
        entry = audit_log.promotion_of(self.audit_here, side)
        return entry is not None and self._is_own(entry)

    def _is_own(self, promotion: AuditEntry) -> bool:
        announced = self.intent.entry.at if self.intent is not None else None
        return audit_log.is_own(promotion, announced)

    def is_ours(self, found: Recognised) -> bool:
        """Whether we started the promotion of what serves or is on its way.

        Where the audit log cannot be read: whether the open intent names that very deployment.
        """
        if self.audit is not None:
            last = audit_log.promotion_of(self.audit_here, side_of(found))
            # The audit log may trail behind what this run was just told.
            if last is None:
                return found.deployment.id in self.evidence.promoted
            return self._is_own(last)
        named = self.intent.artifact if self.intent and not self.intent.condemned else None
        if named is None:
            return False
        name = named.deployment_name
        return found.deployment.id == named.deployment_id or (
            name is not None and is_copy(found.deployment.name, name)
        )

    # Settings

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The settings that have to change, and who changed them before."""
        return attributed(self.differing, self.who_changed)

    @cached_property
    def differing(self) -> tuple[Change, ...]:
        """The settings that have to change, under a hold those that the hold leaves to change.

        Of an environment that is not there yet: all that the file names. What this run asked for
        itself and does not read back is its own release, no drift.
        """
        live = self.live.settings if self.live is not None else Settings()
        wanted, now = self.environment.settings, self.situation.now
        instead: dict[str, Json] = {}
        if self.hold is not None:
            asked = [each.settings for each in self.asked_after(self.hold.entry)]
            instead = under_hold(self.hold, flatten(wanted, now=now), asked)
        origins = Origins(asked=self.log.asked_before(self.evidence.recorded))
        return differences(wanted, live, now=now, origins=origins, instead=instead)

    def who_changed(self, change: Change) -> AuditEntry | None:
        """The newest audit entry, whoever's, that says it made a setting what Baseten has.

        It is looked for from the moment on at which the deploy log saw another value there.
        """
        entries = self._audit_of_settings
        otherwise = self.log.otherwise_at(change.path, change.before)
        if otherwise is not None:
            entries = audit_log.since(entries, otherwise)
        return changed_by(change.path, entries)

    @cached_property
    def _audit_of_settings(self) -> tuple[AuditEntry, ...]:
        """The audit entries that may be about settings of this environment."""
        serving = self.current.deployment.id if self.current is not None else None
        own = {entry.id for entry in self.audit_here}
        return tuple(
            entry
            for entry in self.audit or ()
            if entry.id in own or (entry.environment is None and entry.deployment_id == serving)
        )

    # And what then?

    def after_cancel(self) -> View:
        """The situation once the promotion that runs was cancelled."""
        return replace(self, cancelled=True)

    def with_settings(self, changes: Iterable[Change]) -> View:
        """The situation once settings of the environment were changed."""
        model, here = self.situation.live, self.live
        if model is None or here is None or not changes:
            return self
        then = replace(here, settings=with_changes(here.settings, changes))
        environments = tuple(then if each is here else each for each in model.environments)
        live = replace(model, environments=environments)
        return replace(self, situation=replace(self.situation, live=live))

    def with_log(self, log: EnvironmentHistory) -> View:
        """The situation once the log says something else."""
        return replace(self, log=log)
