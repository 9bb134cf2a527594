"""`gitops rollback`: what an environment asked for before, on a branch, made without a network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops.cli.main import run
from gitops.yaml.document import read
from tests.repositories import Repository

Call = Callable[..., tuple[int, str, str]]
FILE = "releases/scorer.yaml"
RELEASE = """\
version: 1
model: scorer
truss: trusses/m
environments:
  staging:
    commit: HEAD
  production:
    # customers see this
    commit: {pin}   # pinned
    autoscaling: {{min_replica: {replicas}}}
"""


@pytest.fixture
def gitops(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(repository.path), "rollback", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def truss(note: str) -> dict[str, str]:
    return {"trusses/m/config.yaml": f"model_name: m\ndescription: {note}\n"}


def release(pin: str, replicas: int = 1) -> dict[str, str]:
    return {FILE: RELEASE.format(pin=pin, replicas=replicas)}


@pytest.fixture
def pins(repository: Repository) -> tuple[str, str]:
    """Two versions of the truss; production is at the first."""
    first = repository.commit(truss("one"), "First")
    second = repository.commit(truss("two"), "Second")
    repository.commit(release(first), "Release the first")
    return first, second


def branch_of(out: str) -> tuple[str, str]:
    line = out.splitlines()[-1]
    assert line.startswith("Branch ")
    name, commit = line.removeprefix("Branch ").removesuffix(".").split(", commit ")
    return name, commit


def test_a_commit_that_holds_only_that_is_reverted(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    before = repository.read(FILE)
    bad = repository.commit(release(pins[1]), "Ship the second")
    repository.commit({"README.md": "work goes on"}, "Words")
    head = repository.head
    code, out, err = gitops("scorer", "production")
    assert code == 0
    assert "Nothing changed on Baseten yet" in err
    name, commit = branch_of(out)
    assert name == f"gitops/rollback-scorer-production-{bad[:12]}"
    assert repository.id(name) == commit
    assert repository.id(f"{name}^") == head == repository.head
    assert repository.status() == []
    assert repository.read(FILE, commit) == before
    assert repository.read("README.md", commit) == b"work goes on"
    message = repository.git("log", "-1", "--format=%B", commit)
    assert message.startswith('Revert "Ship the second"\n')
    assert f"This reverts commit {bad}." in message
    assert f'Reverts {bad[:12]} "Ship the second"' in out


def test_a_rollback_of_a_rollback_goes_forward_again(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    repository.commit(release(pins[1]), "Ship the second")
    good = repository.read(FILE)
    name, _ = branch_of(gitops("scorer", "production")[1])
    repository.merge(name)
    assert repository.read(FILE) != good
    name, commit = branch_of(gitops("scorer", "production")[1])
    assert repository.read(FILE, commit) == good


def test_what_else_a_commit_changed_stays(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    changed = {**release(pins[1], replicas=3), "README.md": "also"}
    bad = repository.commit(changed, "Ship and scale")
    code, out, _ = gitops("scorer", "production")
    assert code == 0
    _, commit = branch_of(out)
    assert "changes other files too: README.md" in out
    assert repository.read(FILE, commit) == release(pins[0], replicas=3)[FILE].encode()
    assert bad[:12] in out


def test_of_a_squash_that_changed_several_environments_only_one_goes_back(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    pinned = release(pins[0])[FILE].replace("commit: HEAD", f"commit: {pins[0]}")
    repository.commit({FILE: pinned}, "Pin both")
    repository.commit({FILE: pinned.replace(pins[0], pins[1])}, "Ship both")
    code, out, _ = gitops("scorer", "production")
    assert code == 0
    assert "changes scorer/staging too" in out
    assert f"(`git revert {repository.head[:12]}` takes all of it back)" in out
    _, commit = branch_of(out)
    text = repository.read(FILE, commit).decode()
    assert f"staging:\n    commit: {pins[1]}" in text
    assert f"    commit: {pins[0]}   # pinned" in text


def test_of_environments_that_share_their_text_only_one_goes_back(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    text = RELEASE.partition("environments:")[0] + (
        "environments:\n  staging: &both\n    commit: {pin}\n  production: *both\n"
    )
    for pin in pins:
        repository.commit({FILE: text.format(pin=pin)}, "Ship to both")
    _, commit = branch_of(gitops("scorer", "production")[1])
    asked = read(FILE, repository.read(FILE, commit)).value
    assert asked == {
        "version": 1,
        "model": "scorer",
        "truss": "trusses/m",
        "environments": {"staging": {"commit": pins[1]}, "production": {"commit": pins[0]}},
    }


def test_what_others_push_and_what_is_built_here_take_each_others_place(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    text = release(pins[0])[FILE]
    theirs = text.replace(f"commit: {pins[0]}   # pinned", "deployment: theirs")
    repository.commit({FILE: theirs, "README.md": "also"}, "Take theirs")
    _, commit = branch_of(gitops("scorer", "production")[1])
    changed = read(FILE, repository.read(FILE, commit)).value
    assert changed == read(FILE, text.encode()).value
    assert b"    # customers see this\n" in repository.read(FILE, commit)
    repository.commit({FILE: text, "README.md": "again"}, "Take ours")
    _, commit = branch_of(gitops("scorer", "production")[1])
    changed = read(FILE, repository.read(FILE, commit)).value
    assert changed == read(FILE, theirs.encode()).value


def test_what_no_pin_takes_back_is_refused(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    text = release(pins[0])[FILE]
    repository.commit({FILE: text.replace("truss:", "rebuild: again\ntruss:")}, "Build again")
    code, out, err = gitops("scorer", "production")
    assert (code, out) == (4, "")
    assert "`rebuild` of releases/scorer.yaml was another then" in err
    assert repository.git("log", "--format=%s", "-G^rebuild:", "--", FILE) == "Build again"


@pytest.mark.usefixtures("pins")
def test_an_environment_that_follows_the_branch_takes_back_the_source(
    repository: Repository, gitops: Call
) -> None:
    repository.commit(truss("three"), "Third")
    code, out, _ = gitops("scorer", "staging")
    assert code == 0
    _, commit = branch_of(out)
    assert (
        repository.read("trusses/m/config.yaml", commit)
        == truss("two")["trusses/m/config.yaml"].encode()
    )
    assert repository.read(FILE, commit) == repository.read(FILE)


def test_a_merge_is_taken_back_as_one(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    before = repository.read(FILE)
    repository.switch("ship", create=True)
    repository.commit(release("0" * 40), "Wrong")
    repository.commit(release(pins[1]), "Ship the second")
    repository.switch("main")
    repository.commit({"README.md": "meanwhile"}, "Words")
    merge = repository.merge("ship")
    code, out, _ = gitops("scorer", "production")
    assert code == 0
    assert merge[:12] in out
    assert repository.read(FILE, branch_of(out)[1]) == before


def test_later_changes_of_the_same_file_are_kept(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    repository.commit(release(pins[1]), "Ship the second")
    later = release(pins[1])[FILE] + "timeouts: {build: 10m}\n"
    repository.commit({FILE: later}, "Wait longer")
    code, out, _ = gitops("scorer", "production")
    assert code == 0
    assert "Reverts" in out
    assert repository.read(FILE, branch_of(out)[1]) == later.replace(pins[1], pins[0]).encode()


def test_a_release_file_that_was_renamed_since(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    repository.commit(release(pins[1]), "Ship the second")
    moved = {FILE: None, "releases/teams/scorer.yaml": release(pins[1])[FILE]}
    repository.commit(moved, "Move it")
    code, out, _ = gitops("scorer", "production", "--to", pins[0])
    assert code == 0
    commit = branch_of(out)[1]
    assert pins[0].encode() in repository.read("releases/teams/scorer.yaml", commit)


def test_a_release_file_that_was_renamed_since_is_followed(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    bad = repository.commit(release(pins[1]), "Ship the second")
    moved = {FILE: None, "releases/teams/scorer.yaml": release(pins[1])[FILE]}
    repository.commit(moved, "Move it")
    code, out, err = gitops("scorer", "production")
    assert code == 0, err
    assert f"Reverts {bad[:12]}" in out
    commit = branch_of(out)[1]
    assert repository.read("releases/teams/scorer.yaml", commit) == release(pins[0])[FILE].encode()
    assert repository.git("diff", "--name-only", "HEAD", commit) == "releases/teams/scorer.yaml"


def test_a_commit_that_renamed_the_file_as_well_is_taken_back_whole(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    before = repository.id("HEAD^{tree}")
    moved = {FILE: None, "releases/teams/scorer.yaml": release(pins[1])[FILE]}
    repository.commit(moved, "Move it and ship the second")
    code, out, err = gitops("scorer", "production")
    assert code == 0, err
    assert repository.id(f"{branch_of(out)[1]}^{{tree}}") == before


@pytest.mark.usefixtures("pins")
def test_a_truss_that_was_moved_since_is_followed(repository: Repository, gitops: Call) -> None:
    bad = repository.commit(truss("three"), "Third")
    old, new = "trusses/m/config.yaml", "trusses/teams/m/config.yaml"
    text = repository.read(FILE).decode()
    staging = text.replace("trusses/m", "trusses/teams/m").partition("  production:")[0]
    repository.commit({old: None, new: truss("three")[old], FILE: staging}, "Move the truss")
    repository.commit({"README.md": "work goes on"}, "Words")
    code, out, err = gitops("scorer", "staging")
    assert code == 0, err
    assert f"Reverts {bad[:12]}" in out
    commit = branch_of(out)[1]
    assert repository.read(new, commit) == truss("two")[old].encode()
    assert repository.git("diff", "--name-only", "HEAD", commit) == new


@pytest.mark.usefixtures("pins")
def test_a_pin_that_came_with_a_move_of_its_truss_goes_back_with_it(
    repository: Repository, gitops: Call
) -> None:
    before = repository.id("HEAD^{tree}")
    old, new = "trusses/m/config.yaml", "trusses/teams/m/config.yaml"
    repository.switch("move", create=True)
    moved = repository.commit({old: None, new: truss("two")[old]}, "Move the truss")
    text = release(moved)[FILE].replace("trusses/m", "trusses/teams/m")
    repository.commit({FILE: text}, "Ship it from there")
    repository.switch("main")
    merge = repository.merge("move")
    code, out, err = gitops("scorer", "production")
    assert code == 0, err
    assert f"Reverts {merge[:12]}" in out, "the pin alone would name a commit without that folder"
    assert repository.id(f"{branch_of(out)[1]}^{{tree}}") == before


def test_what_was_not_valid_in_between_is_passed_over(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    repository.commit(release("0" * 40), "Wrong")
    repository.commit(release(pins[1]), "Ship the second")
    code, out, err = gitops("scorer", "production")
    assert code == 0, err
    assert f"goes from commit {pins[1][:12]} to commit {pins[0][:12]}" in out
    assert pins[0].encode() in repository.read(FILE, branch_of(out)[1])


def test_a_rollback_that_edited_the_pin_is_taken_back_by_one_revert(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    repository.commit({**release(pins[1], replicas=3), "README.md": "also"}, "Ship and scale")
    fixed = repository.read(FILE)
    name, _ = branch_of(gitops("scorer", "production")[1])
    merge = repository.merge(name)
    code, out, err = gitops("scorer", "production")
    assert code == 0, err
    assert f"Reverts {merge[:12]}" in out
    assert repository.read(FILE, branch_of(out)[1]) == fixed


def test_a_commit_with_the_same_files_is_no_way_back(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    repository.commit(release(pins[1]), "Ship the second")
    same = repository.commit({"README.md": "work goes on"}, "Words")
    code, out, err = gitops("scorer", "production", "--to", same)
    assert (code, out) == (1, "")
    assert "the same files" in err
    assert repository.git("branch", "--list", "gitops/*") == ""


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("scorer", "nowhere"), 1, "has no environment 'nowhere'"),
        (("scorrer", "production"), 1, "did you mean scorer"),
        (("scorer", "production"), 4, "nothing else was ever asked for"),
        (("scorer", "production", "--to", "nowhere"), 1, "names no commit here"),
        (("scorer", "production", "--to", "main~1", "--branch", "main"), 1, "there is a branch"),
        (("scorer", "production", "--branch", "a..b"), 4, "nothing else was ever asked for"),
    ],
)
@pytest.mark.usefixtures("pins")
def test_what_cannot_be_is_said(gitops: Call, asked: tuple[str, ...], code: int, said: str) -> None:
    ended, out, err = gitops(*asked)
    assert (ended, out) == (code, "")
    assert said in err


def test_a_branch_of_ours_has_room_beside_one_that_is_called_gitops(
    repository: Repository, gitops: Call, pins: tuple[str, str]
) -> None:
    bad = repository.commit(release(pins[1]), "Ship the second")
    repository.branch("gitops")
    name, commit = branch_of(gitops("scorer", "production")[1])
    assert name == f"gitops-rollback-scorer-production-{bad[:12]}"
    assert repository.id(name) == commit
    repository.branch("a/b")
    for taken, other in (("gitops/mine", "gitops"), ("a", "a/b")):
        code, _, err = gitops("scorer", "production", "--branch", taken)
        assert code == 1
        assert f"there is a branch {other}, and beside it" in err


COMMENTS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=20).map(
    lambda text: f"# {text}"
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(comments=st.lists(COMMENTS, min_size=3, max_size=3), blank=st.booleans())
def test_there_and_back_is_the_same_bytes(
    repository: Repository, gitops: Call, comments: list[str], blank: bool
) -> None:
    """Whatever stands around a pin."""
    repository.commit(truss("one"), "Truss one")
    one = repository.head
    two = repository.commit(truss("two"), "Truss two")
    lines = [
        comments[0],
        RELEASE.format(pin=one, replicas=1).rstrip(),
        *([""] if blank else []),
        *comments,
    ]
    text = "\n".join(lines) + "\n"
    repository.commit({FILE: text}, "One")
    repository.commit({FILE: text.replace(one, two)}, "Two")
    code, out, err = gitops("scorer", "production")
    assert code == 0, err
    assert repository.read(FILE, branch_of(out)[1]) == text.encode()
