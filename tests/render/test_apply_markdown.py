"""An apply in a job's summary."""

from __future__ import annotations

import dataclasses

from gitops.plan import stream
from gitops.plan.events import (
    ActionFinished,
    ApplyEvent,
    ApplyFinished,
    EnvironmentFailure,
    Failure,
)
from gitops.render.apply_markdown import comment, summary
from gitops.render.events import render
from gitops.render.failure_kinds import FailureKind
from gitops.render.plan_markdown import LIMIT
from gitops.state.kept import KEPT
from tests.forge.calling import START, brought_back, events
from tests.golden_files import Golden

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


BROKEN = Failure(
    happened="Commit 4be1c02f0c5d did not build.",
    serves_now="qwen/lab serves commit 6cb20fb0828b.",
    next="Mend it.",
    details=("pip: no such version", f"{KEPT}.git/gitops/failures/qwen/lab/0001-build"),
    cause=FailureKind.BUILD_FAILED,
)


def broken(number: int = 1) -> list[ApplyEvent]:
    """A build that failed, and so the run, which repeats it for each of so many environments."""
    step = dataclasses.replace(SET, kind="push", result="failed", failure=BROKEN, message="no")
    ends = [
        EnvironmentFailure(model=f"qwen-{each:05}", environment="lab", failure=BROKEN)
        for each in range(number)
    ]
    return [step, ApplyFinished(time=START, exit_code=5, failures=tuple(ends))]


def test_the_log_does_not_repeat_what_stands_above_it(golden: Golden) -> None:
    text = summary(broken(), job=True)
    golden("apply/broken.md", text)
    above, _, log = text.partition("<details>")
    for told in (BROKEN.happened, BROKEN.serves_now, BROKEN.next, *BROKEN.details):
        assert told in above
        assert told not in log
    assert "build failed" in log
    assert "goes with it unless the job uploads it" in above
    assert "runner" not in summary(broken()), "nobody has said that it ran in CI"


def test_a_log_that_says_no_more_is_left_out() -> None:
    refused = Failure(happened="The plan does not fit.", serves_now="As before.", next="Plan anew.")
    run = EnvironmentFailure(model=None, environment=None, failure=refused)
    events = [ApplyFinished(time=START, exit_code=4, failures=(run,))]
    assert summary(events).rstrip().endswith("- What to do: Plan anew.")
    assert "the run: refused\n" in render(events)


def test_a_comment_leaves_log_and_details_to_the_job() -> None:
    text = comment(broken(), "https://ci.example/jobs/7")
    assert "- What happened: Commit 4be1c02f0c5d did not build." in text
    assert text.endswith("[The job](https://ci.example/jobs/7) has the log.\n")
    assert "pip:" not in text
    assert "](" not in comment(broken(), "https://ci.example/) ![x](https://evil.example")


def test_a_comment_about_very_many_stays_below_its_limit() -> None:
    text = comment(broken(2000), "")
    assert len(text) < LIMIT
    assert text.startswith("<!-- gitops apply -->\n\n### Apply: a candidate was not good enough")
    assert text.endswith("The job says what became of each environment.\n")
