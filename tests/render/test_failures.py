"""Every failure tells three sentences that a person on call understands without the code."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from gitops.record.entry import Side
from gitops.render.failures import Facts, FailureKind, describe
from tests.golden_files import Golden

OLD = Side(
    deployment_id="w5d8x2q",
    deployment_name="git-1f" + "0" * 38,
    digest="1f" + "0" * 62,
    commit="9d1c7a0b" + "0" * 32,
)
NEW = Side(
    deployment_id="q93mzk7",
    deployment_name="git-2e" + "0" * 38,
    digest="2e" + "0" * 62,
    commit="4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4",
)
READ = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
USUAL = Facts(
    model="qwen-3-8b",
    environment="production",
    candidate=NEW,
    serving=OLD,
    serving_status="ACTIVE",
    target=OLD,
)

CASES: dict[FailureKind, Facts] = {
    FailureKind.BUILD_FAILED: dataclasses.replace(
        USUAL,
        environment=None,
        serving=None,
        detail="pip could not find torch==9.9.9",
        lines=("Collecting torch==9.9.9", "ERROR: No matching distribution found"),
    ),
    FailureKind.START_FAILED: dataclasses.replace(USUAL, detail="DEPLOY_FAILED", lines=("OOM",)),
    FailureKind.CHECKS_FAILED: dataclasses.replace(
        USUAL, detail='smoke: answered "negative" where "positive" was expected'
    ),
    FailureKind.CHECKS_INCONCLUSIVE: dataclasses.replace(
        USUAL, detail="latency: 3 of 50 requests were answered within the time there was"
    ),
    FailureKind.UNVERIFIED: dataclasses.replace(
        USUAL, candidate=None, detail="smoke: status 500, expected 200"
    ),
    FailureKind.TIMED_OUT: dataclasses.replace(
        USUAL, doing="the promotion to production", seconds=3600.0, percent=25
    ),
    FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC: dataclasses.replace(
        USUAL, detail="no capacity for H100:2"
    ),
    FailureKind.PROMOTION_FAILED_WITH_TRAFFIC: dataclasses.replace(
        USUAL, percent=40, detail="the candidate became FAILED"
    ),
    FailureKind.WATCH_FAILED: dataclasses.replace(
        USUAL, detail="12 % of 300 requests failed, at most 2 % may"
    ),
    FailureKind.ROLLED_BACK_BY_HAND: dataclasses.replace(
        USUAL,
        detail="a person asked for the version before it",
        branch="gitops/rollback-qwen-3-8b-production-4be1c02f0c5d",
    ),
    FailureKind.WATCH_FAILED_ALERT_ONLY: dataclasses.replace(
        USUAL, serving=NEW, detail="p95 was 3.1s, at most 2s was allowed"
    ),
    FailureKind.ROLLBACK_NOT_CONFIRMED: dataclasses.replace(
        USUAL, serving=NEW, serving_status="UNHEALTHY", detail="1 of 2 replicas after 10m"
    ),
    FailureKind.NOTHING_TO_GO_BACK_TO: dataclasses.replace(
        USUAL, serving=NEW, serving_status="UNHEALTHY", target=None, detail="UNHEALTHY for 60s"
    ),
    FailureKind.ENDED_BY_PERSON: dataclasses.replace(
        USUAL, person="alice@example.com", detail="the promotion was cancelled"
    ),
    FailureKind.PERSONS_RELEASE_FAILED: dataclasses.replace(
        USUAL, serving=NEW, person="alice@example.com", detail="9 % of 410 requests failed"
    ),
    FailureKind.BLOCKED_BY_PERSON: dataclasses.replace(
        USUAL, serving=NEW, person="alice@example.com", paused=True, percent=50
    ),
    FailureKind.SERVING_FAILED: dataclasses.replace(
        USUAL, candidate=None, serving_status="FAILED", detail="the image could not be pulled"
    ),
    FailureKind.SETTINGS_NOT_TAKEN: dataclasses.replace(
        USUAL, detail="autoscaling.max_replica is still 10, not 20"
    ),
    FailureKind.BLOCKED: dataclasses.replace(
        USUAL,
        detail="the promotion was paused by alice@example.com",
        remedy="Resume it with `gitops resume qwen-3-8b production`.",
    ),
    FailureKind.HELD: dataclasses.replace(
        USUAL,
        detail="held since 2026-11-20 11:48 UTC: it was rolled back (12 % of 300 requests failed)",
    ),
    FailureKind.REQUEST_REFUSED: dataclasses.replace(
        USUAL, doing="the settings of production", detail="max_replica may be at most 10"
    ),
    FailureKind.LOG_UNREACHABLE: dataclasses.replace(
        USUAL, doing="the promotion", detail="could not resolve host git.example.com"
    ),
    FailureKind.LOG_MOVED: dataclasses.replace(USUAL, doing="the promotion"),
    FailureKind.REPOSITORY_FAILED: dataclasses.replace(
        USUAL,
        doing="the promotion",
        detail="git hash-object failed: error: file write error: No space left on device",
    ),
    FailureKind.LOCK_LOST: dataclasses.replace(
        USUAL,
        doing="the promotion",
        detail="triage is locked by another run now: Ann <ann@example.invalid> on build-7, since "
        "2026-11-20 12:00:00 UTC with commit 4be1c02f0c5d (run 5f8ad310)",
        still_running=True,
    ),
    FailureKind.LEASE_ENDED: dataclasses.replace(
        USUAL,
        doing="the promotion",
        detail="the lock of triage could not be renewed, and counts for 12 s more: The Git remote "
        "origin cannot be pushed to: could not resolve host git.example.com",
    ),
    FailureKind.API_UNAVAILABLE: dataclasses.replace(
        USUAL, doing="the promotion", detail="503 five times"
    ),
    FailureKind.INTERRUPTED: dataclasses.replace(
        USUAL, doing="the promotion", percent=10, still_running=True
    ),
}


@pytest.mark.parametrize("kind", list(FailureKind), ids=lambda kind: kind.name.lower())
def test_three_sentences(kind: FailureKind, golden: Golden) -> None:
    failure = describe(kind, CASES[kind])
    for sentence in (failure.happened, failure.serves_now, failure.next):
        assert sentence.endswith(".")
        assert "\n" not in sentence
    lines = "".join(f"    {line}\n" for line in failure.details)
    golden(
        f"failures/{kind.name.lower()}.txt",
        f"{failure.happened}\n{failure.serves_now}\n{failure.next}\n{lines}",
    )


@pytest.mark.parametrize("kind", list(FailureKind), ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize(
    "facts",
    [
        Facts(model="m"),
        Facts(model="m", serving_known=False),
        Facts(model="m", environment="e"),
        Facts(model="m", environment="e", serving_known=False),
    ],
    ids=["model", "model-unread", "environment", "environment-unread"],
)
def test_sentences_stay_whole_where_little_is_known(kind: FailureKind, facts: Facts) -> None:
    failure = describe(kind, facts)
    for sentence in (failure.happened, failure.serves_now, failure.next):
        assert sentence.endswith(".")
        assert "None" not in sentence
        assert "  " not in sentence


def told(kind: FailureKind, **facts: object) -> str:
    usual = dataclasses.replace(USUAL, **facts)  # type: ignore[arg-type]
    failure = describe(kind, usual)
    return f"{failure.happened}\n{failure.serves_now}\n{failure.next}\n"


VARIANTS = {
    "access_denied": told(
        FailureKind.REQUEST_REFUSED,
        doing="the promotion",
        detail="this API key may not do that (403)",
        remedy="Use a key that may manage the environment production.",
    ),
    "api_unavailable_from_the_start": told(
        FailureKind.API_UNAVAILABLE,
        serving=None,
        serving_known=False,
        doing="the reading of what is there",
        detail="503 five times",
    ),
    "api_unavailable_after_an_answer": told(
        FailureKind.API_UNAVAILABLE, doing="the promotion", detail="503 five times", answered=READ
    ),
    "interrupted_without_an_answer": told(
        FailureKind.INTERRUPTED,
        doing="the promotion",
        percent=25,
        still_running=True,
        answered=READ,
        unanswered=True,
    ),
    "interrupted_where_nothing_served": told(
        FailureKind.INTERRUPTED,
        doing="the promotion",
        serving=None,
        answered=READ,
        unanswered=True,
    ),
    "interrupted_on_the_way_back": told(
        FailureKind.INTERRUPTED, doing="the rollback", percent=25, still_running=True
    ),
    "interrupted_long_after_a_look": told(
        FailureKind.INTERRUPTED, doing="the checks", answered=READ
    ),
    "api_unavailable_during_a_push": told(
        FailureKind.API_UNAVAILABLE, environment=None, doing="the push", detail="no connection"
    ),
    "blocked_by_persons_promotion": told(
        FailureKind.BLOCKED_BY_PERSON, person="alice@example.com", percent=50
    ),
    "build_failed_of_a_shared_push": told(
        FailureKind.BUILD_FAILED, shared=True, detail="deployment q93mzk7 is BUILD_FAILED"
    ),
    "interrupted_between_steps": told(
        FailureKind.INTERRUPTED, doing="the reading of what is there", candidate=None
    ),
    "persons_release_failed_on_its_way": told(
        FailureKind.PERSONS_RELEASE_FAILED,
        person="alice@example.com",
        percent=25,
        detail="deployment q93mzk7 is FAILED",
    ),
    "rolled_back_by_nobody": told(
        FailureKind.ENDED_BY_PERSON, person=None, detail="the release ended without it serving"
    ),
    "serving_failed_behind_a_hold": told(
        FailureKind.SERVING_FAILED,
        candidate=None,
        serving_status="FAILED",
        detail="deployment w5d8x2q, which serves production instead, is FAILED",
        remedy="what Git asks for is held, so mend this one on Baseten by what its log says, or "
        "release a commit that works.",
    ),
    "timed_out_at_a_build": told(
        FailureKind.TIMED_OUT, doing="the build", seconds=3600.0, percent=None
    ),
    "too_many_rollbacks": told(
        FailureKind.BLOCKED,
        candidate=None,
        detail="3 releases of this run went back, and limits.max_rollbacks lets it begin no "
        "further one",
        remedy="Find out what the releases that went back have in common, then apply again.",
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_other_ways_to_meet_them_read_well_too(name: str, golden: Golden) -> None:
    golden(f"failures/also/{name}.txt", VARIANTS[name])


def test_a_name_cannot_smuggle_a_second_command_into_a_remedy() -> None:
    failure = describe(
        FailureKind.CHECKS_FAILED, Facts(model="m; rm -rf ~", environment="production")
    )
    assert "gitops apply 'm; rm -rf ~' --retry 'm; rm -rf ~/production'`" in failure.next


def test_a_message_of_many_lines_stays_one_sentence() -> None:
    failure = describe(
        FailureKind.REQUEST_REFUSED, dataclasses.replace(USUAL, detail="one\n\n  two\r\nthree.")
    )
    assert failure.happened.endswith(": one two three.")


def test_a_refusal_is_said_once() -> None:
    refused = dataclasses.replace(
        USUAL,
        doing="the promotion",
        detail="Baseten refused POST /v1/models/m/environments/production/promote (409): busy",
    )
    told = describe(FailureKind.REQUEST_REFUSED, refused)
    assert told.happened == (
        "Baseten refused the promotion: POST /v1/models/m/environments/production/promote "
        "(409): busy."
    )
    assert told.cause == "request refused"
