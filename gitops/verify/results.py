"""What came of running checks against one deployment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gitops.state.json import JsonObject
from gitops.state.kept import KeptFailure
from gitops.state.live import Deployment
from gitops.verify.check import together
from gitops.verify.verdict import Outcome, Verdict


class Woken(Enum):
    """Whether a deployment can be asked."""

    READY = "ready"
    NOT_READY = "not ready"
    """It is gone, stopped or failed."""
    LATE = "late"
    """It was told to wake and did not in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one check said, with the requests that did not go as expected as JSON objects."""

    name: str
    verdict: Verdict
    pairs: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All checks that were run, in their order. ``stopped``: it could not be asked any more."""

    ran: tuple[Ran, ...] = ()
    stopped: Woken | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict on the deployment."""
        return together([(each.name, each.verdict) for each in self.ran])

    @property
    def pairs(self) -> tuple[JsonObject, ...]:
        """Every pair that was kept."""
        return tuple(pair for each in self.ran for pair in each.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How the checks of one environment went. ``deployment`` None: no checks are asked for.

    ``commit`` is the one whose release file was read. ``serves``: the deployment is what serves the
    environment. ``kept`` is where what went wrong was kept.
    """

    model: str
    environment: str
    commit: str
    deployment: Deployment | None = None
    serves: bool = False
    results: Results = Results()
    kept: KeptFailure | None = None

    @property
    def exit_code(self) -> int:
        """0: all passed. 5: one failed or could not tell. 7: it did not wake in time. 4: gone."""
        match self.results.stopped:
            case Woken.LATE:
                return 7
            case Woken.NOT_READY:
                return 4
            case _:
                return 0 if self.results.verdict.outcome is Outcome.PASS else 5
