"""Rows 1 to 4: what stops everything else."""

from __future__ import annotations

from gitops.decide import audit as audit_log
from gitops.decide.answers import blocked, decision
from gitops.decide.decision import Decision, State
from gitops.decide.view import View


def paused_by_git(view: View) -> Decision | None:
    """Row 1: ``mode: pause`` makes no request; ``observe`` is applied when all is decided."""
    if "pause" not in {view.environment.mode, view.situation.model.mode}:
        return None
    return Decision(state=State.PAUSED, reason="mode is pause: Git asks to leave it alone")


def another_model(view: View) -> Decision | None:
    """Row 2: the name, the file and the log do not mean the same model any more."""
    situation = view.situation
    key, file = situation.model.key, situation.model.release_file
    if situation.formerly is not None:
        return blocked(
            view,
            f"{file} named the model {situation.formerly} before, and now names {key}",
            f"write `model: {situation.formerly.rpartition('/')[2]}` in {file}; "
            f"or give {key} a release file of its own",
        )
    if situation.elsewhere is not None:
        return blocked(
            view,
            f"the model that the deploy log knows as {key} is called {situation.elsewhere} now",
            f"write `model: {situation.elsewhere}` in {file}",
        )
    known = situation.history.model_id if situation.history is not None else None
    live = situation.live.id if situation.live is not None else None
    if known is None or known == live:
        return None
    what = "was deleted" if live is None else f"was deleted and made again (it is {live} now)"
    return blocked(
        view,
        f"the model {key}, {known} in the deploy log, {what}",
        f"write another name after `model:` in {file}, which begins a deploy log of its own",
    )


def superseded(view: View) -> Decision | None:
    """Row 3: a newer commit was applied already."""
    if not view.situation.superseded or view.options.allow_older:
        return None
    commit = view.situation.applied_commit[:12]
    return decision(
        view,
        State.SUPERSEDED,
        f"commit {commit} is older than what was applied last; `git pull` brings this clone up to "
        "date, `--allow-older` applies the older one all the same",
    )


def promotion_paused(view: View) -> Decision | None:
    """Row 4: somebody paused the promotion that runs here."""
    if view.promotion_status != "PAUSED":
        return None
    entry = audit_log.pause(view.audit_here)
    who = f" by {entry.actor} at {entry.at:%Y-%m-%d %H:%M} UTC" if entry is not None else ""
    key = view.situation.model.key
    return blocked(
        view,
        f"the promotion in {view.name} was paused{who}",
        f"`gitops resume {key} {view.name}` lets it go on, "
        f"`gitops cancel {key} {view.name}` ends it",
    )
