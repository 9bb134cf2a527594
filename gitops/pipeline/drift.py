"""Drift: what was changed on Baseten outside of Git, found in one look at a fleet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from gitops._version import __version__
from gitops.apply.observe import ModelView
from gitops.apply.run import Run
from gitops.decide import Evidence, in_order
from gitops.errors import BasetenError
from gitops.interruptible import mapped
from gitops.pipeline.plan import SIDE_BY_SIDE, PlanRequest, Session, opened
from gitops.pipeline.project import Project
from gitops.pipeline.selection import Selection, select
from gitops.plan.drift import (
    Drifted,
    EnvironmentDrift,
    environment_drift,
    model_drift,
    with_apply,
)
from gitops.plan.drift_document import Drift, ModelDrift, summarise
from gitops.state.desired import Desired, DesiredModel
from gitops.state.live import Live
from gitops.state.names import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDrift:
    """Drift with the desired state that it was held against. ``warnings`` are for stderr."""

    drift: Drift
    desired: Desired
    warnings: tuple[str, ...] = ()


def drift(project: Project, selection: Selection) -> FoundDrift:
    """What was changed outside of Git, by whom and when. Reads only.

    Raises ``InvalidRelease`` before anything is sent, ``UsageError``, ``RepositoryError``, and
    ``BasetenError`` where the workspace cannot be read at all; a model that cannot is said to be so
    and hides no other.
    """
    with opened(project, PlanRequest(selection=selection)) as session:
        desired = select(session.whole, session.selection)
        keys = [model.key for model in desired.models if not model.paused]
        live = session.outside.ports.reader.live(keys)
        run = session.run(desired, live)
        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool, run.stop.set_by_ctrl_c():
            models = tuple(mapped(pool, partial(_model, session, run, live), desired.models))
        found = Drift(
            gitops_version=__version__,
            commit=desired.commit,
            dirty=desired.dirty,
            api_url=live.workspace.api_url,
            workspace=live.workspace.name,
            now=run.ports.clock.now(),
            history_known=session.history_known,
            summary=summarise(models),
            models=models,
        )
        return FoundDrift(
            drift=found, desired=desired, warnings=tuple(dict.fromkeys(session.warnings))
        )


def _model(session: Session, run: Run, live: Live, model: DesiredModel) -> ModelDrift:
    view = ModelView(run, model)
    moved: Drifted | None = None
    environments: tuple[EnvironmentDrift, ...] = ()
    failed: str | None = None
    try:
        view.take(live.models.get(str(model.key)), history_known=session.history_known)
        moved = _moved(view) if session.history_known and not model.paused else None
        if moved is None or moved.kind == "model_renamed":
            environments = _environments(session, view)
    except BasetenError as error:
        failed = str(error)
    return ModelDrift(
        model=model.key.name,
        team=model.key.team,
        model_id=view.live.id if view.live is not None else None,
        release_file=model.release_file,
        drift=moved,
        environments=environments,
        failed=failed,
    )


def _environments(session: Session, view: ModelView) -> tuple[EnvironmentDrift, ...]:
    """The drift of each, and of settings what the next apply of the whole model would do."""
    ordered = in_order(view.desired.environments)
    found = tuple(
        view.ask(each, Evidence(), environment_drift)
        for each in ordered
        if session.selection.takes(each.name)
    )
    if not any(item.kind == "setting" for each in found for item in each.drift):
        return found
    for each in ordered:
        view.decided[each.name] = view.decide(each, Evidence())
    return tuple(with_apply(each, view.decided[each.environment]) for each in found)


def _moved(view: ModelView) -> Drifted | None:
    """What became of the model; one that has another name now is looked at under that."""
    model, reader = view.desired, view.run.ports.reader
    logged, elsewhere = view.history.model_id, view.elsewhere
    audit = None
    if elsewhere is not None and logged is not None:
        audit = reader.audit(logged)
        view.live = reader.model(ModelKey(model.key.team, elsewhere))
    return model_drift(model, view.live, view.history, elsewhere=elsewhere, audit=audit)
