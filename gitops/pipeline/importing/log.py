"""What an import writes into the deploy log: that what serves counts as released."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from gitops.pipeline.importing.check import Checked
from gitops.pipeline.importing.model import Candidate
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import EnvironmentHistory
from gitops.state.desired import DesiredEnvironment
from gitops.state.differences import asked_for
from gitops.state.recognise import Recognised

if TYPE_CHECKING:
    from gitops.wiring import Outside

_REASON: Final = "imported: it served before a release file named it"


def adoption(
    one: Checked,
    environment: DesiredEnvironment,
    candidate: Candidate,
    found: Recognised,
    *,
    outside: Outside,
    commit: str,
    run: str,
    at: datetime,
) -> Entry | None:
    """The entry that names what serves an environment; None where the log says so already.

    It is also what tells a later run which artifact a deployment without labels holds. ``commit``
    is the applied one, ``run`` the id of this run.
    """
    pin = one.draft.environments[environment.name].pin
    serves = Side(
        deployment_id=pin.deployment_id,
        deployment_name=pin.deployment_name,
        digest=pin.digest or found.digest,
        commit=pin.commit.id if pin.commit is not None else found.commit,
    )
    history = candidate.history.environment(environment.name)
    if _says(history, serves):
        return None
    return Entry(
        at=at,
        event=Event.ADOPTED,
        environment=environment.name,
        from_=history.last_served,
        to=serves,
        model_id=candidate.listed.model.id,
        model=str(one.model.key),
        release_file=one.draft.path,
        applied_commit=commit,
        branch=outside.branch,
        by=outside.by,
        where=outside.where,
        run=run,
        settings_after=asked_for(environment.settings, at),
        reason=_REASON,
    )


def _says(history: EnvironmentHistory, serves: Side) -> bool:
    """Whether the log knows this as what served here last, with success."""
    last = history.served[-1] if history.served else None
    return last is not None and last.end is None and last.side == history.last_served == serves
