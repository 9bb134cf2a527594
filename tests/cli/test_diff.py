"""`gitops diff`: two commits compared in terms of releases, offline."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.cli.main import run
from gitops.plan.release_diff import Direction, release_diff
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel, Requirement, Watch
from gitops.state.names import ModelKey
from gitops.state.settings import Settings
from tests.golden_files import Golden
from tests.repositories import Repository

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gitops(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(repository.path), "diff", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def truss(memory: str, note: str = "") -> dict[str, str]:
    return {
        "trusses/m/config.yaml": f"model_name: m\nresources: {{cpu: '1', memory: {memory}}}\n"
        "external_package_dirs: [../common]\n",
        "trusses/m/model/model.py": f"# {note}\nclass Model: ...\n",
    }


SHARED = "trusses/common/words.py"
RELEASE = """\
version: 1
model: scorer
truss: trusses/m
environments:
  staging:
    commit: HEAD
    checks: [smoke]
  production:
    commit: {pin}
    requires: {requires}
    autoscaling: {{min_replica: {replicas}}}
    watch: {{for: {watch}, error_rate: 0.02}}
    checks: {checks}
checks:
  smoke:
    request: {{text: hello}}
    timeout: {timeout}
  fast:
    request: {{text: hello}}
    runs: 20
    expect: {{latency: {{p95: 800ms}}}}
