"""`gitops drift`: found by a schedule, accepted by a person, and gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.trouble import Trouble, trouble
from tests.echo import release, truss
from tests.patience import HANGS

STAGING = """\
  staging:
    commit: HEAD
    autoscaling: {min_replica: 0, max_replica: 2}   # small
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Trouble]:
    """Somebody has given staging more replicas than Git says."""
    with trouble(tmp_path, truss(), release(STAGING), first_push="none") as found:
        assert found.apply().code == 0
        [model] = found.emulator.world.models.values()
        answer = httpx.patch(
            f"{found.emulator.api_url}/v1/models/{model.id}/environments/staging",
            headers={"Authorization": "Bearer somebody.else-entirely"},
            json={"autoscaling_settings": {"max_replica": 5}},
            timeout=HANGS,
        )
        assert answer.status_code == 200
        found.until(lambda: found.environment("staging").autoscaling.max_replica == 5)
        yield found


def test_drift_is_found_accepted_and_gone(made: Trouble) -> None:
    for wrong in (("--commit",), ("--accept", "--commit", "--branch", "x")):
        usage = made.gitops("drift", *wrong)
        assert (usage.code, usage.requests) == (1, [])
    found = made.gitops("drift", "--detailed-exitcode", "--format", "json")
    assert (found.code, found.writes) == (2, [])
    [environment] = found.document["models"][0]["environments"]
    [item] = environment["drift"]
    assert (item["path"], item["git"], item["live"]) == ("autoscaling.max_replica", 2, 5)
    assert item["by"] == "API key somebody"
    page = made.gitops("drift", "--format", "markdown").out
    assert page.startswith("<!-- gitops drift -->\n")

    # What is not committed yet is neither lost nor committed along.
    file = made.work.path / "releases/triage.yaml"
    text = file.read_text()
    file.write_text(text + "# mine\n")
    refused = made.gitops("drift", "--accept", "--commit")
    assert refused.code == 4
    assert "releases/triage.yaml has changes that are not committed" in refused.err
    assert file.read_text() == text + "# mine\n"
    assert made.gitops("drift", "--accept").code == 0
    assert file.read_text() == text.replace("max_replica: 2}", "max_replica: 5}") + "# mine\n"
    file.write_text(text)

    branch = made.gitops("drift", "--accept", "--branch", "accept-drift")
    assert branch.code == 0, branch.err
    assert "Branch accept-drift, commit " in branch.out
    assert file.read_text() == text
    done = made.gitops("drift", "--accept", "--commit")
    assert (done.code, done.writes) == (0, [])
    assert "Committed as " in done.out
    assert file.read_text() == text.replace("max_replica: 2}   #", "max_replica: 5}   #")
    assert made.work.git("log", "-1", "--format=%B").startswith("Accept drift of triage/staging\n")
    assert made.work.git("diff", "--stat", "HEAD", "accept-drift") == ""

    again = made.gitops("drift", "--accept", "--detailed-exitcode")
    assert (again.code, again.err) == (0, "")
    assert "Nothing was written." in again.out
    planned = made.gitops("plan", "--detailed-exitcode", "--format", "json")
    assert planned.code == 0
    assert json.loads(planned.out)["summary"]["drift"] == 0

    made.work.git("rm", "-q", "--cached", "releases/triage.yaml")
    made.work.git("commit", "-q", "-m", "Lose the file")
    file.write_text(text)
    lost = made.gitops("drift", "--accept", "--branch", "other")
    assert lost.code == 4
    assert "releases/triage.yaml is not committed yet" in lost.err
