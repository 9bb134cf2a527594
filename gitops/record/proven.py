"""What the deploy logs show of the versions that one environment could go back to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops.record.entry import Event, Side
from gitops.record.history import CANDIDATE, EnvironmentHistory, ModelHistory
from gitops.record.holds import Hold
from gitops.record.timeline import ModelLog
from gitops.state.recognise import same_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What an environment was asked to serve: files by their digest, or a deployment by name or id.

    Exactly one of them is set.
    """

    digest: str | None = None
    deployment: str | None = None

    def is_side(self, side: Side) -> bool:
        """Whether a side of an entry is this version, or a promotion's copy of it."""
        if self.digest is not None:
            return side.digest == self.digest
        if self.deployment is None:
            return False
        return side.deployment_id == self.deployment or (
            side.deployment_name is not None and same_name(side.deployment_name, self.deployment)
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """One environment by every log that has entries of it. Nothing is known where none has any."""

    histories: tuple[EnvironmentHistory, ...] = ()

    @classmethod
    def of(cls, logs: Iterable[ModelLog], environment: str, host: str) -> Proven:
        """Read a model's logs. Those of other hosts count only where ``host`` has none."""
        own = [each for log in logs if (each := log.only(environment)).entries]
        here = [each for each in own if each.workspace.rpartition("@")[2] == host]
        histories = (ModelHistory.of(each.entries) for each in here or own)
        return cls(tuple(each.environment(environment) for each in histories))

    def hold(self, version: Version) -> Hold | None:
        """The newest hold on a version that no entry has ended."""
        holds = [
            hold for each in self.histories for hold in each.holds if version.is_side(hold.side)
        ]
        return max(holds, key=lambda hold: hold.entry.at, default=None)

    def against(self, version: Version) -> str | None:
        """What speaks against going back to a version, to be said after its name; None: nothing."""
        if not self.histories:
            return None
        hold = self.hold(version)
        if hold is not None:
            return why_held(hold)
        if any(_has_served(each, version) for each in self.histories):
            return None
        if any(_was_unverified(each, version) for each in self.histories):
            return "never passed its checks there"
        return "never served there"


def built_from(logs: Iterable[ModelLog]) -> Mapping[str, str]:
    """By digest the commit that its deployments are labelled with, as the newest entries say."""
    return {
        side.digest: side.commit
        for log in logs
        for entry in log.entries
        for side in (entry.from_, entry.to)
        if side is not None and side.digest is not None and side.commit is not None
    }


def why_held(hold: Hold) -> str:
    """Why a version is held, to be said after its name."""
    entry = hold.entry
    when = f"{entry.at:%Y-%m-%d %H:%M} UTC"
    name = entry.by.partition(" <")[0]
    by = f" by {name}" if name else ""
    match entry.event:
        case Event.REJECTED:
            return f"failed its checks there at {when}"
        case Event.HELD if entry.figures.get(CANDIDATE) is not True:
            return f"was rolled back there{by} at {when}"
        case Event.HELD:
            return f"was ended there at {when}"
        case _:
            return f"was rolled back there at {when}"


def _has_served(history: EnvironmentHistory, version: Version) -> bool:
    """Whether it was released, adopted, or what a release that went bad went back to."""
    if any(version.is_side(span.side) for span in history.served):
        return True
    return any(
        each.event is Event.ROLLED_BACK and each.from_ is not None and version.is_side(each.from_)
        for each in history.entries
    ) and not _was_unverified(history, version)


def _was_unverified(history: EnvironmentHistory, version: Version) -> bool:
    return any(
        each.event is Event.UNVERIFIED and each.to is not None and version.is_side(each.to)
        for each in history.entries
    )
