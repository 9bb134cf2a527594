"""Git as people have it: clones, checkouts, settings and surroundings of every kind.

Commands run in this process, on clones of one repository that nothing changes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.cli.main import run
from gitops.git.commits import Commits
from gitops.git.process import MINIMUM_VERSION
from gitops.git.repository import Repository as Opened
from tests.repositories import EPOCH, Repository, Submodule

FILE = "releases/scorer.yaml"
RELEASE = """\
version: 1
model: scorer
truss: trusses/m
environments:
  staging:
    commit: HEAD
  production:
    commit: {pin}   # what customers get
"""
UMLAUT = """\
version: 1
model: größe
truss: trusses/größe
environments:
  production:
    commit: HEAD
    checks: [smoke]
checks:
  smoke:
    requests: checks/größe.jsonl
"""


def truss(note: str) -> dict[str, str]:
    return {"trusses/m/config.yaml": f"model_name: m\ndescription: {note}\n"}


def commits(made: Repository) -> None:
    """Two versions of a truss, the second one shipped, and a truss that is not ASCII."""
    first = made.commit(
        {
            **truss("one"),
            "trusses/m/model/model.py": "class Model:\n    pass\n",
            "trusses/größe/config.yaml": "model_name: u\n",
            "checks/größe.jsonl": '{"text": "ü"}\n',
            "releases/README.md": "One file a model.\n",
        },
        "One",
    )
    made.commit({FILE: RELEASE.format(pin=first), "releases/größe.yaml": UMLAUT}, "Release")
    second = made.commit(truss("two"), "Two")
    made.commit({FILE: RELEASE.format(pin=second)}, "Ship two")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository.create(tmp_path_factory.mktemp("oddities") / "origin")
    commits(made)
    made.git("config", "uploadpack.allowFilter", "true")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return made


@dataclass(frozen=True)
class Ended:
    code: object
    out: str
    err: str


Call = Callable[..., Ended]


@pytest.fixture
def gitops(capsys: pytest.CaptureFixture[str]) -> Call:
    def call(at: Path, *arguments: str) -> Ended:
        code: object
        try:
            code = run(["-C", str(at), *arguments])
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code, out, err)

    return call


def cloned(origin: Repository, path: Path, *options: str) -> Repository:
    origin.git("clone", "-q", *options, origin.url, str(path))
    return Repository(path)


def compiled(ended: Ended) -> str:
    """Desired state, as it is printed: the same bytes in every clone."""
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)["models"]) == 2
    return ended.out


def branch_of(ended: Ended) -> str:
    assert ended.code == 0, ended.err
    return ended.out.rpartition("Branch ")[2].partition(",")[0]


# Clones


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_a_partial_clone_fetches_at_once_and_says_so(
    origin: Repository, gitops: Call, tmp_path: Path, kind: str
) -> None:
    expected = compiled(gitops(origin.path, "compile"))
    clone = cloned(origin, tmp_path / "partial", "--no-checkout", f"--filter={kind}")
    first = gitops(clone.path, "compile")
    assert compiled(first) == expected
    blobs = [line for line in first.err.splitlines() if line.endswith(" all at once.")]
    told = [line.partition("fetching ")[2] for line in blobs if " blob" in line]
    assert told == [
        "2 blobs from origin, all at once.",  # the release files
        "3 blobs from origin, all at once.",  # what the trusses hold
        "1 blob from origin, all at once.",  # what the check asks
    ]
    again = gitops(clone.path, "compile")
    assert (compiled(again), again.err) == (expected, "")


def test_a_partial_clone_commits_beside_files_that_it_lacks(
    origin: Repository, gitops: Call, tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "partial", "--no-checkout", "--filter=blob:none")
    reverted = origin.id("HEAD~1^{tree}")
    branch = branch_of(gitops(clone.path, "rollback", "scorer", "production"))
    assert clone.id(f"{branch}^{{tree}}") == reverted
    missing = clone.git("rev-list", "--objects", "--missing=print", branch).count("?")
    assert missing, "its neighbours are still not here"


def test_a_partial_clone_whose_remote_is_gone_says_what_it_lacks(
    origin: Repository, gitops: Call, tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "partial", "--filter=blob:none")
    clone.git("remote", "set-url", "origin", str(tmp_path / "gone"))
    assert gitops(clone.path, "validate").err == "", "what is checked out is there"
    lacks = gitops(clone.path, "diff")
    assert lacks.code == 1
    assert "that this partial clone lacks cannot be fetched from origin" in lacks.err
    assert lacks.err.count("fetching") == 1, "nothing is tried twice"


def test_a_history_without_trees_is_not_searched_lazily(
    origin: Repository, gitops: Call, tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "treeless", "--filter=tree:0")
    searched = gitops(clone.path, "rollback", "scorer", "production")
    assert searched.code == 1
    assert "--filter=blob:none" in searched.err
    clone.git("fetch", "-q", "--refetch", "--filter=blob:none")
    assert gitops(clone.path, "rollback", "scorer", "production").code == 0


def test_a_shallow_clone_says_so(origin: Repository, gitops: Call, tmp_path: Path) -> None:
    shallow = cloned(origin, tmp_path / "shallow", "--depth=1").path
    for arguments in (("validate",), ("compile",), ("rollback", "scorer", "production")):
        ended = gitops(shallow, *arguments)
        assert ended.code == 1
        assert "shallow" in ended.out + ended.err
        assert "git fetch --unshallow" in ended.out + ended.err
    diff = gitops(shallow, "diff")
    assert (diff.code, "git fetch --deepen=1" in diff.err) == (1, True)
    deeper = cloned(origin, tmp_path / "deeper", "--depth=2").path
    assert gitops(deeper, "validate").code == 0
    back = gitops(deeper, "rollback", "scorer", "staging")
    assert back.code == 4
    assert "It is shallow" in back.err


def test_a_bare_mirror(origin: Repository, gitops: Call, tmp_path: Path) -> None:
    mirror = cloned(origin, tmp_path / "mirror.git", "--mirror")
    expected = compiled(gitops(origin.path, "compile", "--rev", "main~1"))
    assert compiled(gitops(mirror.path, "compile", "--rev", "main~1")) == expected
    assert "Valid: 2 release files" in gitops(mirror.path, "validate").out
    assert "scorer/production moves" in gitops(mirror.path, "diff").out
    branch = branch_of(gitops(mirror.path, "rollback", "scorer", "production"))
    assert mirror.id(f"{branch}^") == mirror.head


def test_a_repository_with_sha256(gitops: Call, tmp_path: Path) -> None:
    made = Repository.create(tmp_path / "sha256", object_format="sha256")
    commits(made)
    assert gitops(made.path, "validate").code == 0
    assert "scorer/production moves" in gitops(made.path, "diff").out
    branch = branch_of(gitops(made.path, "rollback", "scorer", "production"))
    assert made.read(FILE, branch) == made.read(FILE, "HEAD~1")
    made.write({FILE: RELEASE.format(pin="0" * 40)})
    assert "is no full commit id" in gitops(made.path, "validate").out


# Checkouts


def test_a_sparse_checkout_hides_no_release_file(
    origin: Repository, gitops: Call, tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "sparse", "--sparse")
    assert not (clone.path / "releases").exists()
    all_of_them = "Valid: 2 release files, 2 models, 3 environments"
    assert all_of_them in gitops(clone.path, "validate").out
    clone.git("sparse-checkout", "set", "trusses")
    assert all_of_them in gitops(clone.path / "trusses" / "m", "validate").out
    clone.git("sparse-checkout", "set", "releases")
    file = clone.path / FILE
    file.write_text(file.read_text().replace("scorer", "scorer-2"))
    assert "Valid: 2 release files" in gitops(clone.path, "validate").out
    assert gitops(clone.path, "rollback", "scorer", "production").code == 0


def test_from_a_folder_of_the_repository(origin: Repository, gitops: Call, tmp_path: Path) -> None:
    clone = cloned(origin, tmp_path / "clone")
    clone.git("update-index", "--chmod=+x", FILE)
    clone.git("commit", "-q", "-m", "Make it executable")
    ended = gitops(clone.path / "trusses" / "m", "rollback", "scorer", "production")
    assert "Reverts" in ended.out
    branch = branch_of(ended)
    assert clone.git("ls-tree", branch, FILE).startswith("100755")
    assert clone.read(FILE, branch) == clone.read(FILE, "HEAD~2")


def test_linked_work_trees_and_a_locked_index(
    origin: Repository, gitops: Call, tmp_path: Path
) -> None:
    clone = cloned(origin, tmp_path / "clone")
    clone.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    linked = Repository(tmp_path / "linked")
    lock = Path(linked.git("rev-parse", "--absolute-git-dir")) / "index.lock"
    lock.touch()
    linked.write({FILE: RELEASE.format(pin="0" * 40)})
    assert gitops(linked.path, "validate").code == 1, "its own files count"
    assert gitops(clone.path, "validate").code == 0
    branch = branch_of(gitops(linked.path, "rollback", "scorer", "production"))
    assert branch in clone.git("branch", "--list", "gitops/*")
    assert lock.exists()


def test_a_detached_head(origin: Repository, gitops: Call, tmp_path: Path) -> None:
    clone = cloned(origin, tmp_path / "detached")
    clone.git("checkout", "-q", "--detach", "HEAD~1")
    assert gitops(clone.path, "validate").code == 0
    assert gitops(clone.path, "diff").code == 0
    branch = branch_of(gitops(clone.path, "rollback", "scorer", "staging"))
    assert clone.id(f"{branch}^") == clone.head


def test_submodules_are_left_alone_and_one_in_a_truss_is_said(gitops: Call, tmp_path: Path) -> None:
    made = Repository.create(tmp_path / "made")
    commits(made)
    foreign = Submodule("1" * 40)
    made.commit({"vendor": foreign}, "Vendor")
    assert gitops(made.path, "validate").code == 0
    assert "nothing changes" in gitops(made.path, "diff").out
    made.commit({"trusses/m/lib": foreign}, "Into the truss")
    said = gitops(made.path, "validate").out
    assert "trusses/m/lib" in said
    assert "is a submodule" in said


@pytest.mark.parametrize("attributes", [False, True], ids=["autocrlf", "attributes"])
def test_files_that_are_checked_out_with_crlf(
    origin: Repository, gitops: Call, tmp_path: Path, attributes: bool
) -> None:
    clone = cloned(origin, tmp_path / "crlf", "--no-checkout")
    if attributes:
        (clone.path / ".git/info/attributes").write_text("* text=auto eol=crlf\n")
    else:
        clone.git("config", "core.autocrlf", "true")
    clone.git("checkout", "-q", "main")
    assert b"\r\n" in (clone.path / FILE).read_bytes()
    assert gitops(clone.path, "validate").code == 0
    assert compiled(gitops(clone.path, "compile")) == compiled(gitops(origin.path, "compile"))
    branch = branch_of(gitops(clone.path, "rollback", "scorer", "production"))
    assert clone.read(FILE, branch) == clone.read(FILE, "HEAD~1")
    assert clone.status() == []


def test_a_release_file_with_crlf_in_git_keeps_it(gitops: Call, tmp_path: Path) -> None:
    made = Repository.create(tmp_path / "made")
    commits(made)
    first, second = made.id("HEAD~3"), made.id("HEAD~1")
    text = made.read(FILE).replace(b"\n", b"\r\n")
    made.commit({FILE: text, "README.md": "and more"}, "With CRLF")
    branch = branch_of(gitops(made.path, "rollback", "scorer", "production", "--to", first))
    assert made.read(FILE, branch).replace(first.encode(), second.encode()).startswith(text[:150])
    assert b"\n" not in made.read(FILE, branch).replace(b"\r\n", b"")


def test_names_that_some_file_systems_take_for_one(gitops: Call, tmp_path: Path) -> None:
    made = Repository.create(tmp_path / "made")
    commits(made)
    other = made.read(FILE).decode().replace("model: scorer", "model: other")
    made.commit({"releases/Scorer.yaml": other.replace("trusses/m", "Trusses/M")}, "Capitals")
    ended = gitops(made.path, "validate")
    assert ended.code == 1
    said = ended.out + ended.err
    assert "differs from releases/Scorer.yaml in capitals alone" in said
    assert "there is no directory Trusses/M" in said
    assert "there is trusses/m" in said


# Surroundings


def test_the_variables_of_a_hook(
    origin: Repository, gitops: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = cloned(origin, tmp_path / "hook")
    clone.write({FILE: RELEASE.format(pin="0" * 40)})
    clone.git("add", FILE)
    index = (clone.path / ".git/index").read_bytes()
    for name, value in {
        "GIT_DIR": ".git",
        "GIT_INDEX_FILE": ".git/index",
        "GIT_PREFIX": "",
        "GIT_EDITOR": ":",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_CONFIG_PARAMETERS": "'core.quotepath'='true'",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(clone.path)
    assert gitops(Path(), "validate").code == 1
    branch = branch_of(gitops(Path(), "rollback", "scorer", "production"))
    monkeypatch.undo()
    assert clone.read(FILE, branch) == clone.read(FILE, "HEAD~1")
    assert (clone.path / ".git/index").read_bytes() == index


def test_nobody_to_commit_as(
    origin: Repository, gitops: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = cloned(origin, tmp_path / "nobody")
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")):
            monkeypatch.delenv(name)
    clone.git("config", "user.useConfigOnly", "true")
    refused = gitops(clone.path, "rollback", "scorer", "production")
    assert refused.code == 1
    assert 'git config user.name "…"' in refused.err
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    made = gitops(clone.path, "rollback", "scorer", "production")
    writer = "octocat <octocat@users.noreply.github.com>"
    assert f"what is written into Git is by {writer}, whom the CI run names" in made.err
    assert clone.git("log", "-1", "--format=%an <%ae>", branch_of(made)) == writer


@pytest.mark.parametrize(
    ("environ", "writer"),
    [
        ({}, "gitops <gitops@localhost>, for want of a better name"),
        ({"GITLAB_USER_NAME": "Ada"}, "Ada <Ada@gitlab.invalid>, whom the CI run names"),
    ],
    ids=["nobody", "ci"],
)
def test_who_writes_the_log_is_said_once(
    origin: Repository, tmp_path: Path, environ: dict[str, str], writer: str
) -> None:
    clone = cloned(origin, tmp_path / "clone")
    told: list[str] = []
    with Opened.discover(clone.path, {"PATH": os.environ["PATH"]}, say=told.append) as opened:
        commits = Commits(opened, opened.identity(environ))
        for subject in ("First", "Second"):
            commits.write(subject, {}, at=EPOCH, parents=[])
    assert told == [f"Git has no user.name here: what is written into Git is by {writer}."]


def test_a_repository_of_somebody_else(
    origin: Repository, gitops: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused = gitops(origin.path, "validate")
    assert refused.code == 1
    assert "its files belong to somebody else" in refused.err
    assert f"git config --global --add safe.directory {origin.path}" in refused.err


def test_a_git_that_is_too_old(
    origin: Repository, gitops: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && echo "git version 2.29.0" && exit\nexec {real} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
    refused = gitops(origin.path, "validate")
    assert refused.code == 1
    least = ".".join(str(part) for part in MINIMUM_VERSION)
    assert f"Install Git {least} or newer" in refused.err
