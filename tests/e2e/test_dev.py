"""`gitops dev`: work in progress, which two people cannot clobber for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops.pipeline.dev import delete_dev_models, find_dev_models
from gitops.wiring import open_project
from tests.e2e.trouble import Trouble, trouble
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

FILES = (truss("one"), release(STAGING))


def slot(made: Trouble, name: str = "triage") -> Any:
    """A model's development deployment, as the emulator has it; None where there is none."""
    models = made.emulator.call(list, made.emulator.world.models.values())
    return next((each.development for each in models if each.name == name), None)


def note(made: Trouble, name: str = "triage") -> str:
    """Which version of the truss is in the slot."""
    found: str = slot(made, name).artifact.config["model_metadata"]["note"]
    return found


def test_the_working_tree_is_pushed_and_nothing_else_changes(tmp_path: Path) -> None:
    with trouble(tmp_path, *FILES) as made:
        assert made.apply().code == 0
        served, head = made.serving("staging"), made.work.head
        made.work.write({**truss("mine"), "trusses/triage/new.txt": "not even added"})
        ignored = {".gitignore": "*.secret\n", "trusses/triage/key.secret": "x"}
        made.work.write(ignored)
        status = made.work.status()
        done = made.gitops("dev", "push", "triage")
        assert done.code == 0, done.err
        assert note(made) == "mine"
        assert slot(made).status == "ACTIVE"
        assert made.serving("staging") == served
        assert (made.work.head, made.work.status()) == (head, status)
        url = done.out.splitlines()[-1]
        key = {"Authorization": f"Bearer {made.emulator.api_key}"}
        assert httpx.post(url, json={"text": "hi"}, headers=key, timeout=HANGS).json() == {
            "text": "hi"
        }
        assert ": pushes: 2 files" in done.err, "what Git ignores stays here"

        again = made.gitops("plan", "--detailed-exitcode", "--rev", "HEAD")
        assert again.code == 0, "what is released is not recognised by a development deployment"


def nothing_yet(folder: Path) -> AbstractContextManager[Trouble]:
    """Nothing is on Baseten yet."""
    return trouble(folder, *FILES)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Trouble]:
    with nothing_yet(tmp_path) as found:
        yield found


def test_two_people_push_at_once_and_neither_is_clobbered(made: Trouble) -> None:
    rival = made.clone("rival")
    made.work.write(truss("ada"))
    rival.write(truss("bob"))
    made.emulator.fault(kind="no_capacity")
    first = made.start("dev", "push", "triage")
    try:
        made.until(lambda: slot(made) is not None, first)
        refused = made.gitops("dev", "push", "triage", cwd=rival.path)
        assert refused.code == 6, refused.err
        assert "another run holds the lock: triage by " in refused.err
        assert refused.writes == []
        assert note(made) == "ada"
        made.lift()
        waited = made.gitops("dev", "push", "triage", "--lock-timeout", "10m", cwd=rival.path)
        out, err = first.communicate(timeout=HANGS)
    except AssertionError:
        first.kill()
        first.communicate()
        raise
    assert first.returncode == 0, err
    assert waited.code == 0, waited.err
    assert out.splitlines()[0] == waited.out.splitlines()[0], "there is one slot"
    assert note(made) == "bob"
    states = [
        each["fields"].get("source.deployment.is_development")
        for each in made.emulator.requests()
        if each["method"] == "POST" and each["path"].endswith(("/v1/models", "/deployments"))
    ]
    assert states == [True, True]


def test_models_of_ones_own_are_made_and_cleaned_up(tmp_path: Path) -> None:
    with trouble(tmp_path, *FILES) as made:
        assert made.apply().code == 0
        made.work.switch("feature/words", create=True)
        assert made.gitops("dev", "push", "triage", "--branch").code == 0
        assert made.gitops("dev", "push", "triage", "--as", "mine").code == 0
        assert slot(made) is None
        assert note(made, "triage-feature-words") == note(made, "mine") == "one"

        other = made.clone("other")
        for name, value in (("user.name", "Bob"), ("user.email", "bob@example.com")):
            other.git("config", name, value)
        nobody = {"GIT_AUTHOR_NAME": None, "GIT_COMMITTER_NAME": None}
        nobody |= {"GIT_AUTHOR_EMAIL": None, "GIT_COMMITTER_EMAIL": None}
        nothing = made.gitops("dev", "clean", "--yes", cwd=other.path, **nobody)
        assert nothing.out == "There is nothing to delete.\n", nothing.err

        stolen = made.gitops("dev", "push", "triage", "--as", "mine", cwd=other.path, **nobody)
        assert (stolen.code, stolen.writes) == (4, [])
        assert "the model mine was made by " in stolen.err
        made.emulator.seed(1, prefix="others")
        [theirs] = [
            each.name
            for each in made.emulator.world.models.values()
            if each.name.startswith("others")
        ]
        refused = made.gitops("dev", "push", "triage", "--as", theirs)
        assert (refused.code, refused.writes) == (4, [])
        assert "which no `gitops dev push` made" in refused.err

        project = open_project(made.work.path, made.variables())
        found = find_dev_models(project, everybody=False)
        [mine] = [each for each in found if each.key.name == "mine"]
        path = f"/v1/models/{mine.id}/deployments/development/promote"
        headers = {"Authorization": f"Bearer {made.emulator.api_key}"}
        httpx.post(made.emulator.api_url + path, headers=headers).raise_for_status()
        model = made.emulator.world.models[mine.id]
        for name in ("mine", "renamed"):
            made.emulator.call(lambda name=name: setattr(model, "name", name))
            told: list[str] = []
            assert list(delete_dev_models(project, [mine], told.append)) == []
            assert told == [f"{mine.key} is left alone: it was released to, or renamed, meanwhile."]

        unasked = made.gitops("dev", "clean")
        assert unasked.code == 4
        assert unasked.writes == []
        cleaned = made.gitops("dev", "clean", "--yes")
        assert cleaned.code == 0, cleaned.err
        assert len(cleaned.writes) == 1
        left = [each.name for each in made.emulator.world.models.values()]
        assert left == ["triage", "renamed", theirs]
        assert made.gitops("dev", "clean", "--all", "--yes").out == "There is nothing to delete.\n"


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    with trouble(tmp_path, *FILES) as made:
        made.work.write(truss("bad", "fails_to_load: true"))
        done = made.gitops("dev", "push", "triage")
        assert done.code == 5
        assert "ended in FAILED\n" in done.err
        assert "\n  | Build succeeded\n" in done.err
        assert "\\n" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "no release file has a model 'nothing'"),
        (("triage", "--as", "triage2", "--branch"), "--as and --branch exclude each other"),
        (("triage", "--lock-timeout", "soon"), "is no duration"),
    ],
)
def test_wrong_usage_sends_nothing(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    with trouble(tmp_path, *FILES) as made:
        done = made.gitops("dev", "push", *arguments)
        assert (done.code, done.requests) == (1, [])
        assert said in done.err
        bad = {"trusses/triage/config.yaml": "a: [\n"}
        made.work.write(bad)
        done = made.gitops("dev", "push", "triage")
        assert (done.code, done.requests) == (1, [])
        assert "trusses/triage/config.yaml" in done.err
