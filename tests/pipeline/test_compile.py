"""Compile: a commit gives desired state, the same in every clone, from real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.errors import InvalidRelease
from gitops.files.worktree import WorkTree
from gitops.git.repository import Repository as Objects
from gitops.pipeline.compile import Shared, compile_commit, compile_worktree, look
from gitops.pipeline.history import asked_at
from gitops.pipeline.validate import validate
from gitops.release.support import UNSUPPORTED
from gitops.render.desired import as_json
from gitops.state.desired import Desired, DesiredEnvironment, Requirement, Watch
from gitops.state.names import ModelKey
from tests.golden_files import Golden
from tests.repositories import Executable, Repository, Symlink

RELEASE = """\
version: 1
model: qwen
team: ml
truss: trusses/qwen
environments:
  staging:
    commit: HEAD
    autoscaling: {min_replica: 0, max_replica: 1}
    checks: [smoke]
  production:
    commit: COMMIT   # 2026-01-01 "Start"
    requires: {environment: staging, for: 30m}
    autoscaling:
      min_replica: 2
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {max_surge_percent: 25}
    checks: [smoke, {latency: {expect: {latency: {p95: 3s}}}}, shared]
    allow: [fewer_replicas]
    backpressure: {policy: null}
checks:
  smoke:
    request: {messages: [{role: user, content: ping}]}
    expect: {schema: checks/chat.schema.json, at: "$.a"}
  latency:
    requests: checks/prompts.jsonl
    runs: 5
    expect:
      status: [200, 202]
      latency: {p50: 800ms, p95: 2s}
retention: {keep: 5, older_than: 30d}
timeouts: {build: 2h}
"""
CONFIG = """\
version: 1
branch: main
limits: {max_rollbacks: 1}
defaults:
  environments:
    production:
      autoscaling: {min_replica: 1, max_replica: 20, scale_down_delay: 300}
    other: {commit: HEAD}
  checks:
    shared: {request: 1, timeout: 5s}
