"""The example fleet, applied: the official SDK lists it, and nothing is left to do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from baseten.client import ManagementClient

from gitops.demo import by_hand, fleet
from tests.e2e.stage import KEY, Done, Stage, stage
from tests.repositories import Content

ENVIRONMENTS = {
    "call-transcriber": {"production"},
    "qwen-3-8b": {"production", "staging"},
    "support-triage": {"production", "staging"},
    "ticket-embedder": {"production", "staging"},
}


def files(*parts: str) -> dict[str, Content]:
    """Files of the example fleet, as they are in this checkout."""
    folder = fleet.folder()
    found: dict[str, Content] = {}
    for part in parts:
        path = folder / part
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for each in inside:
            if each.is_file() and "__pycache__" not in each.parts:
                found[str(each.relative_to(folder))] = each.read_bytes()
    return found


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Done]]:
    """The fleet's repository, and Baseten after its first apply."""
    folder = tmp_path_factory.mktemp("story")
    trusses = files("trusses", "checks", "gitops.yaml")
    options = ("--speed", "120", "--traffic", "12")
    with stage(folder, trusses, options=options) as made:
        first = made.work.head
        releases: dict[str, Content] = {}
        for name, content in files("releases").items():
            assert isinstance(content, bytes)
            pinned = fleet.pin(content.decode(), first, "the first version")
            releases[name] = fleet.shorten_watches(pinned, "2s")
        made.commit(releases)
        by_hand.push(
            {**made.emulator, "BASETEN_API_KEY": KEY},
            model="call-transcriber",
            name="whisper-large-v3",
        )
        yield made, made.run("apply", "--yes", "--format", "json")


def test_the_sdk_lists_what_the_apply_made(applied: tuple[Stage, Done]) -> None:
    made, done = applied
    assert done.code == 0, done.told
    with ManagementClient(
        api_key=KEY, base_url_override=made.emulator["BASETEN_API_URL"]
    ) as client:
        models = {each.name: each.id for each in client.api.get_models().models}
        assert set(models) == set(ENVIRONMENTS)
        for name, model_id in models.items():
            environments = client.api.get_models_environments(model_id=model_id).environments
            assert {each.name for each in environments} == ENVIRONMENTS[name]
            deployments = client.api.get_models_deployments(model_id=model_id).deployments
            ids = {each.id for each in deployments}
            for each in environments:
                assert each.current_deployment is not None
                assert each.current_deployment.id in ids
                assert each.current_deployment.status in {"ACTIVE", "SCALED_TO_ZERO"}
                assert each.candidate_deployment is None
    told = [json.loads(line) for line in done.out.splitlines()]
    assert set(told[-1]["converged"]) == {
        f"{name}/{each}" for name, environments in ENVIRONMENTS.items() for each in environments
    }


@pytest.mark.parametrize("model", [*ENVIRONMENTS, "all of them"])
def test_a_plan_right_after_is_empty(applied: tuple[Stage, Done], model: str) -> None:
    made, _ = applied
    models = [model] if model in ENVIRONMENTS else []
    done = made.run("plan", "--detailed-exitcode", "--format", "json", *models)
    assert done.code == 0, done.told
    assert not done.writes
    plan = json.loads(done.out)
    assert {each["model"] for each in plan["models"]} == set(models or ENVIRONMENTS)
    for each in plan["models"]:
        assert not each["actions"]
        assert [one["state"] for one in each["environments"]] == ["converged"] * len(
            ENVIRONMENTS[each["model"]]
        )


def test_a_second_apply_sends_no_write_and_records_nothing(applied: tuple[Stage, Done]) -> None:
    made, _ = applied
    log = made.remote.refs("refs/gitops/log/")
    assert {name.rpartition("/")[2] for name in log} == set(ENVIRONMENTS)
    made.forget_journal()
    done = made.run("apply", "--yes")
    assert done.code == 0, done.told
    reached = [(each["method"], each["path"]) for each in made.journal()]
    # Models are read side by side, so that two requests may overtake each other on the way.
    assert sorted(reached) == sorted((each.method, each.path) for each in done.sent)
    assert not [each for each in reached if each[0] != "GET"]
    assert made.remote.refs("refs/gitops/log/") == log


def test_the_key_is_nowhere(applied: tuple[Stage, Done]) -> None:
    made, _ = applied
    for arguments in (("status",), ("log",), ("plan", "--out", str(made.folder / "plan.json"))):
        assert made.run(*arguments).code == 0
    assert (made.folder / "plan.json").stat().st_size > 1000
    assert made.leaks() == []
    # And it would be found.
    (made.folder / "note.txt").write_text(f"the key is {KEY}\n")
    assert made.leaks() == ["note.txt"]
    (made.folder / "note.txt").unlink()