"""
BEFORE = {
    "requires": "staging",
    "replicas": "1",
    "watch": "10m",
    "checks": "[smoke]",
    "timeout": "60s",
}
AFTER = {
    "requires": "{environment: staging, for: 30m}",
    "replicas": "3",
    "watch": "30m",
    "checks": "[smoke, fast]",
    "timeout": "5s",
}


@pytest.fixture
def moved(repository: Repository) -> tuple[str, str]:
    """A commit before, and one after in which much is different; the pins of both."""
    first = repository.commit({**truss("2Gi"), SHARED: "A = 1\n"}, "First truss")
    repository.commit({"releases/scorer.yaml": RELEASE.format(pin=first, **BEFORE)}, "Release it")
    repository.commit(truss("4Gi", "more"), "Twice the memory")
    second = repository.commit({SHARED: "A = 2\n", "README.md": "read"}, "Count to two")
    release = RELEASE.format(pin=second, **AFTER)
    repository.commit({"releases/scorer.yaml": release}, "Ship it")
    return first, second


def cut(text: str, repository: Repository) -> str:
    """Commit ids differ from run to run; their subjects tell them apart."""
    for commit in repository.git("rev-list", "--all").split():
        name = repository.git("log", "-1", "--format=%s", commit).replace(" ", "-")
        text = text.replace(commit, name).replace(commit[:12], name)
    return text


@pytest.mark.usefixtures("moved")
def test_what_ships_is_told(repository: Repository, gitops: Call, golden: Golden) -> None:
    code, out, err = gitops("HEAD~3..HEAD")
    assert (code, err) == (0, "")
    golden("diff.txt", cut(out, repository))
    assert gitops("HEAD~3") == (code, out, err)
    assert gitops("HEAD~3", "--detailed-exitcode") == (2, out, err)
    code, out, err = gitops("HEAD~3..HEAD", "--format", "markdown")
    golden("diff.md", cut(out, repository))


def test_a_way_back_names_what_is_taken_out(
    repository: Repository, moved: tuple[str, str], gitops: Call, golden: Golden
) -> None:
    repository.revert("HEAD")
    code, out, _ = gitops()
    assert code == 0
    golden("diff-back.txt", cut(out, repository))
    found = json.loads(gitops("--format", "json")[1])
    [production] = [
        each for each in found["models"][0]["environments"] if each["environment"] == "production"
    ]
    assert production["move"]["direction"] == "back"
    assert [each["subject"] for each in production["move"]["commits"]] == [
        "Count to two",
        "Twice the memory",
    ]
    assert production["move"]["before"]["commit"] == moved[1]


@pytest.mark.usefixtures("moved")
def test_a_commit_and_its_revert_cancel_each_other_out(
    repository: Repository, gitops: Call, golden: Golden
) -> None:
    start = repository.head
    bad = repository.commit({SHARED: "A = 3\n"}, "Count too far")
    repository.commit(truss("4Gi", "better"), "Say it better")
    repository.revert(bad)
    golden("diff-cancelled.txt", cut(gitops(start)[1], repository))
    told = cut(gitops(start, "--format", "markdown")[1], repository)
    assert "(HEAD): 1 commit ships, 2 cancel each other out." in told
    assert '  - `Say-it-better` Say it better\n  - `Revert-"Count-too-far"` and' in told


def test_what_comes_and_goes(
    repository: Repository, moved: tuple[str, str], gitops: Call, golden: Golden
) -> None:
    other = "version: 1\nmodel: other\nenvironments: {staging: {deployment: d1}}\n"
    alone = RELEASE.format(pin=moved[1], **AFTER).replace("  staging:\n", "  canary:\n")
    alone = alone.replace("{environment: staging, for: 30m}", "canary")
    repository.commit({"releases/scorer.yaml": alone, "releases/other.yaml": other}, "Come")
    golden("diff-comes.txt", cut(gitops()[1], repository))
    repository.commit({"releases/other.yaml": None}, "Go")
    golden("diff-goes.txt", cut(gitops()[1], repository))


@pytest.mark.usefixtures("moved")
def test_nothing_is_different(repository: Repository, gitops: Call) -> None:
    repository.commit({"README.md": "nothing that is served"}, "Only words")
    code, out, _ = gitops("--detailed-exitcode")
    assert (code, out.splitlines()[-1]) == (0, "Diff: nothing changes in 1 model.")


def test_rules_that_hold_for_all_models_are_told(repository: Repository, gitops: Call) -> None:
    files = {**truss("1Gi"), SHARED: "", "gitops.yaml": "version: 1\nlimits: {max_rollbacks: 2}\n"}
    repository.commit(
        {
            **files,
            "releases/m.yaml": "version: 1\nmodel: m\ntruss: trusses/m\n"
            "environments: {staging: {commit: HEAD}}\n",
        }
    )
    weaker = "version: 1\npins: any\nbranch: other\nremote: fork\nlimits: {max_rollbacks: 99}\n"
    repository.commit({"gitops.yaml": weaker})
    code, out, _ = gitops("--detailed-exitcode")
    told = (
        "gitops.yaml changes in 4 fields, for all models.\n"
        "    + branch                other\n"
        "    ~ limits.max_rollbacks  2 -> 99\n"
        "    ~ pins                  ancestors -> any\n"
        "    ~ remote                origin -> fork\n"
        "\nDiff: 4 fields of gitops.yaml change.\n"
    )
    assert (code, out.split("\n\n", 1)[1]) == (2, told)
    _, out, _ = gitops("--format", "markdown")
    assert "- gitops.yaml changes in 4 fields, for all models.\n\n  ```diff\n" in out
    assert "  + pins: any\n" in out
    document = json.loads(gitops("--format", "json")[1])
    assert [each["path"] for each in document["repository"]] == [
        *("branch", "limits.max_rollbacks", "pins", "remote")
    ]


def test_names_alone_that_are_too_long_for_a_comment_are_counted(
    repository: Repository, gitops: Call
) -> None:
    repository.commit({"releases/none": ""})
    repository.commit(
        {
            f"releases/{at}.yaml": f"version: 1\nmodel: '{at:03}{'ü' * 250}'\n"
            "environments: {staging: {deployment: d}}\n"
            for at in range(300)
        }
    )
    _, out, _ = gitops("--format", "markdown")
    assert len(out) < 65_536
    assert "300 models" in out


@pytest.mark.usefixtures("moved")
def test_three_dots_compare_with_where_two_branches_parted(
    repository: Repository, gitops: Call
) -> None:
    repository.switch("work", create=True)
    repository.commit(truss("8Gi"), "Work")
    repository.switch("main")
    repository.commit({"README.md": "main goes on"}, "Main")
    fork = repository.git("rev-parse", "HEAD~1")
    assert gitops("main...work")[1] == gitops(f"{fork}..work")[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("nowhere", "names no commit here"),
        ("HEAD..nowhere", "names no commit here"),
        ("HEAD~4..HEAD~3", ""),
    ],
)
@pytest.mark.usefixtures("moved")
def test_ends_that_are_not_there(gitops: Call, asked: str, said: str) -> None:
    code, out, err = gitops(asked)
    if said:
        assert (code, out) == (1, "")
        assert said in err
    else:
        assert code == 0
        assert "scorer is new" in out


def test_the_first_commit_has_none_before_it(repository: Repository, gitops: Call) -> None:
    repository.commit({"README.md": "first"})
    code, _, err = gitops()
    assert code == 1
    assert "HEAD has no commit before it" in err


def test_a_base_that_is_invalid_is_named(repository: Repository, gitops: Call) -> None:
    repository.commit({"releases/a.yaml": "version: 1\nmodle: a\n"})
    repository.commit({"releases/a.yaml": None})
    code, _, err = gitops()
    assert code == 1
    assert "are not valid: releases/a.yaml:1:1: environments: is missing" in err


@pytest.mark.usefixtures("moved")
def test_words_of_others_do_nothing(repository: Repository, gitops: Call) -> None:
    evil = "\x1b[31m@team <img src=x> [a](http://x) \u202e"
    repository.commit(truss("8Gi", "again"), evil)
    _, out, _ = gitops()
    assert "\x1b" not in out
    assert "\u202e" not in out
    _, out, _ = gitops("--format", "markdown")
    assert r"`\x1b[31m@team` `<img`" in out
    assert "`[a](http://x`)" in out


class Straight:
    """A history in which everything lies forward."""

    def expect(self, *_: Any) -> None:
        pass

    def direction(self, before: str, after: str) -> Direction:
        return "forward" if os.fsencode(before) <= os.fsencode(after) else "back"

    def between(self, *_: Any) -> tuple[()]:
        return ()


WATCHES = st.builds(Watch, seconds=st.sampled_from([0.0, 60.0]), min_requests=st.integers(0, 2))
ENVIRONMENTS = st.builds(
    DesiredEnvironment,
    name=st.sampled_from(["staging", "production"]),
    deployment=st.sampled_from([None, "d1", "d2"]),
    requires=st.lists(
        st.builds(Requirement, environment=st.sampled_from(["a", "b"])),
        max_size=2,
        unique_by=lambda each: each.environment,
    ).map(tuple),
    settings=st.builds(
        Settings,
        autoscaling=st.dictionaries(st.sampled_from(["min_replica"]), st.integers(0, 1)),
    ),
    watch=st.none() | WATCHES,
    allow=st.frozensets(st.sampled_from(["scale_to_zero", "instance_type"])),
    protected=st.booleans(),
)
FLEETS = st.dictionaries(
    st.sampled_from(["m", "n"]),
    st.lists(ENVIRONMENTS, max_size=2, unique_by=lambda each: each.name),
    max_size=2,
)


def fleet(models: Mapping[str, list[DesiredEnvironment]]) -> Desired:
    return Desired(
        commit="c",
        models=tuple(
            DesiredModel(
                key=ModelKey(None, name),
                release_file=f"releases/{name}.yaml",
                environments=tuple(environments),
            )
            for name, environments in models.items()
        ),
    )


@given(before=FLEETS, after=FLEETS)
def test_nothing_is_told_of_what_is_equal_and_everything_else_is(
    before: Mapping[str, list[DesiredEnvironment]], after: Mapping[str, list[DesiredEnvironment]]
) -> None:
    found = release_diff(fleet(before), fleet(after), Straight())
    told = {model.model for model in found.models}
    for name in {*before, *after}:
        one = {each.name: each for each in before.get(name, [])}
        other = {each.name: each for each in after.get(name, [])}
        same = name in before and name in after and one == other
        assert (name in told) is not same
    assert not release_diff(fleet(after), fleet(after), Straight()).changes
