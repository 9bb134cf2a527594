"""`gitops prune`: shown, done, and what a revert then says."""

from __future__ import annotations

from pathlib import Path

from tests.apply.stage import stage
from tests.e2e.trouble import Trouble
from tests.echo import STAGING, release, truss

KEEP_NOTHING = "retention: {keep: 0, older_than: 0s, action: delete}\n"


def test_retention_is_carried_out_and_a_revert_builds_again(tmp_path: Path) -> None:
    [(path, text)] = release(STAGING).items()
    with stage(tmp_path, truss("one"), {path: text + KEEP_NOTHING}, first_push="none") as play:
        made = Trouble(work=play.work, emulator=play.emulator, folder=tmp_path)
        served: list[str] = []
        for note in ("one", "two", "three"):
            if note != "one":
                play.commit(truss(note))
            assert play.apply().exit_code == 0
            served.append(made.serving("staging") or "")

        unasked = made.gitops("prune")
        assert (unasked.code, unasked.out, unasked.writes) == (4, "", [])
        first = made.work.id("HEAD~2")[:12]
        assert f"  - delete commit {first} (deployment {served[0]}), " in unasked.err
        assert f"(deployment {served[1]}): a rollback of staging may go there" in unasked.err
        assert "run it again with --yes" in unasked.err

        done = made.gitops("prune", "--yes", "--format", "json")
        assert (done.code, done.document["exit_code"]) == (0, 0), done.err
        [model] = done.document["models"]
        results = {each["deployment_id"]: each["result"] for each in model["deployments"]}
        assert results == {served[0]: "deleted", served[1]: None, served[2]: None}
        assert served[0] not in made.emulator.world.deployments

        made.commit(truss("one"))
        back = " ".join(made.gitops("plan").out.split())
        assert f"as deployment {served[0]}, which is not on Baseten any more" in back
