"""Every problem of the language has a message of its own; the golden file is what people read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gitops.git.repository import Repository as Objects
from gitops.pipeline.validate import validate
from gitops.render.problems import text
from tests.golden_files import Golden
from tests.pipeline.memory_files import MemoryFiles
from tests.repositories import Repository, Submodule, Symlink

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = "model_name: m\n"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 123456789\n"
TOP = "version: 1\nmodel: m\ntruss: trusses/m\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository.create(
        tmp_path_factory.mktemp("errors") / "r",
        {
            "trusses/m/config.yaml": CONFIG,
            "trusses/deeper/m/config.yaml": CONFIG,
            "trusses/yml/config.yml": CONFIG,
            "trusses/list/config.yaml": "- a\n",
            "trusses/empty/config.yaml": "",
            "trusses/broken/config.yaml": "a: [b\nc: d\n",
            "trusses/nan/config.yaml": "a: .nan\n",
            "trusses/lfs/config.yaml": CONFIG,
            "trusses/lfs/data/weights.bin": POINTER,
            "trusses/links/config.yaml": CONFIG,
            "trusses/links/absolute": Symlink("/etc/passwd"),
            "trusses/links/out": Symlink("../../secret"),
            "trusses/links/nothing": Symlink("nowhere"),
            "trusses/links/a": Symlink("b"),
            "trusses/links/b": Symlink("a"),
            "trusses/links/here/around": Symlink("../here"),
            "trusses/sub/config.yaml": CONFIG,
            "trusses/sub/library": Submodule("1" * 40),
            "trusses/names/config.yaml": CONFIG,
            "trusses/names/back\\slash": "x",
            "trusses/names/con\x07trol": "x",
            "trusses/external/config.yaml": (
                "external_package_dirs: [../packages, /etc, ../../.., ../gone]\n"
            ),
            "trusses/external/packages/a.py": "1",
            "trusses/packages/a.py": "2",
            "trusses/pattern/config.yaml": CONFIG,
            "trusses/pattern/.truss_ignore": "*.log\n!\n",
        },
        message="Start",
    )
    made.branch("side")
    made.git("tag", "v1")
    made.switch("side")
    made.commit({"trusses/m/model.py": "side"}, message="On the side")
    made.switch("main")
    made.commit({"trusses/m/model.py": "main"}, message="On main")
    return made


def release(environment: str = "commit: HEAD", rest: str = "", top: str = TOP) -> dict[str, str]:
    inner = "".join(f"    {line}\n" for line in environment.split("\n"))
    return {"releases/m.yaml": f"{top}environments:\n  staging:\n{inner}{rest}"}


def check(body: str) -> dict[str, str]:
    inner = "".join(f"    {line}\n" for line in body.split("\n"))
    return release(rest=f"checks:\n  smoke:\n{inner}")


def setting(body: str) -> dict[str, str]:
    return release(f"commit: HEAD\n{body}")


def cases(repository: Repository) -> dict[str, Mapping[str, str | bytes]]:
    first = repository.id("v1")
    side = repository.id("side")
    unpinned = {"commit": "HEAD"}
    deep = "[" * 70 + "]" * 70
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
    )
    return {
        # The text itself
        "an empty file": {"releases/m.yaml": ""},
        "only a comment": {"releases/m.yaml": "# nothing\n"},
        "a list": {"releases/m.yaml": "- a\n"},
        "a scalar": {"releases/m.yaml": "hello\n"},
        "not UTF-8": {"releases/m.yaml": b"version: 1\nmodel: m\xff\n"},
        "UTF-16": {"releases/m.yaml": "version: 1\n".encode("utf-16")},
        "a control character": {"releases/m.yaml": 'version: 1\nmodel: "m\x07"\n'},
        "a file over 1 MiB": {"releases/m.yaml": b"#" * ((1 << 20) + 1)},
        "an alias bomb": {"releases/m.yaml": laughs},
        "an alias inside itself": {"releases/m.yaml": "a: &a [*a]\n"},
        "an alias without an anchor": {"releases/m.yaml": "a: *b\n"},
        "deep nesting": {"releases/m.yaml": f"a: {deep}\n"},
        "very deep nesting": {"releases/m.yaml": "- " * 100_000},
        "very deep braces": {"releases/m.yaml": "{a: " * 100_000},
        "a tab": {"releases/m.yaml": "version: 1\nenvironments:\n\tstaging: {}\n"},
        "a tag": release(rest="checks: !!python/object:os.system {}\n"),
        "two documents": {"releases/m.yaml": "version: 1\n---\nversion: 1\n"},
        "a merge key": release("<<: {commit: HEAD}"),
        "a map as key": {"releases/m.yaml": "? [a]\n: b\n"},
        "a number as key": {"releases/m.yaml": "1: a\n"},
        "a broken list": {"releases/m.yaml": "version: 1\nmodel: [a\nteam: b\n"},
        "a second colon": {"releases/m.yaml": "model: a: b\n"},
        "an unquoted @": {"releases/m.yaml": "model: @a\n"},
        "an open quote": {"releases/m.yaml": 'model: "a\n'},
        "duplicate keys": {
            "releases/m.yaml": f"{TOP}model: n\nenvironments: {{a: {{mode: pause, mode: pause}}}}\n"
        },
        "infinity": check("request: .inf"),
        "a file ending in .yml": {**release(), "releases/n.yml": "version: 1\n"},
        "no release file": {"README.md": "x"},
        # Keys and types
        "everything missing": {"releases/m.yaml": "{}\n"},
        "unknown version": release(top="version: 2\nmodel: m\ntruss: trusses/m\n"),
        "unknown key": release(rest="enviroments: {}\n"),
        "an unknown key far from any": setting("pineapple: 1"),
        "requires by name": setting("requires: {b: {for: 1h}}"),
        "unknown setting": setting("autoscaling: {min_replicas: 1, maxReplica: 2}"),
        "a misplaced key": setting("max_replica: 3"),
        "a key of hostile size": release(rest=f'"{"x" * 300}": 1\n'),
        "a key with escapes": release(rest='"\\e[31mred": 1\n'),
        "wrong types": {
            "releases/m.yaml": (
                "version: '1'\nmodel: 3\nteam: [a]\ntruss: {}\nmode: observed\n"
                "environments:\n  a: 3\n  b: [commit]\n"
            )
        },
        "nulls": release("commit:\nautoscaling: null\nchecks: ~\nwatch:", rest="team:\n"),
        "numbers of the wrong kind": setting(
            'autoscaling: {min_replica: "2", max_replica: 2.5, concurrency_target: true}'
        ),
        "out of range": setting(
            "autoscaling: {min_replica: -1, max_replica: 0, autoscaling_window: 5,"
            " scale_down_delay: 4000, concurrency_target: 0, target_utilization_percentage: 101,"
            " max_scale_down_rate: 51}"
        ),
        "min above max": setting("autoscaling: {min_replica: 3, max_replica: 2}"),
        "surge and unavailable": setting(
            "promotion: {rolling_deploy_config: {max_surge_percent: 1, max_unavailable_percent: 5}}"
        ),
        "neither surge nor unavailable": setting(
            "promotion: {rolling_deploy_config: {max_surge_percent: 0}}"
        ),
        "a surge out of range": setting(
            "promotion: {rolling_deploy_config: {max_surge_percent: 60,"
            " stabilization_time_seconds: 9999, replica_overhead_percent: 501}}"
        ),
        "a canary ramp": setting("promotion: {ramp_up_while_promoting: true}"),
        "an unknown clean-up": setting("promotion: {promotion_cleanup_strategy: SCALE_TO_ZER0}"),
        "backpressure": setting("backpressure: {policy: QUEUE}"),
        "schedules": setting(
            "schedules:\n"
            "  day: {cadence: DAYLY, autoscaling: {min_replica: 1, max_replica: 2}}\n"
            "  none: {autoscaling: {min_replica: 1, max_replica: 2}}\n"
            "  same: {cadence: DAILY, weekdays: [MONDAY], start_hour: 3, end_hour: 3,"
            " timezone: Europe/Berlin, autoscaling: {min_replica: 3, max_replica: 2}}\n"
            "  week: {cadence: HOURLY, weekdays: [Monday], start_minute: 70, end_minute: 5,"
            " autoscaling: {min_replica: 1, max_replica: 2}}\n"
            "  once: {cadence: ONE_TIME, start_at: 2026-12-24, end_at: 2026-12-24T18:00:00Z,"
            " autoscaling: {min_replica: 1, max_replica: 2}}"
        ),
        "schedules between keys": setting(
            "schedules:\n"
            "  same: {cadence: DAILY, weekdays: [MONDAY], start_hour: 3, end_hour: 3,"
            " timezone: Europe/Berlin, autoscaling: {min_replica: 3, max_replica: 2}}\n"
            "  once: {cadence: ONE_TIME, start_at: '2026-12-24T19:00:00Z',"
            " end_at: '2026-12-24T18:00:00Z', autoscaling: {min_replica: 1, max_replica: 2}}"
        ),
        "durations": setting("watch: {for: 10, unhealthy_for: 5 minutes, latency: {p95: 0s}}"),
        "shares": setting("watch: {error_rate: 2, min_requests: -1}"),
        "a watch's words": setting("watch: {on_failure: undo, on_inconclusive: ok}"),
        "allow": setting("allow: [scale-to-zero, everything]"),
        "timeouts": release(rest="timeouts: {build: 0s, strat: 5m}\n"),
        "retention": release(rest="retention: {action: remove}\n"),
        "an empty retention": release(rest="retention: {}\n"),
        # Environments
        "environment names": {
            "releases/m.yaml": f"{TOP}environments: {{Staging: {unpinned}, staging: {unpinned},"
            f" a_b: {unpinned}, '-x': {unpinned}, development: {unpinned}}}\n".replace(
                "'commit': 'HEAD'", "commit: HEAD"
            )
        },
        "no environments": {"releases/m.yaml": f"{TOP}environments: {{}}\n"},
        "neither commit nor deployment": release("protected: true"),
        "commit and deployment": release("commit: HEAD\ndeployment: abc"),
        "no truss": release(top="version: 1\nmodel: m\n"),
        "requires": {
            "releases/m.yaml": f"{TOP}environments:\n"
            "  a: {commit: HEAD, requires: b}\n"
            "  b: {commit: HEAD, requires: [c]}\n"
            "  c: {commit: HEAD, requires: {environment: a, for: 1m}}\n"
            "  d: {commit: HEAD, requires: d}\n"
            "  e: {commit: HEAD, requires: stagign}\n"
            "  f: {commit: HEAD, requires: [a, a]}\n"
            "  staging: {commit: HEAD, requires: []}\n"
        },
        "checks that nobody defines": release(
            "commit: HEAD\nchecks: [smok, smoke, smoke, {latency: {expect: {status: 200}}}]",
            rest="checks: {smoke: {request: 1}}\n",
        ),
        "changed checks": release(
            "commit: HEAD\nchecks: [[smoke], 3, {smoke: {runs: 3}}, {smoke: {expect: {p95: 3s}}}]",
            rest="checks: {smoke: {request: 1}}\n",
        ),
        # Pins
        "an abbreviated pin": release(f"commit: {first[:12]}"),
        "a branch": release("commit: main"),
        "a tag of Git": release("commit: v1"),
        "head in small letters": release("commit: head"),
        "an unknown abbreviation": release("commit: 0000000"),
        "a pin that is not here": release(f"commit: {'0' * 39}1"),
        "digits only": release(f"commit: {'1234567890' * 4}"),
        "digits with an exponent": release(f"commit: {'1' * 20}e{'1' * 19}"),
        "an id of another hash": release(f"commit: {'a' * 64}"),
        "a pin that was not merged": release(f"commit: {side}"),
        "an option as pin": release("commit: --upload-pack=/bin/sh"),
        # Trusses
        "a truss that is not there": release(top="version: 1\nmodel: m\ntruss: trusses/gone\n"),
        "a truss that leaves": release(top="version: 1\nmodel: m\ntruss: ../elsewhere\n"),
        "an absolute truss": release(top="version: 1\nmodel: m\ntruss: /trusses/m\n"),
        **{
            f"truss {name}": release(top=f"version: 1\nmodel: m\ntruss: trusses/{name}\n")
            for name in (
                *("deeper", "yml", "list", "empty", "broken", "nan", "lfs", "links", "sub"),
                *("names", "external", "pattern"),
            )
        },
        # Checks
        "nothing to send": check("runs: 3"),
        "request and requests": check("request: 1\nrequests: checks/a.jsonl"),
        "a check's path": check("request: 1\npath: predict"),
        "headers": check("request: 1\nheaders: {Authorization: x, 'a b': c, X-N: 3}"),
        "too many requests": check("request: 1\nruns: 300"),
        "too many lines": {**check("requests: a.jsonl\nmax_requests: 2"), "a.jsonl": "1\n2\n3\n"},
        "requests that are not there": check("requests: checks/a.jsonl"),
        "requests that leave": check("requests: ../a.jsonl"),
        "lines that are not JSON": {
            **check("requests: a.jsonl"),
            "a.jsonl": '{"a": 1}\n{a: 1}\nNaN\n{"request": 1, "expect": {"stats": 200}}\n'
            + "[" * 100_000,
        },
        "lines that not every reader takes": {
            **check("requests: a.jsonl"),
            "a.jsonl": '[1e400]\n["\\ud800"]\n' + "[" * 129 + "]" * 129 + "\n" + "9" * 5000 + "\n",
        },
        "no lines": {**check("requests: a.jsonl"), "a.jsonl": "\n\n"},
        "lines in Git LFS": {
            **check("requests: a.jsonl"),
            "a.jsonl": f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\n",
        },
        "a schema that is not there": check("request: 1\nexpect: {schema: checks/a.json}"),
        "a schema that is not JSON": {
            **check("request: 1\nexpect: {schema: a.json}"),
            "a.json": "{",
        },
        "a schema that is none": check("request: 1\nexpect: {schema: {type: strnig}}"),
        "a schema of a strange kind": check("request: 1\nexpect: {schema: {$schema: []}}"),
        "a schema that may be elsewhere": check(
            "request: 1\nexpect: {schema: {$dynamicRef: 'file:///etc/passwd'}}"
        ),
        "a schema elsewhere": check(
            "request: 1\nexpect: {schema: {$ref: 'https://example.invalid/s'}}"
        ),
        "a regular expression": check("request: 1\nexpect: {matches: '(a'}"),
        "a JSONPath": check("request: 1\nexpect: {at: '$.a[', contains: x}"),
        "a JSONPath for nothing": check("request: 1\nexpect: {at: $.a}"),
        "a status": check("request: 1\nexpect: {status: [200, 20]}"),
        "a ratio": check("request: 1\nexpect: {than_current: {latency: {p95: 0}}}"),
        "a first token": check("request: 1\nexpect: {latency: {first_token: 1s}}"),
        "a tolerance": check("request: 1\nexpect: {close_to: {value: 1}}"),
        # Between files, and gitops.yaml
        "one model in two files": {**release(), "releases/n.yaml": release()["releases/m.yaml"]},
        "defaults": {
            **release("commit: HEAD\nautoscaling: {min_replica: 5}\nchecks: [smok]"),
            "gitops.yaml": (
                "version: 1\nrelease: x\nlimits: {max_changed: 50}\n"
                "defaults:\n"
                "  environments: {staging: {autoscaling: {max_replica: 2}}, Prod: {}}\n"
                "  checks: {smoke: {request: 1, requests: a.jsonl}}\n"
            ),
        },
        "defaults of a wrong type": {
            **release(),
            "gitops.yaml": (
                "version: 1\ndefaults:\n  environments: {staging: {watch: {min_requests: x}}}\n"
            ),
        },
        "gitops.yaml that is a list": {**release(), "gitops.yaml": "[]\n"},
        "gitops.yaml without version": {**release(), "gitops.yaml": "team: a\n"},
    }


def test_every_problem_has_its_message(repository: Repository, golden: Golden) -> None:
    with Objects.discover(repository.path) as objects:
        head = objects.head()
        told = []
        for name, files in cases(repository).items():
            problems = validate(objects, MemoryFiles(files), head)
            assert problems, name
            told.append(f"## {name}\n{text(problems)}")
    golden("problems.txt", "\n".join(told))


def test_a_file_without_problems_has_none(repository: Repository) -> None:
    files: dict[str, Any] = {
        "releases/m.yaml": "\ufeff" + release()["releases/m.yaml"].replace("\n", "\r\n"),
        "gitops.yaml": "version: 1\n",
    }
    with Objects.discover(repository.path) as objects:
        assert validate(objects, MemoryFiles(files), objects.head()) == ()


def test_any_commit_where_pins_are_free(repository: Repository) -> None:
    files = {
        **release(f"commit: {repository.id('side')}"),
        "gitops.yaml": "version: 1\npins: any\n",
    }
    with Objects.discover(repository.path) as objects:
        assert validate(objects, MemoryFiles(files), objects.head()) == ()


def test_a_shallow_clone_says_how_to_fetch(repository: Repository, tmp_path: Path) -> None:
    first = repository.id("v1")
    shallow = repository.clone(tmp_path / "shallow", depth=1)
    with Objects.discover(shallow.path) as objects:
        problems = validate(objects, MemoryFiles(release(f"commit: {first}")), objects.head())
    assert [each.where.line for each in problems] == [6]
    assert "shallow" in problems[0].message
    assert "git fetch --unshallow" in (problems[0].hint or "")


def test_a_pin_is_read_as_written(repository: Repository) -> None:
    digits = f"{'1' * 20}e{'1' * 19}"
    with Objects.discover(repository.path) as objects:
        files = MemoryFiles(release(f"commit: {digits}"))
        (problem,) = validate(objects, files, objects.head())
    assert "111111111111 is not in this repository" in problem.message


def test_a_truss_that_is_none_hides_no_pin(repository: Repository) -> None:
    files = release("commit: nowhere", top=TOP.replace("trusses/m", "/etc"))
    with Objects.discover(repository.path) as objects:
        problems = validate(objects, MemoryFiles(files), objects.head())
    assert [each.path for each in problems] == ["truss", "environments.staging.commit"]


def test_hostile_text_reaches_no_terminal(repository: Repository) -> None:
    hostile = '"\\e]0;x\\a\\u202e": "\\e[31m"\n'
    with Objects.discover(repository.path) as objects:
        problems = validate(objects, MemoryFiles(release(rest=hostile)), objects.head())
    shown = text(problems)
    assert shown.replace("\n", "").isprintable()
    json.dumps(shown)


def test_an_object_that_is_missing_is_the_problem_of_its_own_truss(tmp_path: Path) -> None:
    made = Repository.create(
        tmp_path / "r",
        {"trusses/m/config.yaml": CONFIG, "trusses/lost/config.yaml": "model_name: lost\n"},
    )
    lost = made.git("rev-parse", "HEAD:trusses/lost/config.yaml").strip()
    (made.path / ".git/objects" / lost[:2] / lost[2:]).unlink()
    files = release()
    files["releases/lost.yaml"] = files["releases/m.yaml"].replace("model: m", "model: lost")
    files["releases/lost.yaml"] = files["releases/lost.yaml"].replace("trusses/m", "trusses/lost")
    with Objects.discover(made.path) as objects:
        (problem,) = validate(objects, MemoryFiles(files), objects.head())
    assert problem.where.file == "releases/lost.yaml"
    assert lost in problem.message
