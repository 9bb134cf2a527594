"""Where files stood together in the history: folders, then commits, in one pass each."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.git.repository import Repository
from gitops.git.treesearch import TreeSearch
from tests.repositories import Repository as Made

MODEL = "print('one')\n"
FILES = {
    "trusses/größe/config.yaml": "model_name: one\n",
    "trusses/größe/model/model.py": MODEL,
    "other/config.yaml": "model_name: other\n",
    "other/model/model.py": MODEL,
    "config.yaml": "model_name: root\n",
}


def ids(made: Made, folder: str, revision: str = "HEAD") -> dict[str, str]:
    listed = made.git("-c", "core.quotePath=off", "ls-tree", "-r", f"{revision}:{folder}")
    rows = (line.split(None, 3) for line in listed.splitlines())
    return {path: oid for _, _, oid, path in rows}


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_the_folder_that_held_most_of_the_files_comes_first(
    tmp_path: Path, object_format: str
) -> None:
    made = Made.create(tmp_path, FILES, object_format=object_format)
    one, root = ids(made, "trusses/größe"), {"config.yaml": made.id("HEAD:config.yaml")}
    moved = {path: None for path in FILES if path.startswith("trusses")}
    made.commit({**moved, "moved/config.yaml": "model_name: new\n"}, "Move")
    with Repository.discover(tmp_path) as repository:
        search = TreeSearch(repository)
        nothing = {"a": "0" * len(made.head)}
        assert search.folders([one, root], "head", "config.yaml") == [
            {"trusses/größe": 2, "other": 1},
            {".": 1},
        ]
        assert search.folders([one, root, nothing, {}], "history", "config.yaml") == [
            {"trusses/größe": 2, "other": 1},
            {".": 1},
            {},
            {},
        ]
        assert search.truss_folders("config.yaml", "head") == (".", "moved", "other")
        assert search.truss_folders("config.yaml", "history") == (
            *(".", "moved", "other", "trusses/größe"),
        )
        both = (made.head, made.id("HEAD~1"))
        assert search.commits(["trusses/größe"]) == both
        assert search.histories([".", "trusses/größe", "other", "none"]) == {
            ".": both,
            "trusses/größe": both,
            "other": both[1:],
            "none": (),
        }


def test_a_merge_is_a_state_of_its_own(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FILES)
    made.switch("left", create=True)
    made.commit({"other/config.yaml": "model_name: left\n"}, "Left")
    made.switch("main")
    made.commit({"other/model/model.py": "print('right')\n"}, "Right")
    merged = made.merge("left")
    with Repository.discover(tmp_path) as repository:
        search = TreeSearch(repository)
        wanted = [ids(made, "other", merged)]
        for scope in ("head", "history"):
            assert search.folders(wanted, scope, "config.yaml")[0] == {"other": 2}
        assert search.commits(["other"])[0] == merged
        assert search.histories(["other"])["other"][0] == merged


def test_other_branches_are_searched_apart(tmp_path: Path) -> None:
    made = Made.create(tmp_path, FILES)
    made.switch("aside", create=True)
    made.commit({"other/config.yaml": "model_name: aside\n"}, "Aside")
    wanted = {"config.yaml": made.id("HEAD:other/config.yaml")}
    aside = made.head
    made.switch("main")
    with Repository.discover(tmp_path) as repository:
        search = TreeSearch(repository)
        assert search.folders([wanted], "history", "config.yaml") == [{}]
        assert search.folders([wanted], "elsewhere", "config.yaml") == [{"other": 1}]
        assert search.commits(["other"], elsewhere=True) == (aside,)
        assert search.histories(["other"], elsewhere=True) == {"other": (aside,)}
        assert search.truss_folders("config.yaml", "elsewhere") == ("other",)
