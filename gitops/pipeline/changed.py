"""Which release files mean something else than at some earlier commit."""

from __future__ import annotations

from dataclasses import replace

from gitops.errors import InvalidRelease, UsageError
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.project import Project
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel


def changed_files(project: Project, desired: Desired, base: str | None) -> frozenset[str]:
    """Release files whose models want something else now than where ``base`` and HEAD parted.

    ``base`` None: the deploy branch on the remote, as last fetched. A base that was invalid counts
    as different throughout. Raises ``UsageError`` where nothing says what to compare with, and
    ``RepositoryError`` for a revision that is not there.
    """
    repository = project.repository
    revision = base or _deploy_branch(project, desired)
    fork = repository.merge_base(repository.resolve(revision), desired.commit)
    everything = frozenset(model.release_file for model in desired.models)
    if fork is None:
        return everything
    try:
        before = compile_commit(repository, fork)
    except InvalidRelease:
        return everything
    known = {model.key: _essence(model) for model in before.models}
    return frozenset(
        model.release_file for model in desired.models if known.get(model.key) != _essence(model)
    )


def _deploy_branch(project: Project, desired: Desired) -> str:
    from gitops.wiring import deploy_branch

    found = deploy_branch(project, desired)
    if found is None:
        raise UsageError(
            "--changed does not know what to compare with: no deploy branch is known here",
            hint="name a base, as in --changed origin/main, or set branch in gitops.yaml",
        )
    return found


def _essence(model: DesiredModel) -> object:
    """What a model wants, whichever commit and lines say so."""
    return replace(model, environments=()), tuple(_wanted(each) for each in model.environments)


def _wanted(environment: DesiredEnvironment) -> object:
    digest = environment.artifact.digest if environment.artifact else None
    return digest, replace(environment, artifact=None, provenance={})
