"""What a run learns about one environment while it works: the evidence of its next decision."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gitops.decide.situation import Evidence
from gitops.verify.verdict import Verdict


@dataclass(slots=True)
class Learning:
    """Evidence that grows. Used by one thread."""

    evidence: Evidence = field(default_factory=Evidence)

    def check(self, deployment_id: str, verdict: Verdict) -> None:
        """Remember what the checks said of a deployment."""
        known = {**self.evidence.checks, deployment_id: verdict}
        self.evidence = replace(self.evidence, checks=known)

    def watch(self, deployment_id: str, verdict: Verdict) -> None:
        """Remember what the watch said of a deployment."""
        known = {**self.evidence.watch, deployment_id: verdict}
        self.evidence = replace(self.evidence, watch=known)

    def intent(self, intent: str) -> None:
        """Remember an intent that this run wrote."""
        self.evidence = replace(self.evidence, intents=self.evidence.intents | {intent})

    def looked(self, intent: str) -> None:
        """Remember that the promotion of an intent was looked for long enough."""
        self.evidence = replace(self.evidence, looked=self.evidence.looked | {intent})

    def seen(self, intent: str) -> None:
        """Remember that the promotion of an intent was seen while it ran."""
        self.evidence = replace(self.evidence, seen=self.evidence.seen | {intent})

    def cancelled(self, intent: str) -> None:
        """Remember that this run ended the promotion of an intent itself."""
        self.evidence = replace(self.evidence, cancelled=self.evidence.cancelled | {intent})

    def traffic(self, deployment_id: str) -> None:
        """Remember that a candidate was seen with traffic."""
        self.evidence = replace(self.evidence, traffic=self.evidence.traffic | {deployment_id})

    def followed(self, deployment_id: str) -> None:
        """Remember that a promotion was followed which a person had started."""
        self.evidence = replace(self.evidence, followed=self.evidence.followed | {deployment_id})

    def promoted(self, deployment_id: str) -> None:
        """Remember what Baseten said will serve when this run requested a promotion."""
        known = self.evidence.promoted | {deployment_id}
        self.evidence = replace(self.evidence, promoted=known)

    def as_bad(self, deployment_id: str) -> None:
        """Remember that the deployment before broke the same bounds just as badly."""
        known = self.evidence.previous_as_bad | {deployment_id}
        self.evidence = replace(self.evidence, previous_as_bad=known)

    def recorded(self, entry: str) -> None:
        """Remember an entry of the deploy log that this run wrote."""
        self.evidence = replace(self.evidence, recorded=self.evidence.recorded | {entry})
