"""What `gitops prune` would do: the fates of all deployments of models that ask for retention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gitops._version import __version__
from gitops.decide.retention import Action, Fate
from gitops.state.desired import Retention
from gitops.state.names import ModelKey
from gitops.wording import duration

FORMAT_VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrune:
    """One model. ``left_alone`` says why nothing of it is touched, whatever the fates say.

    ``model_id`` None: the model is not on Baseten, or was not looked at.
    """

    key: ModelKey
    release_file: str
    retention: Retention
    model_id: str | None = None
    fates: tuple[Fate, ...] = ()
    left_alone: str | None = None

    @property
    def work(self) -> tuple[Fate, ...]:
        """The deployments that are to be stopped or deleted."""
        if self.left_alone is not None:
            return ()
        return tuple(fate for fate in self.fates if fate.action is not None)

    @property
    def stays(self) -> tuple[Fate, ...]:
        """The deployments that nothing is done to."""
        going = {fate.deployment.id for fate in self.work}
        return tuple(fate for fate in self.fates if fate.deployment.id not in going)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What a prune at one commit would do. ``models`` are those that ask for retention."""

    commit: str
    dirty: bool
    api_url: str
    workspace: str | None
    models: tuple[ModelPrune, ...]

    @property
    def work(self) -> int:
        """How many deployments are to go."""
        return sum(len(model.work) for model in self.models)

    def count(self, action: Action) -> int:
        """How many deployments are to be deactivated, or deleted."""
        return sum(fate.action == action for model in self.models for fate in model.work)

    @property
    def stays(self) -> int:
        """How many deployments nothing is done to."""
        return sum(len(model.stays) for model in self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """How it ended for one deployment.

    ``result``: ``deactivated``; ``deleted``; ``gone``, somebody else did it before; ``spared``,
    something needs it by now; ``stopping``, it takes longer than we wait; ``restored``, it had
    begun to serve while it was stopped, and was started again; ``failed``; ``not_done``, not begun.
    ``message`` says more where there is more to say.
    """

    model: str
    deployment_id: str
    result: str
    message: str = ""
    exit_code: int = 0


def asks(retention: Retention) -> str:
    """A release file's ``retention`` in words: ``keep 5, older than 30d, delete``."""
    parts = [f"keep {retention.keep}"] if retention.keep is not None else []
    if retention.older_than is not None:
        parts.append(f"older than {_days(retention.older_than)}")
    return ", ".join([*parts, retention.action])


def _days(seconds: float) -> str:
    days, rest = divmod(seconds, 86400)
    return f"{days:.0f}d" if days and not rest else duration(seconds)


def to_json(plan: PrunePlan, results: tuple[Pruned, ...] | None, exit_code: int) -> dict[str, Any]:
    """The document of a prune; ``results`` None: nothing was to be done, or only to be shown."""
    ended = {(each.model, each.deployment_id): each for each in results or ()}
    return {
        "format_version": FORMAT_VERSION,
        "gitops_version": __version__,
        "commit": plan.commit,
        "dirty": plan.dirty,
        "api_url": plan.api_url,
        "workspace": plan.workspace,
        "carried_out": results is not None,
        "exit_code": exit_code,
        "summary": {
            "models": len(plan.models),
            "deactivate": plan.count("deactivate"),
            "delete": plan.count("delete"),
            "keep": plan.stays,
        },
        "models": [_model(model, ended) for model in plan.models],
    }


def _model(model: ModelPrune, ended: dict[tuple[str, str], Pruned]) -> dict[str, Any]:
    going = {fate.deployment.id for fate in model.work}
    return {
        "model": model.key.name,
        "team": model.key.team,
        "model_id": model.model_id,
        "release_file": model.release_file,
        "retention": {
            "keep": model.retention.keep,
            "older_than": model.retention.older_than,
            "action": model.retention.action,
        },
        "left_alone": model.left_alone,
        "deployments": [
            {
                "deployment_id": fate.deployment.id,
                "deployment_name": fate.deployment.name,
                "status": fate.deployment.status,
                "created_at": fate.deployment.created_at.isoformat().replace("+00:00", "Z"),
                "digest": fate.digest,
                "commit": fate.commit,
                "action": fate.action if fate.deployment.id in going else "keep",
                "reason": fate.reason,
                **_result(ended.get((str(model.key), fate.deployment.id))),
            }
            for fate in model.fates
        ],
    }


def _result(ended: Pruned | None) -> dict[str, Any]:
    return {
        "result": ended.result if ended is not None else None,
        "message": (ended.message or None) if ended is not None else None,
    }
