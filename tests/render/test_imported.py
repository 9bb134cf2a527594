"""What an import says of itself: text for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from gitops.plan.imported import Import, ImportedEnvironment, ImportedFile, LeftOut, Near, Pin
from gitops.render import imported
from gitops.state.commit import CommitInfo
from gitops.state.names import ModelKey
from tests.golden_files import Golden

COMMIT = CommitInfo(
    id="4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4",
    at=datetime(2026, 11, 20, tzinfo=UTC),
    subject="Raise context to 32k",
    author="Ada",
)
PROVED = Pin(
    deployment_id="q1",
    deployment_name="deployment-7",
    commit=COMMIT,
    truss="trusses/qwen-3-8b",
    digest="d" * 64,
    by="files",
)
UNPROVED = Pin(
    deployment_id="q2",
    deployment_name="by-hand\x1b[2J",
    why="no commit of this repository has just its files; the nearest is 4be1c02f0c5d",
    near=Near(commit=COMMIT, truss="trusses/qwen-3-8b", differs=("model.py differs",)),
)
DONE = Import(
    files=(
        ImportedFile(
            key=ModelKey(None, "qwen-3-8b"),
            path="releases/qwen-3-8b.yaml",
            data=b"version: 1\nmodel: qwen-3-8b\n",
            environments=(
                ImportedEnvironment(name="production", pin=PROVED),
                ImportedEnvironment(
                    name="eu", pin=UNPROVED, notes=(f"Not proved: {UNPROVED.why}.",), paused=True
                ),
            ),
            notes=("`canary` is left alone: nothing serves there.",),
        ),
        ImportedFile(
            key=ModelKey("ml-platform", "whisper"),
            path="releases/whisper.yaml",
            data=b"version: 1\n",
            environments=(ImportedEnvironment(name="production", pin=replace(PROVED, by="label")),),
        ),
    ),
    left_out=(
        LeftOut(
            model="embedder",
            why="a promotion runs in production",
            remedy="import it once that has ended",
        ),
        LeftOut(model="evil\x1b]0;x\x07", why="nothing serves in any of its environments"),
    ),
    left=(),
    exit_code=4,
)


def test_an_import_reads_well(golden: Golden) -> None:
    still = ("qwen-3-8b/production: wait, deployment deployment-7 is UPDATING",)
    golden("imported/empty.txt", imported.text(DONE))
    golden("imported/left.txt", imported.text(replace(DONE, left=still, left_out=())))
    golden("imported/dry-run.txt", imported.text(replace(DONE, left=None, dry_run=True)))
    golden("imported/no-log.txt", imported.text(replace(DONE, left=None, left_out=())))
    golden("imported/nothing.txt", imported.text(Import(files=(), left_out=DONE.left_out)))
    golden("imported/import.json", imported.as_json(DONE))


def test_nothing_that_a_terminal_obeys_is_printed() -> None:
    for made in (imported.text(DONE), imported.as_json(DONE)):
        assert "\x1b" not in made
        assert "\x07" not in made
    assert json.loads(imported.as_json(DONE))["left_out"][1]["model"] == "evil\x1b]0;x\x07"
    assert json.loads(imported.as_json(replace(DONE, left=None)))["plan"] is None
