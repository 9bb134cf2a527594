"""Import against the emulator: what it writes, what it says, and that a plan is empty after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.emulator import ManualClock
from gitops.emulator.world.entities import ShadowRule
from gitops.emulator.world.schedule import Schedule, Schedules
from gitops.emulator.world.settings import Autoscaling, PromotionSettings, Rolling
from gitops.errors import InvalidRelease, UsageError
from gitops.pipeline.trusses import Trusses
from gitops.plan.imported import ImportedFile
from gitops.state.artifact import Artifact
from tests.pipeline.importing import Scene, scene, tar, truss

ONE = truss(note="one", **{"model/model.py": "print(1)\n"})
TWO = truss(note="one", **{"model/model.py": "print(2)\n"})
OLD, NEW = tar(ONE, "trusses/triage/"), tar(TWO, "trusses/triage/")
OTHER = tar({**TWO, "trusses/triage/.env": "SECRET=1\n"}, "trusses/triage/")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, ONE) as found:
        found.work.commit(TWO, "Raise the limit")
        yield found


def artifact(made: Scene, commit: str, rebuild: str | None = None) -> Artifact:
    return Trusses(made.project.repository).artifact(commit, "trusses/triage", rebuild)


def only(files: tuple[ImportedFile, ...]) -> ImportedFile:
    [file] = files
    return file


def test_one_file_for_a_model_with_proved_pins_and_what_differs(made: Scene) -> None:
    first, second = made.work.id("HEAD~1"), made.work.head
    model = made.model("triage")
    nights = Schedule(
        id="s1",
        name="Nights & weekends",
        enabled=True,
        created_at=0.0,
        settings={"min_replica": 0, "max_replica": 2},
        cadence="DAILY",
        weekdays=("SATURDAY", "MONDAY"),
        start_hour=22,
        end_hour=6,
        end_minute=30,
    )
    made.serve(
        model,
        archive=OLD,
        autoscaling=Autoscaling(min_replica=2, max_replica=8, concurrency_target=16),
        promotion_settings=PromotionSettings(
            rolling_deploy=True, rolling_deploy_config=Rolling(stabilization_time_seconds=60)
        ),
        backpressure="REJECT_ON_FULL",
        schedules=Schedules(timezone="Europe/Berlin", items=(nights,)),
    )
    made.serve(model, "staging", NEW, promotion_settings=PromotionSettings())
    done = made.run()
    assert (done.left, done.left_out, done.warnings) == ((), (), ())
    assert (
        made.read("releases/triage.yaml")
        == f"""\
version: 1
model: triage
truss: trusses/triage

environments:
  staging:
    commit: {second}   # 2026-01-01 "Raise the limit"

  production:
    commit: {first}   # 2026-01-01 "Start"
    autoscaling:
      min_replica: 2
      max_replica: 8
      concurrency_target: 16
    promotion:
      rolling_deploy: true
      rolling_deploy_config:
        max_surge_percent: 25
        stabilization_time_seconds: 60
    backpressure:
      policy: REJECT_ON_FULL
    schedules:
      "Nights & weekends":
        cadence: DAILY
        weekdays: [MONDAY, SATURDAY]
        start_hour: 22
        end_hour: 6
        end_minute: 30
        timezone: Europe/Berlin
        autoscaling:
          min_replica: 0
          max_replica: 2