"""
FILES = {
    "gitops.yaml": CONFIG,
    "checks/chat.schema.json": '{"type": "object"}',
    "checks/prompts.jsonl": '{"prompt": 1}\n{"request": 2, "expect": {"status": 400}}\n\n[3]\n',
}
TRUSS = {
    "trusses/qwen/config.yaml": (
        "model_name: qwen\n"
        "resources: {accelerator: L4, use_gpu: yes, cpu: '4'}\n"
        "secrets: {hf_token: null}\n"
        "base_image: {image: 'vllm/vllm-openai:v0.9'}\n"
        "external_package_dirs: [../common]\n"
    ),
    "trusses/qwen/model/model.py": "1\n",
    "trusses/qwen/run.sh": Executable("#!/bin/sh\n"),
    "trusses/qwen/link.py": Symlink("model/model.py"),
    "trusses/common/tools/a.py": "a\n",
}


@pytest.fixture(params=["sha1", "sha256"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    repository = Repository.create(tmp_path / "fleet", TRUSS, object_format=request.param)
    repository.commit({**FILES, "releases/qwen.yaml": RELEASE.replace("COMMIT", repository.head)})
    return repository


def compiled(repository: Repository, commit: str | None = None) -> Desired:
    with Objects.discover(repository.path) as objects:
        return compile_commit(objects, commit or objects.head())


def environment(desired: Desired, name: str) -> DesiredEnvironment:
    return next(each for each in desired.models[0].environments if each.name == name)


def test_a_commit_compiles_to_what_its_files_say(fleet: Repository) -> None:
    desired = compiled(fleet)
    assert (desired.commit, desired.branch, desired.limits.max_rollbacks) == (fleet.head, "main", 1)
    (model,) = desired.models
    assert model.key == ModelKey("ml", "qwen")
    assert (model.release_file, model.timeouts.build) == ("releases/qwen.yaml", 7200)
    assert model.retention is not None
    assert (model.retention.keep, model.retention.older_than) == (5, 30 * 86400)
    staging, production = model.environments
    assert (staging.name, production.name) == ("staging", "production")
    assert staging.follows_head
    assert not production.follows_head
    assert (staging.protected, production.protected) == (False, True)
    assert (staging.watch, production.watch) == (None, Watch())
    assert production.requires == (Requirement(environment="staging", seconds=1800),)
    assert production.allow == {"fewer_replicas"}
    assert production.settings.autoscaling == {
        "min_replica": 2,
        "max_replica": 20,
        "scale_down_delay": 300,
    }
    assert production.settings.backpressure == {"policy": None}
    assert production.settings.schedules is None
    assert staging.settings.promotion == {}


def test_surge_and_unavailable_are_asked_for_as_a_pair(fleet: Repository) -> None:
    promotion = environment(compiled(fleet), "production").settings.promotion
    assert promotion["rolling_deploy_config"] == {
        "max_surge_percent": 25,
        "max_unavailable_percent": 0,
    }


def test_checks_are_compiled_with_their_files_and_changes(fleet: Repository) -> None:
    smoke, latency, shared = environment(compiled(fleet), "production").checks
    assert smoke.expect.schema == {"type": "object"}
    assert smoke.expect.at == "$.a"
    assert [each.body for each in latency.probes] == [{"prompt": 1}, 2, [3]]
    assert latency.expect.latency == {"p50": 0.8, "p95": 3.0}
    changed = latency.probes[1].expect
    assert changed is not None
    assert changed.status == (400,)
    assert changed.latency == {"p50": 0.8, "p95": 3.0}
    assert latency.probes[0].expect is None
    assert (shared.name, shared.timeout, shared.probes[0].body) == ("shared", 5.0, 1)


def test_the_artifact_is_what_would_be_uploaded(fleet: Repository) -> None:
    production = environment(compiled(fleet), "production")
    artifact = production.artifact
    assert artifact is not None
    assert [(each.path, each.mode) for each in artifact.entries] == [
        ("config.yaml", "100644"),
        ("link.py", "100644"),
        ("model/model.py", "100644"),
        ("packages/tools/a.py", "100644"),
        ("run.sh", "100755"),
    ]
    assert artifact.config["resources"] == {"accelerator": "L4", "use_gpu": True, "cpu": "4"}
    assert "external_package_dirs" not in artifact.config
    assert b"external_package_dirs" not in (artifact.entries[0].content or b"external_package_dirs")
    assert artifact.secrets == ("hf_token",)
    assert len(artifact.mutable_inputs) == 1
    assert artifact.commit == fleet.id("HEAD~1")


def test_environments_that_pin_the_same_files_share_an_artifact(fleet: Repository) -> None:
    desired = compiled(fleet)
    staging, production = (environment(desired, name) for name in ("staging", "production"))
    assert staging.artifact is not None
    assert production.artifact is not None
    assert staging.artifact.digest == production.artifact.digest
    assert staging.artifact.commit != production.artifact.commit


def digest(repository: Repository) -> str:
    artifact = environment(compiled(repository), "staging").artifact
    assert artifact is not None
    return artifact.digest


def test_the_digest_follows_the_files_and_nothing_else(fleet: Repository) -> None:
    first = digest(fleet)
    fleet.commit({"trusses/qwen/notes.log": "x", "trusses/common/a.pyc": "x", "README.md": "x"})
    assert digest(fleet) == first
    fleet.commit({"trusses/qwen/run.sh": "#!/bin/sh\n"})
    without_bit = digest(fleet)
    assert without_bit != first
    fleet.commit({"trusses/common/tools/a.py": "changed"})
    assert digest(fleet) not in {first, without_bit}
    fleet.commit(
        {
            "trusses/qwen/run.sh": Executable("#!/bin/sh\n"),
            "trusses/common/tools/a.py": "a\n",
        }
    )
    assert digest(fleet) == first
    text = fleet.read("releases/qwen.yaml").decode()
    fleet.commit({"releases/qwen.yaml": text.replace("team: ml", "team: ml\nrebuild: again")})
    assert digest(fleet) != first


def test_every_clone_compiles_to_the_same_bytes(fleet: Repository, tmp_path: Path) -> None:
    head = fleet.head
    clone = fleet.clone(tmp_path / "elsewhere")
    clone.write({"releases/qwen.yaml": "broken: [", "untracked.yaml": "x"})
    bare = fleet.clone(tmp_path / "bare.git", bare=True)
    fleet.commit({"releases/later.yaml": "broken: ["})
    texts = {as_json(compiled(each, head), explain=True) for each in (fleet, clone, bare)}
    assert len(texts) == 1


def test_the_document_reads_well(tmp_path: Path, golden: Golden) -> None:
    repository = Repository.create(tmp_path / "r", TRUSS)
    repository.commit({**FILES, "releases/qwen.yaml": RELEASE.replace("COMMIT", repository.head)})
    golden("desired.json", as_json(compiled(repository), explain=True))


def test_every_value_says_which_line_gave_it(fleet: Repository) -> None:
    provenance = environment(compiled(fleet), "production").provenance
    assert provenance["autoscaling.min_replica"] == "releases/qwen.yaml:14:20"
    assert provenance["autoscaling.max_replica"] == "gitops.yaml:7:50"
    assert provenance["commit"] == "releases/qwen.yaml:11:13"


def test_the_working_tree_gives_release_files_and_commits_give_trusses(fleet: Repository) -> None:
    text = fleet.read("releases/qwen.yaml").decode()
    before = digest(fleet)
    fleet.write(
        {
            "releases/qwen.yaml": text.replace("max_replica: 1", "max_replica: 7"),
            "trusses/qwen/model/model.py": "changed",
            "checks/prompts.jsonl": '"new"\n',
        }
    )
    with Objects.discover(fleet.path) as objects:
        desired = compile_worktree(objects, WorkTree(fleet.path), objects.head(), dirty=True)
    staging = environment(desired, "staging")
    assert desired.dirty
    assert staging.settings.autoscaling["max_replica"] == 7
    assert staging.artifact is not None
    assert staging.artifact.digest == before
    assert environment(desired, "production").checks[1].probes[0].body == "new"


def test_all_problems_of_all_files_come_at_once(fleet: Repository) -> None:
    fleet.commit(
        {
            "releases/a.yaml": "version: 1\n",
            "releases/deep/b.yaml": "model: [",
            "gitops.yaml": CONFIG.replace("version: 1", "version: 3"),
        }
    )
    with pytest.raises(InvalidRelease) as caught:
        compiled(fleet)
    assert {each.where.file for each in caught.value.problems} == {
        "gitops.yaml",
        "releases/a.yaml",
        "releases/deep/b.yaml",
    }
    assert list(caught.value.problems) == sorted(caught.value.problems, key=lambda p: p.where)


def test_files_that_repeat_each_other_compile_as_each_would_alone(fleet: Repository) -> None:
    text = RELEASE.replace("COMMIT", fleet.id("HEAD~1"))
    many = {
        f"releases/m{i}.yaml": text.replace("model: qwen", f"model: m{i}").replace(
            "min_replica: 2", f"min_replica: {2 + i % 2}"
        )
        for i in range(4)
    }
    fleet.commit(many)
    together = compiled(fleet).models
    for index, name in enumerate(many):
        production = together[index].environments[1]
        assert together[index].key.name == f"m{index}"
        assert production.settings.autoscaling["min_replica"] == 2 + index % 2
        assert production.provenance["commit"] == f"{name}:11:13"


def test_commits_that_are_compiled_together_compile_as_each_does_alone(fleet: Repository) -> None:
    """Each change alone, and back again: nothing of another commit may be left."""
    first, pinned = fleet.id("HEAD~1"), fleet.head
    text = RELEASE.replace("COMMIT", first)
    moved = RELEASE.replace("COMMIT", pinned).replace("Start", "Ship it")
    other = text.replace("model: qwen", "model: b").replace("min_replica: 2", "min_replica: 3")
    changes: list[dict[str, str | None]] = [
        {"releases/b.yaml": other},
        {"releases/qwen.yaml": moved},
        {"checks/chat.schema.json": '{"type": "array"}'},
        {"checks/prompts.jsonl": "[4]\n"},
        {"gitops.yaml": CONFIG.replace("timeout: 5s", "timeout: 6s").replace("300", "400")},
        {"trusses/common/tools/a.py": "b\n"},
        {"trusses/qwen/model/model.py": "2\n"},
        {"checks/chat.schema.json": "no JSON"},
        {"releases/b.yaml": other.replace("[smoke]", "[smok]")},
        {"releases/b.yaml": other.replace("model: b", "model: qwen")},
        {"gitops.yaml": None},
    ]
    whole: dict[str, str | None] = {**FILES, **TRUSS, "releases/qwen.yaml": text}
    commits = [pinned]
    for change in changes:
        commits += [
            fleet.commit(change),
            fleet.commit({path: whole.get(path) for path in change}),
        ]
    with Objects.discover(fleet.path) as objects:
        shared = Shared(objects)
        for commit in commits:
            files = objects.at(commit)
            together = look(objects, files, commit, dirty=False, shared=shared)
            alone = look(objects, files, commit, dirty=False)
            assert together.desired == alone.desired
            assert together.problems == alone.problems
            assert as_json(together.desired) == as_json(alone.desired)


def test_what_cannot_be_carried_out_yet_is_named(fleet: Repository) -> None:
    text = RELEASE.replace("COMMIT", fleet.id("HEAD~1"))
    fleet.commit(
        {
            "releases/qwen.yaml": text.replace(
                "    allow: [fewer_replicas]\n",
                "    watch: {keep_previous: true, latency: {first_token: 1s, max: 2s}}\n"
                "    schedules:\n"
                "      day: {cadence: DAILY, weekdays: [MONDAY], start_hour: 8, end_hour: 18,"
                " autoscaling: {min_replica: 1, max_replica: 2}}\n",
            ).replace(
                "    expect: {schema",
                "    stream: true\n    expect: {close_to: {value: 1, tolerance: 0},"
                " than_current: {latency: {p95: 1.2}}, latency: {first_token: 1s}, schema",
            ),
        }
    )
    desired = compiled(fleet)
    named = environment(desired, "production").unsupported
    keys = {each.partition(":")[0].replace("checks.smoke", "checks") for each in named}
    assert keys == set(UNSUPPORTED)
    schedules = environment(desired, "production").settings.schedules
    assert schedules is not None
    assert schedules["day"]["timezone"] == "UTC"


def test_a_comment_that_does_not_fit_its_pin_is_a_warning(fleet: Repository) -> None:
    text = fleet.read("releases/qwen.yaml").decode()
    with Objects.discover(fleet.path) as objects:
        head = objects.head()
        tree = WorkTree(fleet.path)
        assert validate(objects, tree, head) == ()
        for wrong in ('# 2026-01-01 "Stop"', '# 2025-12-01 "Start"', "# 2026-13-01"):
            fleet.write({"releases/qwen.yaml": text.replace('# 2026-01-01 "Start"', wrong)})
            (warning,) = validate(objects, tree, head)
            assert warning.severity == "warning"
            assert str(warning.where) == "releases/qwen.yaml:11:13"
            assert warning.hint == 'write # 2026-01-01 "Start", or correct the pin'
        for fine in ('# 2026-01-01 "Sta…"', "# for the launch", '# "Start"', "", "# 2026-01-02"):
            fleet.write({"releases/qwen.yaml": text.replace('# 2026-01-01 "Start"', fine)})
            assert validate(objects, tree, head) == ()


def test_a_time_zone_that_nobody_has_heard_of_is_a_warning(fleet: Repository) -> None:
    text = fleet.read("releases/qwen.yaml").decode()
    day = (
        "    schedules:\n"
        "      day: {cadence: DAILY, weekdays: [MONDAY], start_hour: 8, end_hour: 18,"
        " autoscaling: {min_replica: 1, max_replica: 2}, timezone: Europe/Berlin}\n"
    )
    there = "    allow: [fewer_replicas]\n"
    with Objects.discover(fleet.path) as objects:
        head, tree = objects.head(), WorkTree(fleet.path)
        fleet.write({"releases/qwen.yaml": text.replace(there, there + day)})
        assert validate(objects, tree, head) == ()
        wrong = day.replace("Berlin", "Berlln")
        fleet.write({"releases/qwen.yaml": text.replace(there, there + wrong)})
        (warning,) = validate(objects, tree, head)
    assert warning.severity == "warning"
    assert warning.path == "environments.production.schedules.day.timezone"
    assert "knows no time zone" in warning.message
    assert warning.where.column > 100


def test_history_says_what_was_asked_for(fleet: Repository) -> None:
    key = ModelKey("ml", "qwen")
    first = fleet.head
    text = fleet.read("releases/qwen.yaml").decode()
    renamed = fleet.commit({"releases/qwen.yaml": None, "releases/x/other.yaml": text})
    broken = fleet.commit({"releases/x/other.yaml": "model: qwen\n"})
    gone = fleet.commit({"releases/x/other.yaml": None})
    with Objects.discover(fleet.path) as objects:
        one = asked_at(objects, first, key, "production")
        two = asked_at(objects, renamed, key, "production")
        assert one is not None
        assert two is not None
        assert one.digest == two.digest is not None
        assert one.settings == two.settings
        assert one.settings["autoscaling.max_replica"] == 20
        assert asked_at(objects, broken, key, "production") is None
        nothing = asked_at(objects, gone, key, "production")
        assert nothing is not None
        assert nothing.digest is None
        other = asked_at(objects, first, key, "elsewhere")
        assert other is not None
        assert other.digest is None
        assert asked_at(objects, "0" * len(first), key, "production") is None


def test_a_line_that_sends_its_expectation_along_is_a_warning(fleet: Repository) -> None:
    lines = '{"body": {"text": "hi"}, "expect": {"status": 200}}\n{"request": 1, "expect": {}}\n'
    with Objects.discover(fleet.path) as objects:
        fleet.write({"checks/prompts.jsonl": lines})
        (warning,) = validate(objects, WorkTree(fleet.path), objects.head())
    assert warning.severity == "warning"
    assert "line 1 is sent whole, with body and expect" in warning.message
    assert warning.hint == 'for instance {"request": {…}, "expect": {"status": 200}}'
