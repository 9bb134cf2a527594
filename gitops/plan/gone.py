"""What Git names no more: environments and models that go on as they were, seen by nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gitops.plan.actions import short
from gitops.record.entry import Entry, Side
from gitops.record.history import ModelHistory
from gitops.state.desired import Desired, DesiredModel
from gitops.state.live import LiveModel
from gitops.state.names import ModelKey
from gitops.wording import listed


def gone_environments(
    model: DesiredModel, history: ModelHistory, live: LiveModel | None
) -> tuple[str, ...]:
    """A notice for each environment that was released to, has no entry any more, and still serves.

    What serves is named by its commit where the deploy log knows it.
    """
    named = {each.name.lower() for each in model.environments}
    released = dict.fromkeys(each.environment.lower() for each in history.entries)
    return tuple(
        notice
        for name in released
        if name not in named and (notice := _still(model, history, live, name)) is not None
    )


def _still(
    model: DesiredModel, history: ModelHistory, live: LiveModel | None, name: str
) -> str | None:
    look = live.environment(name) if live is not None else None
    if look is None or look.current is None:
        return None
    current, known = look.current, history.known.get(look.current.id)
    commit = known.commit if known is not None else None
    what = f"commit {short(commit)}" if commit else f"deployment {current.id}"
    bills = " and bills" if current.active_replicas else ""
    return (
        f"{name} is no longer managed, for {model.release_file} has no entry of it: {what} goes on "
        f"to serve there{bills}; deactivate it on Baseten, or bring the entry back"
    )


def gone_models(
    logs: Mapping[ModelKey, Sequence[Entry]],
    desired: Desired,
    there: Collection[str] | None,
) -> tuple[str, ...]:
    """A notice for each model that was released and that no release file names any more.

    ``logs`` are those of models that no release file names; ``there`` are the ids of the models
    that Baseten has (None: not known): one that was deleted is nobody's concern. A file that names
    another model now is told where that model is decided about.
    """
    files = {model.release_file for model in desired.models}
    return tuple(
        notice
        for key, entries in logs.items()
        if (notice := _gone(key, ModelHistory.of(entries), there, files)) is not None
    )


def _gone(
    key: ModelKey, history: ModelHistory, there: Collection[str] | None, files: Collection[str]
) -> str | None:
    if there is not None and history.model_id not in there:
        return None
    if history.release_files and history.release_files[-1] in files:
        return None
    served = [
        f"{_what(side)} in {environment}"
        for environment in dict.fromkeys(each.environment.lower() for each in history.entries)
        if (side := history.environment(environment).last_served) is not None
    ]
    if not served:
        return None
    file = history.release_files[-1] if history.release_files else "its release file"
    return (
        f"{key} is no longer managed, for {file} is gone: {listed(served)} may go on to serve and "
        "bill; deactivate what nobody needs on Baseten, or bring the file back"
    )


def _what(side: Side) -> str:
    return f"commit {short(side.commit)}" if side.commit else f"deployment {side.deployment_id}"
