"""What a release must be like for those who use the model: a good one, a bad one, one in steps.

A real truss serves, a steady load goes through all of it, and the installed command releases.
`tests/controls/test_wrong_commands.py` shows that wrong appliers fail these tests.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gitops.emulator.world.entities import Stint
from tests import invariants
from tests.e2e.customers import Answer, Load, customers
from tests.e2e.trouble import Trouble, trouble
from tests.echo import release
from tests.echo import truss as echo
from tests.patience import HANGS

MODEL_PY = """\
class Model:
    def __init__(self, config):
        self.config = config["model_metadata"]
        self.requests = 0

    def predict(self, body):
        self.requests += 1
        wears_out_after = self.config["wears_out_after"]
        if wears_out_after is not None and self.requests > wears_out_after and self.requests % 2:
            raise RuntimeError("worn out")
        if "until" in body:
            with open(body["until"]) as door:
                door.readline()
        return {"version": self.config["version"], "text": body["text"]}
"""
CONFIG = """\
model_name: triage
resources: {{cpu: "1", memory: 2Gi}}
runtime: {{predict_concurrency: 16}}
model_metadata: {{version: {version}, wears_out_after: {wears_out_after}}}
"""
CHECKS = """\
  says:
    request: {text: hello}
    expect: {at: $.text, equals: hello}
"""
PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 2, max_replica: 3}
    promotion: %s
    checks: [says]
    watch: %s
"""
IN_STEPS = "{rolling_deploy: true, rolling_deploy_config: {max_surge_percent: 50}}"
AT_ONCE = "{rolling_deploy: false}"
WATCH = "{{for: {watched}, error_rate: 0.05, min_requests: 20}}"
PATIENCE = "10m"
"""As long as it takes to be certain, however slow the machine."""
LONG_STEPS = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 4}
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {max_surge_percent: 25, stabilization_time_seconds: 3600}
    checks: [smoke]
    watch: {for: 500ms, error_rate: 0.02, min_requests: 20}
"""
"""One step takes eighteen seconds of real time: much longer than being certain does."""


def truss(version: str, *, wears_out_after: int | None = None) -> dict[str, str]:
    """A truss that says which version it is, and turns bad after so many requests."""
    told = "null" if wears_out_after is None else str(wears_out_after)
    return {
        "trusses/triage/config.yaml": CONFIG.format(version=version, wears_out_after=told),
        "trusses/triage/model/__init__.py": "",
        "trusses/triage/model/model.py": MODEL_PY,
    }


@contextmanager
def served(
    folder: Path, files: dict[str, str], *environments: str, **options: Any
) -> Iterator[Trouble]:
    """Production serves the first version, which is release 1."""
    asked = release(*environments, extra=CHECKS)
    with trouble(folder, files, asked, first_push="none", **options) as made:
        assert made.apply().code == 0
        yield made


def in_steps(folder: Path) -> AbstractContextManager[Trouble]:
    """Traffic will move in two steps; a request may take as long as it likes."""
    production = PRODUCTION % (IN_STEPS, "{for: 300ms, error_rate: 0.01, min_requests: 1}")
    return served(folder, truss("one"), production, request_seconds=600.0)


def at_once(folder: Path) -> AbstractContextManager[Trouble]:
    """Traffic will move as a whole."""
    return served(folder, truss("one"), PRODUCTION % (AT_ONCE, WATCH.format(watched="300ms")))


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trouble]:
    """What the test's own mark says serves before."""
    with request.param(tmp_path) as found:
        yield found


class Kept:
    """A request that the truss works on until it is let go; it is there when this is made."""

    def __init__(self, made: Trouble, load: Load, pool: ThreadPoolExecutor) -> None:
        door = made.folder / "door"
        os.mkfifo(door)
        # Also for reading, so that neither side waits for the other one to open it.
        self._door = os.open(door, os.O_RDWR)
        told = {"text": "a long one", "until": str(door)}
        self._asked = pool.submit(load.ask, told)
        made.until(lambda: any(each["fields"] == told for each in made.emulator.requests()))

    def let_go(self) -> Answer:
        """Let the truss answer it."""
        os.write(self._door, b"go on\n")
        return self._asked.result()

    def close(self) -> None:
        """Let it go, if it is still there, and forget it."""
        self.let_go()
        os.close(self._door)


@contextmanager
def kept_waiting(made: Trouble, load: Load) -> Iterator[Kept]:
    """A long request to what serves now."""
    with ThreadPoolExecutor(1) as pool:
        kept = Kept(made, load, pool)
        try:
            yield kept
        finally:
            kept.close()


def sent(requests: list[dict[str, Any]], **names: str) -> list[str]:
    """What the command sent that is no read, in order; ids by what they are called here."""
    told = []
    for each in requests:
        path = each["path"]
        if each["method"] == "GET" or "/environments/production/predict" in path:
            continue
        wanted = each["fields"].get("deployment_id")
        line = f"{each['method']} {path}" + (f" {wanted}" if wanted else "")
        for name, identifier in names.items():
            line = line.replace(identifier, name)
        told.append(re.sub("PUT /.*", "PUT archive", line))
    return told


def share(made: Trouble) -> int:
    """How much of production's traffic the version that is promoted gets, in percent."""
    promotion = made.environment().promotion
    return promotion.percent if promotion is not None else 0


