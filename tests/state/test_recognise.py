"""Which artifact a deployment is, and which deployment of an artifact is taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.state.artifact import Artifact
from gitops.state.live import Deployment
from gitops.state.recognise import (
    Identity,
    Recognised,
    choose,
    is_copy,
    own_name,
    recognise,
    same_name,
)

ARTIFACT = Artifact(digest="ab" * 32, commit="c" * 40, truss="trusses/m")
OTHER = Artifact(digest="cd" * 32, commit="d" * 40, truss="trusses/m")
CREATED = datetime(2026, 11, 20, tzinfo=UTC)
IDENTITY = Identity(digest=ARTIFACT.digest, commit=ARTIFACT.commit)


def deployment(name: str = ARTIFACT.deployment_name, **given: object) -> Deployment:
    made = Deployment(id="d1", name=name, model_id="m", status="ACTIVE", created_at=CREATED)
    return replace(made, **given)  # type: ignore[arg-type]


LABELLED = deployment(labels=ARTIFACT.labels)


def test_labels_come_first() -> None:
    found = recognise(LABELLED, logged={})
    assert (found.digest, found.commit, found.by) == (ARTIFACT.digest, ARTIFACT.commit, "label")
    assert recognise(replace(LABELLED, name="renamed"), logged={}).digest == ARTIFACT.digest


def test_the_log_knows_an_id() -> None:
    assert recognise(deployment("hotfix"), logged={"d1": IDENTITY}).by == "log"
    named = recognise(deployment(), logged={"d1": IDENTITY})
    assert (named.digest, named.commit, named.by) == (ARTIFACT.digest, ARTIFACT.commit, "name")


@pytest.mark.parametrize("tail", [".1790000000", ".1790000000.1790000001", "-2.1790000000"])
def test_a_copy_is_its_source_where_somebody_vouches_for_it(tail: str) -> None:
    copy = deployment(ARTIFACT.deployment_name + tail, id="d2")
    assert recognise(copy, logged={"d1": IDENTITY}).digest == ARTIFACT.digest
    assert recognise(copy, logged={}, siblings=[LABELLED]).commit == ARTIFACT.commit
    assert recognise(copy, logged={}).conflict is not None


def test_somebody_elses_deployment_is_nobodys_conflict() -> None:
    found = recognise(deployment("deployment-7"), logged={})
    assert (found.digest, found.conflict) == (None, None)


@pytest.mark.parametrize(
    ("found", "logged"),
    [
        (deployment(), {}),
        (deployment(), {"another": IDENTITY}),
        (replace(LABELLED, name=OTHER.deployment_name), {}),
        (LABELLED, {"d1": Identity(digest=OTHER.digest)}),
        (deployment(OTHER.deployment_name), {"d1": IDENTITY}),
        (deployment(labels={"gitops.digest": 7}), {}),
        (deployment(labels={"gitops.digest": "not a digest"}), {}),
    ],
)
def test_what_disagrees_is_a_conflict_and_no_guess(
    found: Deployment, logged: dict[str, Identity]
) -> None:
    answer = recognise(found, logged=logged)
    assert answer.digest is None
    assert answer.conflict is not None
    assert answer.conflict.startswith(f"deployment {found.id} ({found.name}) ")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (ARTIFACT.deployment_name, True),
        (ARTIFACT.deployment_name + "-2", True),
        (ARTIFACT.deployment_name + "-12.1790000000", True),
        (ARTIFACT.deployment_name + "-0", False),
        (ARTIFACT.deployment_name + "-fast", False),
        (ARTIFACT.deployment_name + ".", False),
        ("git-main", False),
        (ARTIFACT.deployment_name[:-1], False),
    ],
)
def test_names_of_ours(name: str, ours: bool) -> None:
    assert (own_name(name) is not None) is ours


def test_copies_are_told_by_a_tail_of_digits() -> None:
    assert is_copy("img-1.0.1768269232", "img-1.0")
    assert not is_copy("img-1.0-rc", "img-1.0")
    assert not is_copy("img-1.0", "img-1.0")
    assert same_name("img-1.0.1768269232", "img-1.0.1768269999")
    assert not same_name("img-1.1", "img-1.2")


def recognised(identity: str, status: str = "ACTIVE", **given: object) -> Recognised:
    return Recognised(
        deployment=deployment(id=identity, status=status, **given), digest=ARTIFACT.digest
    )


IN_ORDER = (
    recognised("current", "INACTIVE"),
    recognised("candidate", "BUILDING"),
    recognised("served", "INACTIVE"),
    recognised("ready", "SCALED_TO_ZERO"),
    recognised("inactive", "INACTIVE"),
    recognised("elsewhere", environment="staging"),
    recognised("starting", "BUILDING"),
    recognised("unhealthy", "UNHEALTHY"),
    recognised("failed", "FAILED"),
)


def pick(*found: Recognised) -> str | None:
    chosen = choose(
        found,
        environment="production",
        current="current",
        candidate="candidate",
        served_here=frozenset({"served"}),
    )
    return chosen.deployment.id if chosen else None


def test_the_order_of_choice() -> None:
    for place in range(len(IN_ORDER)):
        rest = IN_ORDER[place:]
        assert pick(*rest) == rest[0].deployment.id
        assert pick(*reversed(rest)) == rest[0].deployment.id


def test_then_the_newest_then_by_id() -> None:
    newer = recognised("z", created_at=CREATED + timedelta(hours=1))
    for order in permutations((recognised("b"), newer, recognised("a"))):
        assert pick(*order) == "z"
    assert pick(recognised("b"), recognised("a")) == "a"


def test_what_can_never_be_used_is_not_chosen() -> None:
    assert pick(recognised("x", "BUILD_STOPPED"), recognised("y", is_development=True)) is None


@given(st.text(max_size=60), st.none() | st.text(max_size=70))
def test_any_name_and_label_has_an_answer(name: str, label: str | None) -> None:
    labels = {} if label is None else {"gitops.digest": label}
    found = recognise(deployment(name, labels=labels), logged={})
    assert found.digest is None or found.conflict is None
