"""`gitops prune`: shown, asked for, done; and what a revert then says."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.trouble import STAGING, Trouble, release, trouble, truss

KEEP_NOTHING = "retention: {keep: 0, older_than: 0s, action: delete}\n"


def gone(made: Trouble, deployment: str) -> bool:
    return deployment not in made.emulator.world.deployments


def test_retention_is_carried_out_and_a_revert_builds_again(tmp_path: Path) -> None:
    asked = release(STAGING, extra=KEEP_NOTHING)
    with trouble(tmp_path, truss("one"), asked, first_push="none") as made:
        served: list[str] = []
        for note in ("one", "two", "three"):
            if note != "one":
                made.commit(truss(note))
            applied = made.apply()
            assert applied.code == 0, applied.err
            served.append(made.serving("staging") or "")

        shown = made.gitops("prune", "--dry-run")
        assert (shown.code, shown.writes) == (0, [])
        assert f"delete commit {made.work.id('HEAD~2')[:12]} (deployment {served[0]})" in shown.out
        assert f"(deployment {served[1]}): staging can go back to it" in shown.out

        unasked = made.gitops("prune")
        assert (unasked.code, unasked.out, unasked.writes) == (4, "", [])
        assert "run it again with --yes" in unasked.err

        done = made.gitops("prune", "--yes", "--format", "json")
        assert (done.code, done.document["exit_code"]) == (0, 0), done.err
        results = {
            each["deployment_id"]: each["result"]
            for each in done.document["models"][0]["deployments"]
        }
        assert results == {served[0]: "deleted", served[1]: None, served[2]: None}
        assert gone(made, served[0])

        made.commit(truss("one"))
        back = " ".join(made.gitops("plan").out.split())
        assert f"as deployment {served[0]}, which is not on Baseten any more" in back
