"""Pins to commits that the deploy branch gets with the change itself, if it is merged as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitops.pipeline.selection import Selection
from gitops.pipeline.sources import Objects
from gitops.render.text import printable
from gitops.state.desired import Desired, DesiredModel
from gitops.wording import listed


def unmerged_pins(
    objects: Objects, desired: Desired, selection: Selection, *, branch: str, known: Iterable[str]
) -> Mapping[str, tuple[str, ...]]:
    """A notice for each pin of these models that none of ``known`` has, by model.

    ``known`` are commits of the deploy branch ``branch``. Nothing is said where any commit may be
    pinned, nor in a shallow clone, which cannot tell.
    """
    if desired.pins == "any" or objects.is_shallow():
        return {}
    tips = tuple(dict.fromkeys(known))
    return {
        str(model.key): tuple(
            _notice(commit, environments, branch)
            for commit, environments in _pinned(model, selection).items()
            if not any(objects.is_ancestor(commit, tip) for tip in tips)
        )
        for model in desired.models
    }


def _pinned(model: DesiredModel, selection: Selection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for environment in model.environments:
        pinned = environment.artifact is not None and not environment.follows_head
        if environment.artifact is not None and pinned and selection.takes(environment.name):
            found.setdefault(environment.artifact.commit, []).append(environment.name)
    return found


def _notice(commit: str, environments: list[str], branch: str) -> str:
    verb = "pins" if len(environments) == 1 else "pin"
    return (
        f"{listed(environments)} {verb} commit {commit[:12]}, which {printable(branch)} does not"
        " have yet: merge with a merge commit, or pin it after the merge; a squash or a rebase"
        f" makes other commits, and then no plan or apply of {printable(branch)} goes through"
    )
