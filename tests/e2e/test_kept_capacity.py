"""Capacity that somebody added to production by hand stays, and stands in nobody's way."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.e2e.trouble import Ended, Trouble, trouble
from tests.echo import release, truss
from tests.patience import HANGS

PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {{min_replica: 1, max_replica: {most}}}
    watch: {{for: 0s}}
"""
THREE = PRODUCTION.format(most=3)
ALLOWED = f"{THREE}    allow: [fewer_replicas]\n"


def scale_up(made: Trouble, most: int) -> None:
    """Somebody does it on Baseten."""
    [model] = made.emulator.world.models.values()
    answer = httpx.patch(
        f"{made.emulator.api_url}/v1/models/{model.id}/environments/production",
        headers={"Authorization": "Bearer somebody.else-entirely"},
        json={"autoscaling_settings": {"max_replica": most}},
        timeout=HANGS,
    )
    assert answer.status_code == 200
    made.until(lambda: made.environment().autoscaling.max_replica == most)


def version(made: Trouble) -> str:
    current = made.emulator.world.deployments[made.serving() or ""]
    found: str = current.artifact.config["model_metadata"]["note"]
    return found


def said(ended: Ended) -> str:
    """All that it said, in one line."""
    return " ".join((ended.out + ended.err).split())


def drifted(made: Trouble) -> dict[str, object]:
    found = made.gitops("drift", "--format", "json").document
    [item] = found["models"][0]["environments"][0]["drift"]
    return {name: item[name] for name in ("path", "git", "live", "by", "apply")}


def test_a_revert_goes_through_beside_it_and_it_goes_with_consent(tmp_path: Path) -> None:
    with trouble(tmp_path, truss("one"), release(THREE)) as made:
        assert made.apply().code == 0
        made.commit(truss("two"), message="Ship two")
        assert made.apply().code == 0
        scale_up(made, 9)
        added = {
            "path": "autoscaling.max_replica",
            "git": 3,
            "live": 9,
            "by": "API key somebody",
            "apply": "keeps",
        }
        assert drifted(made) == added

        made.commit(truss("one"), message='Revert "Ship two"')
        done = made.apply()
        assert done.code == 0, done.err
        assert version(made) == "one"
        assert made.environment().autoscaling.max_replica == 9
        assert not [each for each in done.writes if each.startswith("PATCH")]
        assert "autoscaling.max_replica stays 9, set by API key somebody" in said(done)
        # The release came after it, and it is still known whose it is.
        assert drifted(made) == added
        assert "max_replica stays 9 until somebody consents" in said(made.gitops("status"))
        assert "max_replica: stays 9" in made.gitops("log", "triage").out
        assert made.apply().code == 0
        assert made.apply("--strict").code == 4

        made.commit(release(ALLOWED), message="Back to three")
        consented = made.apply()
        assert consented.code == 0, consented.err
        assert made.environment().autoscaling.max_replica == 3


def test_nothing_that_a_revert_asks_for_stops_it(tmp_path: Path) -> None:
    with trouble(tmp_path, truss("one"), release(THREE)) as made:
        assert made.apply().code == 0
        made.commit(truss("two"), release(PRODUCTION.format(most=9)), message="Ship two")
        assert made.apply().code == 0

        made.commit(truss("one"), release(THREE), message='Revert "Ship two"')
        for _ in range(2):
            done = made.apply()
            assert done.code == 4, done.err
            assert version(made) == "one"
            assert made.environment().autoscaling.max_replica == 9
            assert "capacity would go: autoscaling.max_replica goes from 9 to 3" in said(done)
        assert done.writes == []