"""
    )
    assert not made.emulator.requests(writes=True)
    assert made.logged() == [
        f"Adopted triage in production: commit {first[:12]}",
        f"Adopted triage in staging: commit {second[:12]}",
    ]
    before = made.read("releases/triage.yaml")
    again = made.run("triage")
    assert again.files == ()
    assert "releases/triage.yaml names it already" in again.left_out[0].why
    assert made.read("releases/triage.yaml") == before


def test_what_this_tool_pushed_needs_no_download(made: Scene) -> None:
    commit, model = made.work.head, made.model("triage")
    wanted = artifact(made, commit)
    made.serve(model, "staging", labels=wanted.labels, name=wanted.deployment_name)
    # A promotion's copy has the name and perhaps no labels: its source vouches for it.
    made.serve(model, name=f"{wanted.deployment_name}.1768269232")
    file = only(made.run().files)
    assert [each.pin.by for each in file.environments] == ["label", "label"]
    assert {each.pin.commit.id for each in file.environments if each.pin.commit} == {commit}
    assert not [each for each in made.emulator.requests() if "download" in each["path"]]


def test_a_rebuild_is_found_in_the_file_that_was_released(made: Scene) -> None:
    release = "version: 1\nmodel: triage\ntruss: trusses/triage\nrebuild: again\n"
    commit = made.work.commit(
        {"releases/triage.yaml": f"{release}environments: {{production: {{commit: HEAD}}}}\n"}
    )
    wanted = artifact(made, commit, "again")
    model = made.model("triage")
    served = made.serve(model, labels=wanted.labels, name=wanted.deployment_name)
    made.work.commit({"releases/triage.yaml": None}, "Forget it")
    unknown = only(made.run(dry_run=True).files)
    assert unknown.environments[0].pin.commit is None
    made.log_release(model, served, wanted)
    done = made.run()
    assert "rebuild: again\n" in made.read("releases/triage.yaml")
    assert (only(done.files).environments[0].pin.rebuild, done.left) == ("again", ())


def test_what_is_not_proved_names_the_deployment_and_the_nearest(made: Scene) -> None:
    made.serve(made.model("triage"), archive=OTHER, name="by-hand.2")
    second = made.work.head
    shallow = made.work.path / ".git/shallow"
    shallow.write_text(f"{second}\n")
    [warning] = made.run(dry_run=True).warnings
    assert "`git fetch --unshallow` brings the whole history" in warning
    shallow.unlink()
    done = made.run()
    assert not done.warnings
    pin = only(done.files).environments[0].pin
    assert (pin.commit, done.left) == (None, ())
    assert pin.near is not None
    assert pin.near.differs == (".env is deployed and not in the commit",)
    text = made.read("releases/triage.yaml")
    assert text.startswith(
        f"""\
version: 1
model: triage

environments:
  # Not proved: no commit of this repository has just its files; the nearest is {second[:12]}
  # (trusses/triage): .env is deployed and not in the commit.
  production:
    deployment: {pin.deployment_id}   # by-hand.2
"""
    )


def test_a_download_that_is_refused_is_said(made: Scene) -> None:
    model = made.model("triage")
    config = ONE["trusses/triage/config.yaml"]
    made.serve(model, archive=OLD, raw_config=config)
    made.emulator.call(lambda: setattr(model, "archive_download", False))
    pin = only(made.run().files).environments[0].pin
    assert "cannot be downloaded" in str(pin.why)
    assert f"its config.yaml is that of commit {made.work.head[:12]}" in str(pin.why)


def test_a_commit_that_is_not_merged_is_no_pin(made: Scene) -> None:
    made.work.switch("feature", create=True)
    aside = made.work.commit({"trusses/triage/model/model.py": "print(3)\n"})
    made.work.switch("main")
    deployed = TWO | {"trusses/triage/model/model.py": "print(3)\n"}
    made.serve(made.model("triage"), archive=tar(deployed, "trusses/triage/"))
    pin = only(made.run(dry_run=True).files).environments[0].pin
    assert pin.commit is None
    assert f"not merged here: merge it, then write `commit: {aside}`" in str(pin.why)
    made.work.commit({"gitops.yaml": "version: 1\npins: any\n"})
    done = made.run()
    assert f"commit: {aside} " in made.read(only(done.files).path)
    assert done.left == ()


def test_models_that_cannot_be_imported_are_named_with_the_reason(made: Scene) -> None:
    made.model("empty")
    hostile = made.model("evil\x1b[31m\nname")
    made.serve(hostile, archive=OLD)
    stopped = made.model("stopped")
    made.serve(stopped, archive=OLD, promotion_settings=PromotionSettings())
    deployment = made.serve(stopped, "staging", NEW)
    made.emulator.set_status(deployment.id, "INACTIVE")
    done = made.run()
    assert {each.model: each.why for each in done.left_out} == {
        "empty": "nothing serves in any of its environments",
        "evil\x1b[31m\nname": "no release file can say it: must not hold control characters:"
        ' "evil\\x1b[31m\\nname"',
    }
    file = only(done.files)
    assert (file.key.name, done.left) == ("stopped", ())
    assert "    mode: pause   # it was INACTIVE; without this line apply starts it\n" in made.read(
        file.path
    )


def test_defaults_of_gitops_yaml_are_not_repeated_and_not_obeyed(made: Scene) -> None:
    made.work.commit(
        {
            "gitops.yaml": """\
