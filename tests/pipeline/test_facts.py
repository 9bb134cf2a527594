"""What Git asked for since a hold, as the history of the branch shows it."""

from __future__ import annotations

from datetime import UTC, datetime

from gitops.git.repository import Repository as Objects
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.facts import GitFacts
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from tests.echo import STAGING, release, truss
from tests.repositories import Repository


def since_hold(repository: Repository, held_at: str) -> list[str]:
    """The subjects of the commits that HEAD's facts tell of, for a hold that a commit made."""
    head = repository.head
    with Objects.discover(repository.path) as objects:
        [model] = compile_commit(objects, head).models
        [environment] = model.environments
        assert environment.artifact is not None
        hold = Entry(
            id="1" * 40,
            event=Event.REJECTED,
            environment=environment.name,
            at=datetime(2026, 11, 22, tzinfo=UTC),
            to=Side(deployment_id="d", digest=environment.artifact.digest),
            applied_commit=held_at,
        )
        facts = GitFacts(objects, head, lambda *_: False, lambda _: None, dict)
        asked = facts.asked(model, environment, ModelHistory.of([hold]))
        infos = [objects.info(each.commit) for each in asked]
        return [each.subject for each in infos if each is not None]


def test_what_a_branch_asked_for_since(repository: Repository) -> None:
    repository.commit({**truss("one"), **release(STAGING)}, "One")
    held_at = repository.commit(truss("two"), "Two")
    assert since_hold(repository, held_at) == ["Two"]
    repository.commit(truss("one"), "Away")
    repository.commit(truss("two"), "Back")
    assert since_hold(repository, held_at) == ["Two", "Away", "Back"]


def test_a_branch_that_was_rewritten_asks_for_nothing_anew(repository: Repository) -> None:
    repository.commit({**truss("one"), **release(STAGING)}, "One")
    held_at = repository.commit(truss("two"), "Two")
    one = repository.git("commit-tree", "HEAD~1^{tree}", "-m", "One, rewritten")
    two = repository.git("commit-tree", "HEAD^{tree}", "-p", one, "-m", "Two, rewritten")
    repository.git("reset", "-q", "--hard", two)
    assert since_hold(repository, held_at) == ["Two, rewritten"]
    repository.commit(truss("one"), "Away")
    repository.commit(truss("two"), "Back")
    assert since_hold(repository, held_at) == ["Two, rewritten", "Away", "Back"]
