"""`gitops import`: what serves already becomes release files, and nothing changes by it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.trouble import trouble
from tests.echo import STAGING, release, truss
from tests.pipeline.importing import Scene, tar


def test_a_workspace_that_serves_is_adopted_and_nothing_changes(tmp_path: Path) -> None:
    with trouble(tmp_path, truss("one"), release(STAGING), first_push="none") as made:
        assert made.apply().code == 0
        released = made.work.head
        made.commit({"releases/triage.yaml": None}, message="Lose the file")
        other = Scene(work=made.work, emulator=made.emulator)
        pushed = tar(truss("one"), "trusses/triage/")
        for name in ("Größe 70B", "hidden \u202egpj"):
            other.serve(other.model(name), archive=pushed)

        shown = made.gitops("import", "--dry-run")
        assert shown.code == 4, shown.err
        assert "Left out (exit 4):" in shown.out
        assert "Would write 2 release files" in shown.out
        assert made.work.git("status", "--porcelain") == ""

        done = made.gitops("import", "--format", "json")
        assert done.code == 4, "one was left out"
        assert not done.writes
        document = json.loads(done.out)
        assert document["exit_code"] == 4
        proofs = {
            each["model"]: [(it["environment"], it["proved_by"]) for it in each["environments"]]
            for each in document["files"]
        }
        assert proofs == {
            "triage": [("staging", "label")],
            "Größe 70B": [("production", "files")],
        }
        assert [each["model"] for each in document["left_out"]] == ["hidden \u202egpj"]
        assert document["plan"] == {"empty": True, "left": []}
        files = {
            each: (made.work.path / each).read_text(encoding="utf-8")
            for each in ("releases/triage.yaml", "releases/Größe-70B.yaml")
        }
        assert f"    commit: {released}   # " in files["releases/triage.yaml"]

        made.commit(files, message="Adopt")
        assert made.gitops("plan", "--detailed-exitcode").code == 0
        applied = made.apply()
        assert applied.code == 0, applied.err
        assert not applied.writes

        again = made.gitops("import")
        assert again.code == 4, again.err
        assert "Nothing to import" in again.out
        assert made.gitops("import", "triage").code == 0, "it has a file"
        wrong = made.gitops("import", "triag")
        assert (wrong.code, "did you mean triage?" in wrong.err) == (1, True)
