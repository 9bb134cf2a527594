"""Identity: the same files give the same digest, anything uploaded differently another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.state.artifact import ArchiveEntry, TreeEntry
from gitops.state.identity.build import Content, Reading, content
from gitops.state.identity.digest import digest
from gitops.state.identity.refusal import NoArtifact

CONFIG = {"model_name": "m"}


def oid(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def entry(path: str, data: bytes | str, mode: str = "100644") -> TreeEntry:
    raw = data.encode() if isinstance(data, str) else data
    return TreeEntry(mode=mode, kind="blob", oid=oid(raw), path=path, size=len(raw))


class Tree:
    """Entries from a dict, with links as tuples; reads count."""

    def __init__(
        self,
        files: Mapping[str, str | tuple[str]],
        config: Mapping[str, Any] | None = None,
        others: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        every: dict[str, str | tuple[str]] = {"config.yaml": json.dumps(config or CONFIG), **files}
        self.blobs: dict[str, bytes] = {}
        self.read: list[str] = []
        self.entries = self._listed(every)
        self.others = {name: self._listed(each) for name, each in (others or {}).items()}

    def _listed(self, files: Mapping[str, str | tuple[str]]) -> tuple[TreeEntry, ...]:
        found = []
        for path, value in files.items():
            text = value[0] if isinstance(value, tuple) else value
            mode = "120000" if isinstance(value, tuple) else "100644"
            self.blobs[oid(text.encode())] = text.encode()
            found.append(entry(path, text, mode))
        return tuple(found)

    def blob(self, name: str) -> bytes:
        self.read.append(name)
        return self.blobs[name]

    def content(self, entries: tuple[TreeEntry, ...] | None = None) -> Content:
        return content(
            "trusses/m",
            entries or self.entries,
            Reading(
                blob=self.blob,
                folder=self.others.get,
                parse=lambda data, _file: json.loads(data),
                dump=lambda settings: json.dumps(settings).encode(),
            ),
        )

    def digest(self, rebuild: str | None = None) -> str:
        return self.content().digest(rebuild)

    def refusals(self) -> list[str]:
        with pytest.raises(NoArtifact) as caught:
            self.content()
        return [f"{each.file}: {each.message}" for each in caught.value.refusals]


PATHS = st.lists(
    st.from_regex(r"[a-k]{1,4}(/[a-k]{1,4}){0,2}\.py", fullmatch=True), unique=True, max_size=6
).filter(lambda paths: not any(one.startswith(f"{other}/") for one in paths for other in paths))


@given(PATHS, st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_matter(paths: list[str], random: Any) -> None:
    tree = Tree({path: path for path in paths})
    shuffled = list(tree.entries)
    random.shuffle(shuffled)
    assert tree.content(tuple(shuffled)).digest(None) == tree.digest()


@given(PATHS.filter(bool), st.data())
def test_any_change_of_what_is_uploaded_changes_the_digest(
    paths: list[str], data: st.DataObject
) -> None:
    entries = list(Tree({path: path for path in paths}).content().entries)
    before = digest(entries, None)
    index = data.draw(st.integers(0, len(entries) - 1))
    one = entries[index]
    for other in (
        replace(one, mode="100755"),
        replace(one, oid=oid(b"other")),
        replace(one, path=f"{one.path}x"),
    ):
        assert digest([*entries[:index], other, *entries[index + 1 :]], None) != before
    assert digest([*entries[:index], *entries[index + 1 :]], None) != before
    assert digest(entries, "1") != before
    assert digest(entries, "1") != digest(entries, "2")
    assert digest(entries, "") != before


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4))
def test_no_two_lists_of_files_are_written_the_same(rows: list[tuple[str, str]]) -> None:
    one = [ArchiveEntry(path=path, mode=mode, oid="0" * 40) for path, mode in rows]
    joined = [ArchiveEntry(path="".join(path for path, _ in rows), mode="", oid="0" * 40)]
    if [(each.path, each.mode) for each in one] != [(each.path, each.mode) for each in joined]:
        assert digest(one, None) != digest(joined, None)


def test_the_digest_is_this_one() -> None:
    """Digests are names of deployments that exist: the canonical form never changes by accident."""
    entries = [
        ArchiveEntry(path="model/model.py", mode="100644", oid="1" * 40),
        ArchiveEntry(path="config.yaml", mode="100755", oid="2" * 40),
    ]
    text = (
        b"gitops artifact 1\nrebuild -\n"
        b"100755 " + b"2" * 40 + b" 11 config.yaml\n"
        b"100644 " + b"1" * 40 + b" 14 model/model.py\n"
    )
    assert digest(entries, None) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    "path",
    [
        "a.pyc",
        "lib/x.py",
        "deep/lib/x.py",
        "__pycache__/m",
        ".env",
        "x.log",
        "docs/_build/y",
        "a.so",
    ],
)
def test_ignored_files_do_not_matter(path: str) -> None:
    assert Tree({"model.py": "1", path: "2"}).digest() == Tree({"model.py": "1"}).digest()


def test_its_own_list_replaces_the_built_in_one() -> None:
    own = {".truss_ignore": "# mine\n\n/secret/\n*.tmp\n!keep.tmp\n"}
    tree = Tree(
        {
            **own,
            "lib/a.so": "1",
            "secret/b": "2",
            "deep/secret/c": "3",
            "d.tmp": "4",
            "keep.tmp": "5",
        }
    )
    assert [each.path for each in tree.content().entries] == [
        ".truss_ignore",
        "config.yaml",
        "deep/secret/c",
        "keep.tmp",
        "lib/a.so",
    ]


def test_config_yaml_is_never_left_out() -> None:
    tree = Tree({".truss_ignore": "*\n", "model.py": "1"})
    assert [each.path for each in tree.content().entries] == ["config.yaml"]


def test_links_inside_are_followed_to_their_content() -> None:
    tree = Tree(
        {"a/model.py": "1", "link.py": ("a/model.py",), "b/again": ("../link.py",), "all": ("a",)}
    )
    found = {each.path: each.oid for each in tree.content().entries}
    one = oid(b"1")
    assert found == {
        "config.yaml": tree.entries[0].oid,
        "a/model.py": one,
        "link.py": one,
        "b/again": one,
        "all/model.py": one,
    }


def test_links_into_linked_folders_are_followed() -> None:
    tree = Tree({"a/b/c": "1", "l": ("a",), "m": ("l/b/c",), "n": ("l/b/../b/c",)})
    found = {each.path: each.oid for each in tree.content().entries}
    assert found["m"] == found["n"] == found["l/b/c"] == oid(b"1")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": ("/etc/passwd",)},
         "trusses/m/a: is a symbolic link to the absolute path /etc/passwd"),
        ({"a": ("../x",)}, "trusses/m/a: is a symbolic link that leaves trusses/m (../x)"),
        ({"a/b": ("../../x",)},
         "trusses/m/a/b: is a symbolic link that leaves trusses/m (../../x)"),
        ({"a": ("b",), "b": ("a",)},
         "trusses/m/a: is a symbolic link that leads back to itself (b)"),
        ({"a/b": (".",)}, "trusses/m/a/b: is a symbolic link to a folder around itself (.)"),
        ({"a": (".",)}, "trusses/m/a: is a symbolic link to a folder around itself (.)"),
        ({"a": ("gone",)}, "trusses/m/a: is a symbolic link to nothing (gone)"),
        ({"a/x": ("../b",), "b/y": ("../a",)},
         "trusses/m/a/x/y/x: is a symbolic link that leads back to itself (../b)"),
        ({"a\\b": "1"}, "trusses/m/a\\b: has a name with a backslash"),
        ({"a\udcff": "1"}, "trusses/m/a\udcff: has a name that is not UTF-8"),
        ({"a\nb": "1"}, "trusses/m/a\nb: has a name with control characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_uploaded_is_refused(files: dict[str, Any], said: str) -> None:
    assert said in Tree(files).refusals()


def test_links_that_multiply_are_refused() -> None:
    files: dict[str, Any] = {f"d0/f{i}": "1" for i in range(10)}
    for depth in range(1, 8):
        files |= {f"d{depth}/l{i}": (f"../d{depth - 1}",) for i in range(10)}
    assert any("more than 100,000 files" in each for each in Tree(files).refusals())


def test_large_files_are_never_read() -> None:
    tree = Tree({"weights.bin": "x" * 5000, "model.py": "y" * 2000, "empty": ""})
    tree.content()
    assert tree.read == [tree.entries[0].oid]


EXTERNAL = {"trusses/common": {"a.py": "1", "deep/b.py": "2", "c.pyc": "3"}}


def test_external_directories_are_put_in_place() -> None:
    tree = Tree({"model.py": "0"}, {**CONFIG, "external_package_dirs": ["../common"]}, EXTERNAL)
    found = tree.content()
    assert [each.path for each in found.entries] == [
        "config.yaml",
        "model.py",
        "packages/a.py",
        "packages/deep/b.py",
    ]
    assert found.config == CONFIG
    assert found.entries[0].content == json.dumps(CONFIG).encode()
    assert found.entries[0].oid == tree.entries[0].oid
    assert "external_package_dirs" in found.raw_config


def test_external_files_are_part_of_the_identity() -> None:
    config = {**CONFIG, "external_package_dirs": ["../common"], "bundled_packages_dir": "p"}
    before = Tree({}, config, EXTERNAL)
    after = Tree({}, config, {"trusses/common": {**EXTERNAL["trusses/common"], "a.py": "changed"}})
    ignored = Tree({}, config, {"trusses/common": {**EXTERNAL["trusses/common"], "d.pyc": "new"}})
    assert "p/a.py" in [each.path for each in before.content().entries]
    assert before.digest() != after.digest()
    assert before.digest() == ignored.digest()


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["/abs"], "external_package_dirs: '/abs' leaves the repository"),
        (["../../../x"], "external_package_dirs: '../../../x' leaves the repository"),
        (["../gone"], "external_package_dirs: there is no directory 'trusses/gone' in this commit"),
        ("../common", "external_package_dirs has to be a list of directories"),
        ([3], "external_package_dirs has to be a list of directories"),
        (["../common", "../common"],
         "external_package_dirs: two files would land at 'packages/a.py'"),
    ],
)  # fmt: skip
def test_external_directories_that_cannot_be(folders: Any, said: str) -> None:
    tree = Tree({}, {**CONFIG, "external_package_dirs": folders}, EXTERNAL)
    assert f"trusses/m/config.yaml: {said}" in tree.refusals()


def test_a_file_where_a_folder_is_needed_is_refused() -> None:
    tree = Tree({"packages": "1"}, {**CONFIG, "external_package_dirs": ["../common"]}, EXTERNAL)
    assert any("a file and a directory" in each for each in tree.refusals())


def test_what_the_files_cannot_pin_is_named_once_a_kind() -> None:
    found = Tree(
        {},
        {
            "base_image": {"image": "vllm/vllm-openai:latest"},
            "weights": [
                {"source": "hf://a/b"},
                {"source": "hf://a/c@main"},
                {"source": "s3://d/e"},
            ],
            "model_cache": [{"repo_id": "a/b"}, {"repo_id": "a/c", "revision": "abcd"}],
            "requirements": [
                "torch==2.1",
                "numpy",
                "scipy>=1",
                "x @ file:///x.whl",
                "y @ git+https://git.example/y.git",
                "z @ git+ssh://git@git.example/z.git@0a1b2c3",
                "-r more.txt",
            ],
            "external_data": [{"url": "https://data.example/words.txt", "local_data_path": "w"}],
            "trt_llm": {"build": {"checkpoint_repository": {"source": "HF", "repo": "a/d"}}},
            "secrets": {"z": None, "a": None},
        },
    ).content()
    assert found.secrets == ("a", "z")
    assert [each.partition(";")[0] for each in found.mutable_inputs] == [
        "The base image vllm/vllm-openai:latest is named by a tag, which may move",
        "Weights without a revision that stays: hf://a/b, hf://a/c@main, s3://d/e",
        "model_cache entries without a revision that stays: a/b",
        "The checkpoint a/d has no revision that stays",
        "External data is downloaded anew with each build: https://data.example/words.txt",
        "3 requirements without an exact version, numpy first: each build may differ.",
    ]


def test_what_is_pinned_is_not_named() -> None:
    config: dict[str, Any] = {
        "base_image": {"image": "a@sha256:0"},
        "requirements": ["torch==2.1"],
        "weights": [{"source": "hf://a/b@0a1b2c3"}],
        "model_cache": [{"repo_id": "a/b", "revision": "v1.0"}],
        "trt_llm": {"build": {"checkpoint_repository": {"repo": "a/d", "revision": "0a1b2c3"}}},
    }
    assert Tree({}, config).content().mutable_inputs == ()
