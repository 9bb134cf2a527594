"""Every exit code that an apply can meet, and the three sentences behind it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.trouble import Ended, Trouble, interrupt, trouble
from tests.echo import STAGING, release, truss
from tests.golden_files import Golden
from tests.pace import build_ends, builds_take
from tests.patience import HANGS

WATCHED = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    checks: [smoke]
    watch: {for: 10m, error_rate: 0.05, min_requests: 5}
"""
"""For what is bad: a watch of it is over once that is certain, however slow the machine."""
NOT_WATCHED = WATCHED.replace("10m", "0s")
IN_STEPS = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 4, max_replica: 4}
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {max_surge_percent: 25}
    checks: [smoke]
    watch: {for: 0s}
"""
WRONG = "  wrong:\n    request: {text: hello}\n    expect: {equals: {text: goodbye}}\n"
LISTS = ("converged", "failed", "rolled_back", "rejected", "blocked", "held", "running")


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Trouble]:
    """Production serves the first version, under traffic."""
    with trouble(tmp_path, truss(), release(NOT_WATCHED), traffic=40.0) as made:
        assert made.apply().code == 0
        yield made


def told(ended: Ended) -> str:
    """How an apply ended, as a golden file keeps it: what differs from run to run left out."""
    finished = ended.events[-1]
    lines = [f"exit {ended.code}"]
    lines += [f"{name}: {', '.join(finished[name])}" for name in LISTS if finished[name]]
    for failure in finished["failures"]:
        lines += [f"{failure['model']}/{failure['environment']}"]
        lines += [f"  {failure[name]}" for name in ("happened", "serves_now", "next")]
        lines += [f"  | {line}" for line in failure["details"]]
    text = "\n".join(lines) + "\n"
    for pattern, instead in (
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC", "WHEN"),
        (r"(deployment )?\bgit-[0-9a-f]{40}(\.\d+)?", "deployment ID"),
        (r"deployment [a-z0-9]{8}\b", "deployment ID"),
        (r"/models/[a-z0-9]{8}/", "/models/ID/"),
        (r"\.1\d{9}\b", ".COPY"),
        (r"refs/gitops/log/[^/]+/", "refs/gitops/log/WORKSPACE/"),
        (r"\d+(\.\d+)? ?%", "N%"),
        (r"%(?: of)? \d+ requests", "% of N requests"),
        (r"after \d+(\.\d+)?m?s", "after TIME"),
    ):
        text = re.sub(pattern, instead, text)
    return text


def apply(made: Trouble, code: int, *arguments: str) -> Ended:
    return as_told(made.apply("--format", "json", *arguments), code)


def apply_that_sees_the_build(made: Trouble, code: int) -> Ended:
    """The build of what is new is over once the run has looked at it, and not before."""
    known, heard = len(made.emulator.world.deployments), len(made.emulator.requests())
    builds_take(made.emulator, 360_000)
    process = made.start("apply", "--yes", "--format", "json")

    def looked() -> bool:
        _, *others = made.emulator.call(list, made.emulator.world.deployments)
        return len(others) >= known and any(
            each["path"].endswith(f"/deployments/{others[-1]}") and each["status"] == 200
            for each in made.emulator.requests()[heard:]
        )

    made.until(looked, process)
    builds_take(made.emulator, 90)
    build_ends(made.emulator)
    out, err = process.communicate(timeout=HANGS)
    ended = Ended(process.returncode, out, err, made.emulator.requests()[heard:])
    made.check(ended)
    return as_told(ended, code)


def as_told(ended: Ended, code: int) -> Ended:
    assert ended.code == code, ended.out + ended.err
    assert [each["type"] for each in ended.events].count("apply_finished") == 1
    assert ended.events[-1]["type"] == "apply_finished"
    assert ended.events[-1]["exit_code"] == code
    for failure in ended.events[-1]["failures"]:
        assert all(failure[name] for name in ("happened", "serves_now", "next"))
    return ended


def person(made: Trouble, method: str, path: str, body: object = None) -> None:
    """Somebody clicks."""
    [model] = made.emulator.world.models.values()
    answer = httpx.request(
        method,
        f"{made.emulator.api_url}/v1/models/{model.id}{path}",
        json=body or {},
        headers={
            "Authorization": "Bearer somebody.else",
            "X-Emulator-Actor": "ui:ada@example.invalid",
        },
        timeout=HANGS,
    )
    assert answer.status_code < 300, answer.text


def test_0_there_is_nothing_to_do(released: Trouble) -> None:
    ended = apply(released, 0)
    assert [each["type"] for each in ended.events] == ["apply_started", "apply_finished"]
    assert ended.events[-1]["converged"] == ["triage/production"]
    assert ended.writes == []


def test_3_bad_under_traffic_and_rolled_back(released: Trouble, golden: Golden) -> None:
    before = released.serving()
    released.commit(truss("two", "fails_after_requests: 10"), release(WATCHED))
    ended = apply(released, 3)
    golden("exit-3-rolled-back.txt", told(ended))
    assert released.serving() == before
    again = apply(released, 0)
    assert again.events[-1]["held"] == ["triage/production"]
    assert again.writes == []
    golden("exit-4-strict.txt", told(apply(released, 4, "--strict")))


def test_5_checks_fail(released: Trouble, golden: Golden) -> None:
    before = released.serving()
    wrong = release(NOT_WATCHED.replace("[smoke]", "[wrong]"), extra=WRONG)
    released.commit(wrong, truss("two"))
    golden("exit-5-checks.txt", told(apply(released, 5)))
    assert released.serving() == before
    assert apply(released, 0).writes == []
    saved, once_more = str(released.folder / "saved.json"), ("--retry", "triage/production")
    assert released.gitops("plan", *once_more, "--out", saved).code == 0
    assert apply(released, 4, "--plan", saved).writes == [], "nobody has said so to the apply"
    assert apply(released, 5, "--plan", saved, *once_more).writes == []
    assert released.serving() == before


def test_5_checks_are_inconclusive(released: Trouble, golden: Golden) -> None:
    released.commit(truss("two"))
    released.emulator.fault(kind="drop_before", path="^/inference/.*/deployment/", times=1000)
    golden("exit-5-inconclusive.txt", told(apply(released, 5)))
    released.lift()
    assert apply(released, 0).events[-1]["converged"] == ["triage/production"]


def test_5_the_build_fails(released: Trouble, golden: Golden) -> None:
    before = released.serving()
    released.commit(truss("two", "nonsense: 1"))
    ended = apply_that_sees_the_build(released, 5)
    golden("exit-5-build.txt", told(ended))
    assert not any(each.endswith("/promote") for each in ended.writes)
    assert released.serving() == before


def test_7_still_running_and_the_next_apply_continues(released: Trouble, golden: Golden) -> None:
    impatient = release(NOT_WATCHED)["releases/triage.yaml"] + "timeouts: {build: 1ms}\n"
    released.commit(truss("two"), {"releases/triage.yaml": impatient})
    builds_take(released.emulator, 360_000)
    golden("exit-7-build.txt", told(apply(released, 7)))
    builds_take(released.emulator, 90)
    build_ends(released.emulator)
    ended = apply(released, 0)
    assert not any(each.endswith("/deployments") for each in ended.writes)


def test_8_a_first_release_is_bad(tmp_path: Path, golden: Golden) -> None:
    bad = truss("one", "fails_after_requests: 12")
    options: dict[str, Any] = {"traffic": 60.0, "first_push": "none"}
    with trouble(tmp_path, bad, release(WATCHED), **options) as made:
        golden("exit-8-first.txt", told(apply(made, 8)))
        assert made.serving() is not None
        assert apply(made, 0).events[-1]["held"] == ["triage/production"]


def test_8_a_rollback_that_baseten_refuses(released: Trouble, golden: Golden) -> None:
    released.commit(truss("two", "fails_after_requests: 25"), release(WATCHED))
    refused = {"message": "Promotions are closed for today."}
    path = "/(promote|cancel_promotion|force_cancel_promotion)$"
    released.emulator.fault(kind="status", status=400, body=refused, path=path, skip=1, times=1000)
    golden("exit-8-rollback.txt", told(apply(released, 8)))


def test_4_what_a_person_promoted_stands(released: Trouble, golden: Golden) -> None:
    first = released.serving()
    released.commit(truss("two"))
    apply(released, 0)
    person(released, "POST", "/environments/production/promote", {"deployment_id": first})
    released.until(lambda: released.serving() == first)
    released.commit(truss("three"))
    ended = apply(released, 4)
    golden("exit-4-changed-outside.txt", told(ended))
    assert not any("promote" in each for each in ended.writes)
    assert released.serving() == first


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_130_in_the_middle_of_a_promotion_and_the_next_apply_continues(
    tmp_path: Path, golden: Golden, number: signal.Signals
) -> None:
    with trouble(tmp_path, truss(), release(IN_STEPS)) as made:
        assert made.apply().code == 0
        made.commit(truss("two"))
        made.emulator.fault(kind="promotion_sticks", percent=25)
        process = made.start("apply", "--yes", "--format", "json")
        out, err = interrupt(process, number, '"percent": 25')
        ended = Ended(process.returncode, out, err)
        made.check(ended)
        assert ended.code == 130
        assert ended.events[-1]["running"] == ["triage/production"]
        assert f"gitops: {number.name}, stopping" in err
        golden("exit-130.txt", told(ended))
        promotes = count(made, "/promote")
        made.lift()
        assert apply(made, 0).events[-1]["converged"] == ["triage/production"]
        assert count(made, "/promote") == promotes
        assert count(made, "/deployments") == 1
        assert made.entries()[-1].startswith("Released")


def test_130_before_anything_began(released: Trouble) -> None:
    released.commit(truss("two"))
    released.emulator.fault(kind="latency", seconds=60, path="/v1/users/me")
    heard = len(released.emulator.requests())
    process = released.start("apply", "--yes", "--format", "json")
    released.until(lambda: len(released.emulator.requests()) > heard, process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=HANGS)
    released.lift()
    ended = Ended(process.returncode, out, err)
    released.check(ended)
    assert ended.code == 130
    assert [(each["type"], each["exit_code"]) for each in ended.events] == [("apply_finished", 130)]


HOLD_THE_FIRST = """\
#!/bin/sh
while read -r old new ref; do
  case $ref in refs/gitops/log/*) ;; *) continue ;; esac
  if mkdir held 2>/dev/null; then
    while [ ! -e go ]; do sleep 0.02; done
  fi
done
"""


def test_6_two_applies_from_two_clones(released: Trouble, tmp_path: Path, golden: Golden) -> None:
    released.commit(truss("two"))
    rival, remote = released.clone("rival"), tmp_path / "remote.git"
    hook = remote / "hooks" / "pre-receive"
    hook.write_text(HOLD_THE_FIRST)
    hook.chmod(0o755)
    late = released.start("apply", "--yes", "--format", "json")
    try:
        released.until((remote / "held").exists, late)
        # The late one has the lock, so that only who breaks it can be faster.
        refused = released.gitops("apply", "--yes", "--format", "json", cwd=rival.path)
        broken = released.gitops("unlock", "triage", "--yes", cwd=rival.path)
        quick = released.gitops("apply", "--yes", "--format", "json", cwd=rival.path)
    finally:
        (remote / "go").touch()
        out, err = late.communicate(timeout=HANGS)
    ended = Ended(late.returncode, out, err)
    released.check(ended)
    assert (refused.code, refused.writes) == (6, [])
    assert broken.code == 0, broken.err
    assert quick.code == 0, quick.err
    assert ended.code == 6, err
    golden("exit-6.txt", told(ended))
    assert count(released, "/promote") == 1
    assert count(released, "/deployments") == 1
    # Where Baseten was quick with a new model's first deployment, its settings came after it.
    said = [each.split()[0] for each in released.entries()]
    assert [each for each in said if each != "Changed"] == ["Adopted", "Promote", "Released"]
    assert apply(released, 0).writes == []


def test_where_models_end_differently_the_worst_is_told(tmp_path: Path) -> None:
    sound = release(STAGING, model="sound")
    broken = release(STAGING, model="broken")
    files = truss(name="sound"), truss("x", "nonsense: 1", name="broken")
    with trouble(tmp_path, *files, sound, broken) as made:
        ended = made.apply("--format", "json", "--allow-many")
        assert ended.code == 5, ended.err
        assert ended.events[-1]["converged"] == ["sound/staging"]
        assert ended.events[-1]["failed"] == ["broken/staging"]


def count(made: Trouble, ending: str) -> int:
    return sum(
        each["method"] == "POST" and each["path"].endswith(ending)
        for each in made.emulator.requests()
    )