@pytest.mark.parametrize("made", [in_steps], indirect=True, ids=["in steps"])
def test_a_good_version_takes_over_and_no_request_notices(made: Trouble) -> None:
    one = str(made.serving())
    made.emulator.fault(kind="promotion_sticks", percent=50)
    commit = made.commit(truss("two"))
    with customers(made) as load, kept_waiting(made, load) as long_one:
        heard = len(made.emulator.requests())
        process = made.start("apply", "--yes")
        made.until(lambda: share(made) == 50, process)
        both = load.hear(60)
        made.lift()
        made.until(lambda: made.serving() != one, process)
        answer = long_one.let_go()
        after = load.hear(60)
        _, err = process.communicate(timeout=HANGS)
    requests = made.emulator.requests()[heard:]
    two = str(made.serving())

    assert load.failed == []
    assert process.returncode == 0, err
    assert {each.version for each in both} == {"one", "two"}
    assert {each.version for each in after} == {"two"}
    assert (answer.status, answer.version) == (200, "one")
    assert sent(requests, one=one, two=two, triage=made.environment().model_id) == [
        "POST /v1/prepare_model_upload",
        "PUT archive",
        "POST /v1/models/triage/deployments",
        "POST /inference/triage/deployment/two/predict",
        "POST /v1/models/triage/environments/production/promote two",
    ]
    *_, intent, released = made.log()
    assert (intent.event, intent.body["to"]["deployment_id"]) == ("intent", two)
    assert (released.event, released.body["number"]) == ("released", 2)
    assert released.body["to"]["deployment_id"] == two
    assert released.body["to"]["commit"] == commit
    invariants.hold(made.traces())


@pytest.mark.parametrize("made", [at_once], indirect=True, ids=["at once"])
def test_a_version_that_turns_bad_is_taken_back_and_kept(made: Trouble) -> None:
    one = str(made.serving())
    patient = PRODUCTION % (AT_ONCE, WATCH.format(watched=PATIENCE))
    made.commit(truss("two", wears_out_after=60), release(patient, extra=CHECKS))
    with customers(made) as load:
        heard = len(made.emulator.requests())
        done = made.apply()
        after = load.hear(60)
    requests = made.emulator.requests()[heard:]
    assert done.code == 3, done.err

    # Traffic is back on what served before, and all of it is answered.
    assert {each.status for each in load.failed} == {500}
    assert {each.status for each in after} == {200}
    assert {each.version for each in after} == {"one"}
    # That was confirmed, in figures.
    *_, entry = made.log()
    assert entry.event == "rolled_back"
    assert entry.body["figures"]["watch"]["outcome"] == "fail"
    confirmed = entry.body["figures"]["rollback"]
    assert confirmed["replicas"] >= confirmed["minimum"] == 2
    rates = confirmed["error_rate"]
    assert rates["before"] == rates["after"] == 0
    assert rates["during"] > 0.05
    # The bad one is still there, to be looked at.
    two = entry.body["to"]["deployment_id"]
    assert made.emulator.world.deployments.keys() == {one, two}
    assert sent(requests, one=one, two=two, triage=made.environment().model_id) == [
        "POST /v1/prepare_model_upload",
        "PUT archive",
        "POST /v1/models/triage/deployments",
        "POST /inference/triage/deployment/two/predict",
        "POST /v1/models/triage/environments/production/promote two",
        "POST /v1/models/triage/environments/production/promote one",
    ]
    invariants.hold(made.traces())


def counted(made: Trouble, deployment_id: str, stint: Stint) -> Counter[str]:
    """What a deployment answered while another one had a share of its traffic, by class."""
    assert stint.end is not None
    samples = made.emulator.world.deployments[deployment_id].samples
    found: Counter[str] = Counter()
    for bucket in samples.between(stint.start, stint.end):
        found.update(bucket.counts)
    return found


def test_a_bad_version_in_steps_fails_less_than_its_share(tmp_path: Path) -> None:
    with trouble(
        tmp_path, echo("one"), release(LONG_STEPS), first_push="none", speed=200.0
    ) as made:
        assert made.apply().code == 0
        one = str(made.serving())
        made.commit(echo("two", "fails_after_requests: 10"))
        with customers(made):
            done = made.apply()
        assert done.code == 3, done.err
        assert made.serving() == one
        *_, entry = made.log()
        two = entry.body["to"]["deployment_id"]
        [stint] = (each for each in made.environment().stints if each.deployment_id == two)
        bad, good = counted(made, two, stint), counted(made, one, stint)
        certain_at = entry.body["figures"]["watch"]["percent"]
        failed = bad["5xx"] / (bad.total() + good.total())
        print(  # noqa: T201 - the figure, for `pytest -rP`
            f"{bad['5xx']} of {bad.total() + good.total()} requests failed while traffic moved:"
            f" {failed:.1%}, and the verdict was certain with {certain_at}% of the traffic"
        )
        assert good["5xx"] == 0
        assert bad.total() >= 20, "as many as a verdict needs"
        assert bad["5xx"] > 0
        assert failed < certain_at / 100
        assert entry.body["figures"]["rollback"]["failed_share"] < certain_at / 100
        invariants.hold(made.traces())
