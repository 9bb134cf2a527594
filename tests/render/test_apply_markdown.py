"""An apply in a job's summary."""

from __future__ import annotations

import dataclasses

from gitops.plan import stream
from gitops.plan.events import ActionFinished, ApplyEvent
from gitops.render.apply_markdown import summary
from tests.forge.calling import START, brought_back, events

SET = ActionFinished(
    time=START,
    model="qwen",
    environment="lab",
    action="x",
    kind="update_settings",
    result="ok",
)


def ended(*more: ApplyEvent) -> list[ApplyEvent]:
    """Staging was released, production rolled back, and `spare` needed nothing."""
    ends = {"converged": ("qwen/staging", "qwen/spare"), "rolled_back": ("qwen/production",)}
    *begun, last = stream.read(events(3, **ends), name="events")
    return [*begun, *more, last]


def test_what_an_apply_released_is_told_apart_from_what_needed_nothing() -> None:
    text = summary(ended())
    assert "\n\nReleased: `qwen/staging`.\n\n" in text
    assert "| converged | `qwen/staging`, `qwen/spare` |" in text
    assert "Settings changed" not in text


def test_settings_that_were_changed_are_told_once_for_each_environment() -> None:
    refused = dataclasses.replace(SET, environment="other", result="failed")
    text = summary(ended(SET, SET, refused))
    assert "\n\nSettings changed: `qwen/lab`.\n\n" in text


def test_an_apply_that_was_cut_off_released_nothing_yet() -> None:
    assert "Released" not in summary(ended()[:-1])


def test_a_rollback_by_hand_tells_its_three_sentences_and_ends_as_one() -> None:
    text = summary(list(stream.read(brought_back("6c" * 20), name="events")))
    assert "### Rollback of `qwen/production`: done\n" in text
    assert "- What happened: Commit 4be1c02f0c5d was taken out of" in text
    assert "- What serves now: qwen/production serves commit 6cb20fb0828b again." in text
    assert "- What to do: Push and merge back, which" in text
    assert "rollback of qwen/production in acme" in text
    assert "| converged |" not in text
