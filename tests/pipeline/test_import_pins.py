"""Which commit a deployment was made from: proved by every file, or said not to be."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitops.baseten.archives import read_tar
from gitops.git.repository import Repository
from gitops.git.treesearch import TreeSearch
from gitops.pipeline.importing.pins import Hint, Prover, Sought
from gitops.state.archived import Archived
from tests.pipeline.importing import tar, truss
from tests.repositories import Executable, Symlink
from tests.repositories import Repository as Made

CODE = {"model/model.py": "print(1)\n", "data/größe.txt": "1\n"}
FIRST = truss(note="one", **CODE)
SECOND = truss(note="one", **{**CODE, "model/model.py": "print(2)\n"})
WITH_EXTERNALS = {
    "t/config.yaml": "model_name: t\nexternal_package_dirs: [../common]\n",
    "t/model/model.py": "import util\n",
    "common/util.py": "one = 1\n",
}


def archived(files: Mapping[str, Any], below: str = "trusses/triage/") -> Archived:
    return read_tar(io.BytesIO(tar(files, below)), "sha1")


def sought(made: Made, *deployed: Archived, any_commit: bool = False) -> list[Sought]:
    with Repository.discover(made.path) as repository:
        prover = Prover(
            objects=repository,
            trees=TreeSearch(repository),
            head=repository.head(),
            any_commit=any_commit,
        )
        return prover.of_files(list(deployed))


def commit_of(found: Sought) -> str:
    assert found.source is not None, found.near
    return found.source.commit.id


def test_the_newest_commit_with_just_these_files_is_found(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FIRST)
    second = made.commit(SECOND)
    made.commit({"README.md": "other things\n"})
    back = made.revert(second)
    made.commit({"trusses/triage/later.py": "x\n"})
    one, two = sought(made, archived(FIRST), archived(SECOND))
    assert (commit_of(one), commit_of(two)) == (back, second)
    assert one.source is not None
    assert (one.source.artifact.truss, one.source.merged) == ("trusses/triage", True)


def test_files_that_are_not_uploaded_do_not_count(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FIRST | {"trusses/triage/__pycache__/x.pyc": "cached"})
    [found] = sought(made, archived(FIRST))
    assert commit_of(found) == made.head


def test_links_are_what_they_lead_to(tmp_path: Path) -> None:
    linked = {"trusses/triage/again.py": Symlink("model/model.py")}
    made = Made.create(tmp_path, FIRST | linked)
    deployed = FIRST | {"trusses/triage/again.py": CODE["model/model.py"]}
    [found] = sought(made, archived(deployed))
    assert commit_of(found) == made.head


def test_packages_from_outside_are_part_of_it(tmp_path: Path) -> None:
    made = Made.create(tmp_path, WITH_EXTERNALS)
    first = made.head
    made.commit({"common/util.py": "one = 2\n"})
    made.commit({"t/model/model.py": "import util, sys\n"})
    deployed = {
        "config.yaml": "# written anew\nmodel_name: t\nexternal_package_dirs: []\n",
        "model/model.py": "import util\n",
        "packages/util.py": "one = 1\n",
    }
    unlike = deployed | {"config.yaml": "model_name: t\npython_version: py312\n"}
    one, other = sought(made, archived(deployed, ""), archived(unlike, ""))
    assert commit_of(one) == first
    assert other.near is not None
    assert other.near.commit.id == first
    assert other.near.differs == ("config.yaml differs",)


def test_a_truss_of_settings_alone_is_found_behind_its_packages(tmp_path: Path) -> None:
    settings = {key: it for key, it in WITH_EXTERNALS.items() if not key.endswith("model.py")}
    made = Made.create(tmp_path, settings)
    made.commit({"u/config.yaml": "model_name: u\n"})
    deployed = {"config.yaml": "model_name: t\n", "packages/util.py": "one = 1\n"}
    [found] = sought(made, archived(deployed, ""))
    assert found.source is not None
    assert found.source.artifact.truss == "t"


def test_the_executable_bit_decides_between_equal_files_and_proves_nothing(tmp_path: Path) -> None:
    script = {"trusses/triage/run.sh": Executable("#!/bin/sh\n")}
    made = Made.create(tmp_path, FIRST | script)
    marked = made.head
    made.commit({"trusses/triage/run.sh": None})
    made.commit({"trusses/triage/run.sh": "#!/bin/sh\n"})
    [found] = sought(made, archived(FIRST | script))
    assert commit_of(found) == marked
    both = {"trusses/triage/model/model.py": Executable(CODE["model/model.py"])}
    [other] = sought(made, archived(FIRST | script | both))
    assert other.source is not None
    assert len(other.source.modes) >= 1


def test_what_no_commit_holds_comes_with_the_nearest(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FIRST)
    second = made.commit(SECOND)
    deployed = SECOND | {
        "trusses/triage/.env": "SECRET=1\n",
        "trusses/triage/data/größe.txt": "2\n",
    }
    many = SECOND | {f"trusses/triage/{'x' * 300}/{number}": "\n" for number in range(60)}
    found, other, crowded = sought(
        made, archived(deployed), archived({"config.yaml": "a: 1\n"}, ""), archived(many)
    )
    assert crowded.near is not None
    assert (len(crowded.near.differs), crowded.near.more) == (50, 10)
    assert max(map(len, crowded.near.differs)) == 200
    assert found.near is not None
    assert found.near.commit.id == second
    assert found.near.differs == (
        ".env is deployed and not in the commit",
        "data/größe.txt differs",
    )
    assert other == Sought()


def test_files_with_windows_line_ends_are_told_apart(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FIRST)
    windows = {path: text.replace("\n", "\r\n") for path, text in FIRST.items()}
    [found] = sought(made, archived(windows))
    assert found.near is not None
    assert found.near.commit.id == made.head
    assert found.near.differs == tuple(
        f"{path} differs in its line ends alone"
        for path in ("config.yaml", "data/größe.txt", "model/model.py")
    )


def test_a_commit_that_is_not_merged_is_found_and_said(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FIRST)
    made.switch("feature", create=True)
    aside = made.commit(SECOND)
    made.switch("main")
    [found] = sought(made, archived(SECOND))
    assert commit_of(found) == aside
    assert found.source is not None
    assert not found.source.merged


def test_a_truss_that_cannot_be_pushed_again_says_why(tmp_path: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12\n"
    made = Made.create(tmp_path, FIRST | {"trusses/triage/data/big.bin": pointer})
    [found] = sought(made, archived(FIRST | {"trusses/triage/data/big.bin": "the content"}))
    assert found.near is not None
    assert "LFS" in found.near.differs[0]


def test_an_artifact_is_found_by_its_digest_and_the_named_commit_is_preferred(
    tmp_path: Path,
) -> None:
    made = Made.create(tmp_path, FIRST)
    first = made.head
    second = made.commit(SECOND)
    back = made.revert(second)
    with Repository.discover(made.path) as repository:
        prover = Prover(
            objects=repository, trees=TreeSearch(repository), head=back, any_commit=False
        )
        digest = prover.trusses.artifact(first, "trusses/triage", None).digest
        rebuilt = prover.trusses.artifact(first, "trusses/triage", "again").digest

        def found(digest: str, *hints: Hint) -> str | None:
            source = prover.of_digest(digest, hints)
            return source.commit.id if source is not None else None

        place = "trusses/triage"
        assert found(digest, Hint(commit=first, truss=place)) == first
        assert found(digest, Hint(commit="f" * 40, truss=place)) == back
        assert found(digest, Hint(commit=first, truss="elsewhere")) is None
        assert found(rebuilt, Hint(commit=first, truss=place)) is None
        assert found(rebuilt, Hint(commit=first, truss=place, rebuild="again")) == first


@pytest.mark.parametrize("count", [300])
def test_many_commits_take_as_few_processes_as_one(tmp_path: Path, count: int) -> None:
    made = Made.create(tmp_path, FIRST)
    first = made.head
    script = "".join(
        f"commit refs/heads/main\ncommitter T <t@example.invalid> {1_767_300_000 + number} +0000\n"
        f"data 1\n{number % 10}\n"
        + (f"from {first}\n" if number == 0 else "")
        + f"M 644 inline notes/{number % 7}\ndata <<E\n{number}\nE\n\n"
        for number in range(count)
    )
    made.git("fast-import", "--quiet", "--force", stdin=script.encode())
    with Repository.discover(made.path) as repository:
        started: list[str] = []
        git = repository.git

        class Counting(type(git)):  # type: ignore[misc]
            def start(self, *arguments: Any, **more: Any) -> Any:
                started.append(str(arguments[0]))
                return super().start(*arguments, **more)

        repository.git = Counting(directory=git.directory, environ=git.environ)
        prover = Prover(
            objects=repository,
            trees=TreeSearch(repository),
            head=repository.head(),
            any_commit=False,
        )
        [found] = prover.of_files([archived(FIRST)])
    assert commit_of(found) == first
    assert started.count("diff-tree") == 2
    assert len(started) < 12
