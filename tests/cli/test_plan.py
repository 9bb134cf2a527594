"""`gitops plan` and `gitops status` against an emulator that serves on this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gitops.emulator
from gitops.cli.main import run
from gitops.cli.status import EVERY, keep_looking
from gitops.emulator import ManualClock, Options, Running
from gitops.errors import GitopsError
from tests.repositories import Repository

Call = Callable[..., tuple[int, str, str]]
RELEASE = """\
version: 1
model: {name}
truss: trusses/{name}
environments:
  staging:
    commit: HEAD
    autoscaling: {{min_replica: 0, max_replica: 1}}
  production:
    commit: HEAD
    requires: staging
    autoscaling: {{min_replica: 1, max_replica: 4}}
"""
CONFIG = "model_name: {name}\nresources: {{accelerator: L4}}\n"
MODEL = "class Model:\n    def predict(self, request):\n        return request\n"


def files(*names: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        found[f"releases/{name}.yaml"] = RELEASE.format(name=name)
        found[f"trusses/{name}/config.yaml"] = CONFIG.format(name=name)
        found[f"trusses/{name}/model/model.py"] = MODEL
    return found


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with gitops.emulator.running(Options(), clock=ManualClock()) as it:
        for name, value in it.environ().items():
            monkeypatch.setenv(name, value)
        yield it


@pytest.fixture
def call(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Call:
    repository.commit(files("bert", "qwen"))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(repository.path), *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def body(out: str) -> Any:
    return json.loads(out)


def test_a_plan_reads_and_never_writes(emulator: Running, call: Call) -> None:
    code, out, err = call("plan")
    assert code == 0, err
    assert "bert/staging gets commit" in out
    assert out.rstrip().endswith(
        "Plan: 2 of 2 models to change; 2 environments to create, 2 pushes, 4 promotions."
    )
    assert emulator.requests(writes=True) == []


def test_the_document_counts_what_it_holds(emulator: Running, call: Call) -> None:
    code, out, _ = call("plan", "--format", "json", "--detailed-exitcode")
    assert code == 2
    plan = body(out)
    assert plan["format_version"] == "1"
    assert plan["dirty"] is False
    assert plan["api_url"] == emulator.api_url
    assert (plan["summary"]["push"], plan["summary"]["promote"]) == (2, 4)
    bert = plan["models"][0]
    assert (bert["model"], bert["team"], bert["model_id"]) == ("bert", None, None)
    assert [each["state"] for each in bert["environments"]] == ["push", "promote"]
    kinds = [each["kind"] for each in bert["actions"]]
    assert kinds[0] == "push"
    assert kinds.count("promote") == 2


@pytest.mark.usefixtures("emulator")
def test_models_and_environments_are_chosen(call: Call) -> None:
    plan = body(call("plan", "qwen", "--env", "staging", "--format", "json")[1])
    assert [each["model"] for each in plan["models"]] == ["qwen"]
    assert [each["environment"] for each in plan["models"][0]["environments"]] == ["staging"]
    plan = body(call("plan", "--exclude", "qwen", "--format", "json")[1])
    assert [each["model"] for each in plan["models"]] == ["bert"]


@pytest.mark.usefixtures("emulator")
def test_only_what_changed_since_a_base(call: Call, repository: Repository) -> None:
    repository.commit({"trusses/qwen/model/model.py": MODEL + "# better\n"})
    plan = body(call("plan", "--changed", "HEAD~1", "--format", "json")[1])
    assert [each["model"] for each in plan["models"]] == ["qwen"]


def pinned(commit: str) -> str:
    return RELEASE.format(name="qwen").replace("HEAD", commit)


@pytest.mark.usefixtures("emulator")
def test_a_pin_that_a_squash_would_leave_behind(
    call: Call, repository: Repository, tmp_path: Path
) -> None:
    def notices(base: str) -> list[str]:
        plan = body(call("plan", "--changed", base, "--format", "json")[1])
        assert [each["model"] for each in plan["models"]] == ["qwen"]
        return [each for each in plan["models"][0]["notices"] if "merge commit" in each]

    merged = repository.head
    repository.commit({"releases/qwen.yaml": pinned(merged)})
    repository.publish(tmp_path / "remote.git")
    repository.switch("better", create=True)
    better = repository.commit({"trusses/qwen/model/model.py": MODEL + "# better\n"})
    repository.commit({"releases/qwen.yaml": pinned(merged).replace(merged, better, 1)})
    (said,) = notices("main")
    assert said.startswith(f"staging pins commit {better[:12]}, which main does not have yet")
    # As a pull request's job has it: the merge of both, and no branch.
    repository.git("switch", "-q", "--detach", "main")
    repository.merge("better")
    assert notices("HEAD^1") == [said]
    repository.commit({"gitops.yaml": "version: 1\npins: any\n"})
    assert notices("main") == []
    repository.git("rm", "-q", "gitops.yaml")
    repository.git("push", "-q", "origin", "HEAD:refs/heads/main")
    assert notices(merged) == []


@pytest.mark.usefixtures("emulator")
def test_trusses_that_are_not_committed_are_named(call: Call, repository: Repository) -> None:
    told = "plans go by commits"
    repository.write({"trusses/other/model.py": MODEL, "trusses/qwen/__pycache__/x.pyc": "x"})
    assert told not in call("plan")[2]
    repository.write({"trusses/qwen/model/model.py": MODEL + "# better\n"})
    code, out, err = call("plan")
    line = f"trusses/qwen has changes that are not committed: {told}\n"
    assert (code, err.endswith(line)) == (0, True)
    assert told not in out
    assert told not in call("plan", "--rev", "HEAD")[2]
    assert told not in call("plan", "bert")[2]
    assert call("validate")[2] == line
    assert call("validate", "--format", "json")[2] == line
    repository.write({"trusses/bert/data/new.txt": "x"})
    assert call("validate")[2] == f"trusses/bert and trusses/qwen have {line.partition(' has ')[2]}"
    file = str(repository.path / "releases/bert.yaml")
    assert call("validate", file)[2] == line.replace("qwen", "bert")


def test_a_saved_plan_is_shown_as_it_was(
    emulator: Running, call: Call, repository: Repository
) -> None:
    code, out, _ = call("plan", "--out", "plan.json")
    assert code == 0
    assert call("show", "plan.json") == (0, out, "")
    assert str(repository.path) not in (repository.path / "plan.json").read_text()
    assert emulator.api_key not in (repository.path / "plan.json").read_text()


@pytest.mark.usefixtures("emulator")
def test_a_plan_of_a_dirty_tree_is_shown_and_not_saved(call: Call, repository: Repository) -> None:
    (repository.path / "releases/bert.yaml").write_text(
        RELEASE.format(name="bert").replace("max_replica: 4", "max_replica: 5")
    )
    code, out, _ = call("plan", "--format", "json")
    assert (code, body(out)["dirty"]) == (0, True)
    code, out, err = call("plan", "--format", "json", "--out", "plan.json")
    assert code == 4
    assert body(out)["dirty"] is True
    assert "uncommitted changes cannot be saved" in err
    assert not (repository.path / "plan.json").exists()


@pytest.mark.usefixtures("emulator")
def test_a_plan_that_cannot_be_saved_leaves_stdout_empty(call: Call) -> None:
    code, out, err = call("plan", "--format", "json", "--out", "nowhere/plan.json")
    assert (code, out) == (1, "")
    assert "plan.json was not saved: No such file or directory" in err


def test_a_name_that_nobody_manages(emulator: Running, call: Call) -> None:
    code, out, err = call("plan", "quen", "--format", "json")
    assert (code, out) == (1, "")
    assert "no release file has a model 'quen'; did you mean qwen?" in err
    assert emulator.requests(writes=True) == []


def test_an_invalid_file_stops_every_request(
    emulator: Running, call: Call, repository: Repository
) -> None:
    repository.commit({"releases/bert.yaml": RELEASE.format(name="bert") + "nonsense: 1\n"})
    code, out, err = call("plan", "--format", "json")
    assert (code, out) == (1, "")
    assert "releases/bert.yaml:12:1" in err
    assert emulator.requests() == []


@pytest.mark.usefixtures("emulator")
def test_no_key(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASETEN_API_KEY")
    code, out, err = call("plan", "--format", "json")
    assert (code, out) == (1, "")
    assert "BASETEN_API_KEY" in err


def test_nobody_answers(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("BASETEN_API_KEY", "throwaway.key")
    monkeypatch.setenv("BASETEN_API_URL", f"http://127.0.0.1:{port}")
    code, out, err = call("plan", "--format", "json")
    assert (code, out) == (1, "")
    assert f"127.0.0.1:{port}" in err
    assert "throwaway" not in err


@pytest.mark.usefixtures("emulator")
def test_everything_blocked(call: Call, repository: Repository) -> None:
    blocked = "version: 1\nmodel: {}\nenvironments: {{production: {{deployment: by-hand}}}}\n"
    repository.commit(
        {
            "releases/bert.yaml": blocked.format("bert"),
            "releases/qwen.yaml": blocked.format("qwen"),
        }
    )
    for arguments in (
        ("plan", "--format", "json"),
        ("plan", "--format", "json", "--detailed-exitcode"),
    ):
        code, out, _ = call(*arguments)
        assert code == 4
        assert body(out)["summary"]["blocked"] == 2


def test_wrong_usage_is_1(call: Call) -> None:
    assert call("plan", "--format", "yaml")[0] == 1
    assert call("plan", "--nonsense")[0] == 1


@pytest.mark.usefixtures("emulator")
def test_status_ends_well_whatever_it_finds(call: Call) -> None:
    code, out, err = call("status")
    assert code == 0, err
    assert out.splitlines()[0].startswith("bert/staging serves nothing; Git wants commit ")
    assert out.splitlines()[-1].startswith("0 of 4 environments in ")
    code, out, _ = call("status", "qwen", "--format", "json")
    assert code == 0
    shown = body(out)["environments"]
    assert [each["environment"] for each in shown] == ["staging", "production"]
    assert shown[0]["serving"] is None


class Looks:
    """Looks that end as told, and the Ctrl-C that comes with the last pause."""

    def __init__(self, *ends: str | None) -> None:
        self.ends = list(ends)
        self.told: list[str] = []
        self.pauses: list[float] = []

    def look(self) -> None:
        end = self.ends.pop(0)
        if end is not None:
            raise GitopsError(end)
        self.told.append("seen")

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if not self.ends:
            raise KeyboardInterrupt


def test_watching_goes_on_after_trouble_and_ends_with_ctrl_c() -> None:
    looks = Looks(None, "Baseten did not answer", None)
    keep_looking(looks.look, looks.told.append, looks.pause)
    assert looks.told == ["seen", "Baseten did not answer", "seen"]
    assert looks.pauses == [EVERY] * 3


def test_watching_does_not_begin_with_trouble() -> None:
    looks = Looks("no release files")
    with pytest.raises(GitopsError, match="no release files"):
        keep_looking(looks.look, looks.told.append, looks.pause)


@pytest.mark.usefixtures("emulator")
def test_a_watch_shows_block_after_block_where_there_is_no_terminal(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks()
    monkeypatch.setattr("gitops.cli.status.time.sleep", looks.pause)
    code, out, _ = call("status", "bert", "--watch")
    assert code == 0
    assert "\x1b" not in out
    assert out.count("0 of 2 environments in") == 1
    assert call("status", "--watch", "--format", "json")[0] == 1