version: 1
releases: live/models
defaults:
  environments:
    production:
      commit: HEAD
      autoscaling: {min_replica: 2, max_replica: 4}
      promotion: {rolling_deploy: true, rolling_deploy_config: {max_unavailable_percent: 20}}
      backpressure: {policy: QUEUE_ON_FULL}
      checks: [smoke]
  checks:
    smoke: {request: {text: hello}}
"""
        }
    )
    made.serve(
        made.model("triage"),
        archive=OLD,
        autoscaling=Autoscaling(min_replica=1),
        promotion_settings=PromotionSettings(rolling_deploy_config=Rolling()),
    )
    done = made.run()
    assert (only(done.files).path, done.left) == ("live/models/triage.yaml", ())
    text = made.read("live/models/triage.yaml")
    assert (
        text[text.index("    autoscaling") :]
        == """\
    autoscaling:
      min_replica: 1
      max_replica: 1
    promotion:
      rolling_deploy: false
      rolling_deploy_config:
        max_surge_percent: 25
        max_unavailable_percent: 0
    backpressure:
      policy: null
"""
    )


def test_what_no_file_can_say_is_said(made: Scene) -> None:
    model = made.model("triage")
    deployment = made.serve(model, "staging", NEW)
    rule = ShadowRule(
        id="r1",
        deployment_id=deployment.id,
        environment=None,
        percent=5,
        expires_at=4e9,
        sampling_mode="RANDOM",
        propagate_client_cancellation=False,
    )
    slug = made.emulator.emulator.options.regions[0][0]
    made.serve(model, archive=OLD, shadows=(rule,))
    made.emulator.call(lambda: setattr(deployment, "region", slug))
    file = only(made.run().files)
    notes = {each.name: " ".join(each.notes) for each in file.environments}
    assert f"It serves in the region {slug}" in notes["staging"]
    assert "sends shadow traffic" in notes["production"]
    assert "# It sends shadow traffic" in made.read(file.path)


def test_other_hardware_than_the_truss_asks_for_is_kept(made: Scene) -> None:
    gpu = {"trusses/triage/config.yaml": "model_name: t\nresources: {accelerator: 'L4:1'}\n"}
    made.work.commit(gpu, "Ask for a GPU")
    deployed = TWO | gpu
    model = made.model("triage")
    made.serve(model, archive=tar(deployed, "trusses/triage/"))
    done = made.run()
    assert "    instance_type: environment\n" in made.read(only(done.files).path)
    [production] = only(done.files).environments
    assert "its config.yaml asks for L4:1" in production.notes[0]
    assert done.left == ()


def test_names_that_are_no_file_names_and_teams(tmp_path: Path) -> None:
    with scene(tmp_path, ONE, teams=("Default", "ml")) as made:
        names = ["..", "Llama 3.1 / 70B", "模型", "nul", "a" * 200, "LLAMA 3.1 / 70b"]
        for name in names:
            made.serve(made.model(name), archive=OLD)
        made.serve(made.model("模型", team="ml"), archive=OLD)
        done = made.run()
        assert (done.left, done.left_out) == ((), ())
        assert {file.path: str(file.key) for file in done.files} == {
            "releases/model.yaml": "..",
            "releases/LLAMA-3.1-70b.yaml": "LLAMA 3.1 / 70b",
            "releases/Llama-3.1-70B-2.yaml": "Llama 3.1 / 70B",
            f"releases/{'a' * 100}.yaml": "a" * 200,
            "releases/nul-model.yaml": "nul",
            "releases/Default-模型.yaml": "模型",
            "releases/ml-模型.yaml": "ml/模型",
        }
        assert "team: ml\n" in made.read("releases/ml-模型.yaml")
        with pytest.raises(UsageError, match="Default/模型, ml/模型"):
            made.run("模型")
        with pytest.raises(UsageError, match="did you mean nul"):
            made.run("null")


def test_a_truss_that_was_moved_is_named_where_it_holds_for_most(made: Scene) -> None:
    second = made.work.head
    moved: dict[str, Any] = dict.fromkeys(TWO)
    moved |= {path.replace("triage", "sorting"): text for path, text in TWO.items()}
    third = made.work.commit(moved, "Move the truss")
    model, alone = made.model("triage"), made.model("alone")
    made.serve(model, archive=NEW)
    made.serve(model, "canary", OLD)
    made.serve(alone, archive=NEW)
    done = made.run()
    assert done.left == ()
    asked = {
        f"{file.key}/{each.name}": (each.pin.commit and each.pin.commit.id, each.pin.truss)
        for file in done.files
        for each in file.environments
    }
    assert asked == {
        "alone/production": (third, "trusses/sorting"),
        "triage/production": (second, "trusses/triage"),
        "triage/canary": (made.work.id("HEAD~2"), "trusses/triage"),
    }


def test_environments_of_trusses_apart_cannot_share_a_file(made: Scene) -> None:
    other = truss("other", "two")
    made.work.commit(other)
    model = made.model("triage")
    made.serve(model, archive=NEW)
    made.serve(model, "canary", tar(other, "trusses/other/"))
    done = made.run()
    pins = {each.name: each.pin for each in only(done.files).environments}
    assert done.left == ()
    assert pins["production"].truss == "trusses/triage"
    assert pins["canary"].commit is None
    assert "a release file names one truss for all environments" in str(pins["canary"].why)


def test_a_dry_run_writes_nothing_and_an_invalid_file_stops_it(made: Scene) -> None:
    made.serve(made.model("triage"), archive=OLD)
    done = made.run(dry_run=True)
    assert b"commit: " in only(done.files).data
    assert made.work.git("status", "--porcelain") == ""
    assert made.logged() == []
    asked = len(made.emulator.requests())
    made.work.write({"releases/broken.yaml": "version: 1\n"})
    with pytest.raises(InvalidRelease):
        made.run()
    assert len(made.emulator.requests()) == asked


def test_a_promotion_under_way_is_waited_for(tmp_path: Path) -> None:
    with scene(tmp_path, ONE, clock=ManualClock()) as made:
        model = made.model("triage")
        made.serve(model, archive=OLD, promotion_settings=PromotionSettings())
        candidate = made.serve(model, "staging", NEW)
        made.promote(model, "production", candidate)
        [left_out] = made.run().left_out
    assert (left_out.why, left_out.remedy) == (
        "a promotion runs in production",
        "import it once that has ended",
    )


def test_a_git_host_that_is_down_is_waited_for_by_the_log_alone(made: Scene) -> None:
    made.serve(made.model("triage"), archive=NEW)
    url = made.work.git("remote", "get-url", "origin")
    made.work.git("remote", "set-url", "origin", f"{url}-gone")
    done = made.run()
    assert only(done.files).environments[0].pin.commit is not None
    assert done.left is None
    assert any(each.startswith("history unknown: ") for each in done.warnings)
    assert any("is kept in this clone" in each for each in done.warnings)
    made.work.git("remote", "set-url", "origin", url)
    assert made.logged() == []
    made.serve(made.model("another"), archive=NEW)
    assert made.run().left == ()
    assert [each.split(" in ")[0] for each in made.logged()] == [
        "Adopted another",
        "Adopted triage",
    ]


def test_a_sha_256_repository_is_compared_too(tmp_path: Path) -> None:
    with scene(tmp_path, ONE, object_format="sha256") as made:
        made.serve(made.model("triage"), archive=OLD)
        done = made.run()
        pin = only(done.files).environments[0].pin
        assert pin.commit is not None
        assert (pin.commit.id, done.left) == (made.work.head, ())
