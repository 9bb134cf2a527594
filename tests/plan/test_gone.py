"""What Git names no more is told, as long as it still costs somebody something."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from gitops.plan.gone import gone_environments, gone_models
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.live import LiveModel
from gitops.state.names import ModelKey
from tests.plan.examples import (
    NOW,
    OLD,
    deployment,
    desired,
    environment,
    live_environment,
    live_model,
    model,
)

KEY = ModelKey("ml", "bert")


def entry(environment: str = "staging", to: Side | None = OLD, minute: int = 0) -> Entry:
    return Entry(
        at=NOW + timedelta(minutes=minute),
        event=Event.ADOPTED,
        environment=environment,
        to=to,
        model_id="abc123",
        release_file="releases/bert.yaml",
    )


def there(replicas: int = 2) -> LiveModel:
    current = dataclasses.replace(deployment(), active_replicas=replicas)
    return live_model(environments=(live_environment("staging", current=current),))


ONLY_PRODUCTION = model(environment("production"))


def test_an_environment_without_an_entry_is_named_with_what_serves() -> None:
    history = ModelHistory.of([entry()])
    [notice] = gone_environments(ONLY_PRODUCTION, history, there())
    assert notice == (
        "staging is no longer managed, for releases/qwen-3-8b.yaml has no entry of it: commit "
        "9d1c7a0b5d4e goes on to serve there and bills; deactivate it on Baseten, or bring the "
        "entry back"
    )


def test_what_was_put_there_since_is_named_by_its_deployment_and_bills_only_with_replicas() -> None:
    history = ModelHistory.of([entry(to=Side(deployment_id="other"))])
    [notice] = gone_environments(ONLY_PRODUCTION, history, there(replicas=0))
    assert "deployment w5d8x2q goes on to serve there;" in notice


def test_nothing_is_told_of_environments_that_git_names_or_that_serve_nothing() -> None:
    history = ModelHistory.of([entry()])
    named = model(environment("Staging"))
    assert gone_environments(named, history, there()) == ()
    assert gone_environments(ONLY_PRODUCTION, history, None) == ()
    empty = live_model(environments=(live_environment("staging", current=None),))
    assert gone_environments(ONLY_PRODUCTION, history, empty) == ()
    assert gone_environments(ONLY_PRODUCTION, ModelHistory.of(()), there()) == ()


def test_a_model_without_a_file_is_named_with_what_the_log_knows() -> None:
    logs = {KEY: (entry(), entry("production", Side(deployment_id="d9"), minute=1))}
    [notice] = gone_models(logs, desired(), frozenset({"abc123"}))
    assert notice == (
        "ml/bert is no longer managed, for releases/bert.yaml is gone: commit 9d1c7a0b5d4e in "
        "staging and deployment d9 in production may go on to serve and bill; deactivate what "
        "nobody needs on Baseten, or bring the file back"
    )


def test_a_model_that_was_deleted_is_nobodys_concern() -> None:
    assert gone_models({KEY: (entry(),)}, desired(), frozenset({"another"})) == ()
    assert len(gone_models({KEY: (entry(),)}, desired(), None)) == 1


def test_a_model_that_never_served_has_nothing_to_tell() -> None:
    assert gone_models({KEY: (entry(to=None),)}, desired(), None) == ()


def test_a_file_that_names_another_model_now_is_told_with_that_model() -> None:
    renamed = dataclasses.replace(model(), release_file="releases/bert.yaml")
    assert gone_models({KEY: (entry(),)}, desired(renamed), None) == ()
