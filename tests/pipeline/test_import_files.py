"""A new release file: its name, its text, and what the language cannot say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.git.repository import Repository
from gitops.pipeline.importing.check import Checker, Overlay
from gitops.pipeline.importing.files import Draft, EnvironmentDraft, file_names, grouped, slug
from gitops.pipeline.importing.settings import settings_keys
from gitops.plan.imported import Pin
from gitops.release.scalars import path_problem
from gitops.state.commit import CommitInfo
from gitops.state.json import Json
from gitops.state.live import LiveEnvironment, LiveModel
from gitops.state.settings import Settings
from gitops.yaml.document import read
from tests.pipeline.importing import truss
from tests.pipeline.memory_files import MemoryFiles
from tests.repositories import Repository as Made

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
DEPLOYED = Pin(deployment_id="abc1234", deployment_name="deployment-1")


def pinned(commit: str, truss: str, *, day: int = 1, rebuild: str | None = None) -> Pin:
    at = datetime(2026, 1, day, tzinfo=UTC)
    info = CommitInfo(id=commit * 40, at=at, subject="Change", author="A")
    return Pin(
        deployment_id="d",
        deployment_name="n",
        commit=info,
        truss=truss,
        rebuild=rebuild,
        digest="x",
    )


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_names_of_files_are_paths_that_are_apart_everywhere(names: list[str]) -> None:
    models: list[tuple[str | None, str]] = [("team", name) for name in dict.fromkeys(names)]
    taken = ["releases/model.yaml", "releases/A.yaml"]
    found = file_names("releases", models, taken)
    assert len({path.casefold() for path in (*found, *taken)}) == len(found) + len(taken)
    for path in found:
        assert path_problem(path) is None
        assert path.isprintable()
        folder, name = path.split("/")
        assert folder == "releases"
        assert len(name.encode()) <= 120
        assert not name.startswith((".", "-"))
        assert name.endswith(".yaml")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("qwen-3-8b", "qwen-3-8b"),
        ("Llama 3.1 / 70B", "Llama-3.1-70B"),
        ("../../etc/passwd", "etc-passwd"),
        (".git", "git"),
        ("aux.v2", "aux.v2-model"),
        ("模型", "模型"),
        ("a--b", "a--b"),
        ("***", "model"),
    ],
)
def test_a_name_stays_what_it_is_as_far_as_a_file_can(name: str, file: str) -> None:
    assert slug(name) == file


json_text = TEXT.filter(str.isprintable)


@given(
    name=json_text,
    subject=TEXT,
    note=TEXT,
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | json_text,
        lambda inner: (
            st.dictionaries(json_text, inner, max_size=3)
            | st.lists(st.sampled_from(["MONDAY", "on", "1e3"]), max_size=3)
        ),
        max_leaves=6,
    ),
)
def test_what_is_written_reads_back_as_it_was_meant(
    name: str, subject: str, note: str, value: Json
) -> None:
    draft = Draft(
        model=name, team=name, path="releases/a.yaml", truss="trusses/" + "a", rebuild=name
    )
    info = CommitInfo(id="1e" * 20, at=NOW, subject=subject, author="A")
    draft.environments["production"] = EnvironmentDraft(
        pin=Pin(deployment_id="d", deployment_name=subject, commit=info, truss="t"),
        mode="pause",
        mode_comment=note,
        settings={"autoscaling": value},
        notes=[note],
    )
    draft.environments["staging"] = EnvironmentDraft(
        pin=Pin(deployment_id=name, deployment_name=subject), notes=[note, note]
    )
    document = read(draft.path, draft.data)
    wanted: Any = draft.value
    # As the language has it, a pin is read as it stands.
    found: Any = document.value
    assert document.source(("environments", "production", "commit")) == "1e" * 20
    wanted["environments"]["production"].pop("commit")
    found["environments"]["production"].pop("commit")
    assert (found, document.faults) == (wanted, ())


def test_the_truss_of_most_pins_is_named() -> None:
    assert grouped({"production": DEPLOYED}) == (None, None)
    many = {"a": pinned("1", "old"), "b": pinned("2", "old"), "production": pinned("3", "new")}
    assert grouped(many) == ("old", None)
    assert grouped({"a": pinned("1", "old"), "production": pinned("3", "new")}) == ("new", None)
    assert grouped({"a": pinned("1", "old"), "b": pinned("2", "new", day=2)}) == ("new", None)
    both = {"a": pinned("1", "t", rebuild="2"), "production": pinned("1", "t")}
    assert grouped(both) == ("t", None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made.create(tmp_path_factory.mktemp("made") / "work", truss())


def checked(made: Made, live: dict[str, Settings], **pins: Pin) -> tuple[Any, Any]:
    environments = tuple(LiveEnvironment(name=name, settings=each) for name, each in live.items())
    model = LiveModel(id="m1", name="a", team=None, created_at=NOW, environments=environments)
    draft = Draft(model="a", team=None, path="releases/a.yaml")
    for each in environments:
        found = settings_keys(each, {}, NOW)
        pin = pins.get(each.name, DEPLOYED)
        draft.environments[each.name] = EnvironmentDraft(pin=pin, settings=found)
    with Repository.discover(made.path) as repository:
        checker = Checker(repository, MemoryFiles({}), made.head, NOW, {})
        return checker.checked([(draft, model)])


def test_what_the_language_refuses_is_taken_out_and_said(made: Made) -> None:
    strange = Settings(
        autoscaling={"min_replica": 1, "max_replica": 3, "autoscaling_window": 86400},
        promotion={
            "rolling_deploy": True,
            "rolling_deploy_config": {
                "max_surge_percent": 80,
                "max_unavailable_percent": 0,
                "stabilization_time_seconds": 5,
            },
        },
        schedules={
            "fine": {
                "cadence": "DAILY",
                "weekdays": ["MONDAY"],
                "start_hour": 1,
                "end_hour": 2,
                "autoscaling": {"min_replica": 0, "max_replica": 1},
            },
            "old kind": {"cadence": "SOLAR", "autoscaling": {"min_replica": -1, "max_replica": 0}},
            "new kind": {"cadence": "LUNAR", "autoscaling": {"min_replica": 0, "max_replica": 1}},
        },
    )
    [good], bad = checked(made, {"production": strange})
    assert bad == []
    production = good.draft.environments["production"]
    assert production.settings["autoscaling"] == {"min_replica": 1, "max_replica": 3}
    assert production.settings["promotion"] == {
        "rolling_deploy": True,
        "rolling_deploy_config": {"stabilization_time_seconds": 5},
    }
    # With the others in the file, apply would remove the one that it cannot name.
    assert "schedules" not in production.settings
    assert not any("defaults ask for" in note for note in production.notes)
    notes = " ".join(production.notes)
    for path in ("autoscaling.autoscaling_window", "max_surge_percent", "new kind"):
        assert path in notes
    assert "is left to Baseten, since no release file can say it" in notes


def test_an_environment_whose_name_no_file_can_hold_is_left_out(made: Made) -> None:
    [good], bad = checked(made, {"production": Settings(), "Test_1": Settings()})
    assert bad == []
    assert [*good.draft.environments] == ["production"]
    good, [left_out] = checked(made, {"Test_1": Settings()})
    assert good == []
    assert left_out.why.startswith("no release file can say it: ")


def test_a_pin_that_would_mean_something_else_is_not_written(made: Made) -> None:
    info = CommitInfo(id=made.head, at=NOW, subject="s", author="a")
    wrong = Pin(
        deployment_id="d", deployment_name="n", commit=info, truss="trusses/triage", digest="0" * 64
    )
    live = LiveModel(
        id="m1",
        name="a",
        team=None,
        created_at=NOW,
        environments=(LiveEnvironment(name="production"),),
    )
    draft = Draft(model="a", team=None, path="releases/a.yaml", truss="trusses/triage")
    draft.environments["production"] = EnvironmentDraft(pin=wrong)
    with Repository.discover(made.path) as repository:
        good, bad = Checker(repository, MemoryFiles({}), made.head, NOW, {}).checked(
            [(draft, live)]
        )
    assert good == []
    assert bad[0].why == "its file would not read as it was meant"


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from(["r/a.yaml", "r/b.yaml"]), st.binary(min_size=1)))
def test_files_that_are_not_written_yet_are_seen(above: dict[str, bytes]) -> None:
    below = MemoryFiles({"r/b.yaml": b"b", "c": b"c"})
    seen = Overlay(below, above)
    assert seen.list("r") == tuple(sorted({"r/b.yaml", *above}))
    assert dict(seen.read_many(["r/a.yaml", "r/b.yaml", "c", "d"])) == {
        "r/b.yaml": b"b",
        "c": b"c",
        **above,
    }
    assert seen.read("c") == b"c"


def test_a_file_is_made_and_never_replaced(tmp_path: Path) -> None:
    from gitops.errors import RepositoryError
    from gitops.files.worktree import WorkTree

    tree = WorkTree(tmp_path)
    tree.create("releases/deep/a.yaml", b"one\n")
    assert tree.read("releases/deep/a.yaml") == b"one\n"
    with pytest.raises(RepositoryError, match="there already"):
        tree.create("releases/deep/a.yaml", b"two\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(RepositoryError, match="is no folder"):
        tree.create("link/a.yaml", b"x")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "out/b.yaml")
    with pytest.raises(RepositoryError, match="there already"):
        tree.create("dangling.yaml", b"x")
    assert [*(tmp_path / "out").iterdir()] == []
