"""Prune against the emulator: what goes, and who may come in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gitops.apply.clock import StopFlag, SystemClock
from gitops.apply.leases import Lease, Leases
from gitops.apply.pace import Pace
from gitops.apply.ports import Permit
from gitops.apply.pruning import Pruning
from gitops.baseten.client import Baseten
from gitops.decide.retention import Fate, fates
from gitops.emulator.world import deployments as world_deployments
from gitops.emulator.world.entities import Deployment
from gitops.emulator.world.timestamps import timestamp
from gitops.errors import Locked, Refused, RemoteUnreachable
from gitops.git.repository import Repository
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.prune import PruneOutcome, PruneRequest, prune
from gitops.plan.prune import Pruned, PrunePlan
from gitops.record.history import ModelHistory
from gitops.record.lock import Applied
from gitops.state.live import LiveModel
from gitops.wiring import connect, open_project
from tests.apply.stage import KEY, QUICK, Stage, stage
from tests.apply.test_interruptions import Deadly, Killed
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

DELETE = "retention: {keep: 0, older_than: 0s, action: delete}\n"
DEACTIVATE = "retention: {keep: 0, older_than: 0s}\n"


def asking(retention: str) -> dict[str, str]:
    [(path, text)] = release(STAGING).items()
    return {path: text + retention}


@dataclass
class Shelf:
    """A released model, and spare deployments of what it serves."""

    stage: Stage
    model_id: str
    numbers: int = 1
    said: list[str] = field(default_factory=list)

    @property
    def here(self) -> dict[str, str]:
        """The deployments that are there, with their statuses."""
        world = self.stage.emulator.world
        return self.stage.emulator.call(
            lambda: {it.id: it.status for it in world.models[self.model_id].deployments.values()}
        )

    @property
    def serving(self) -> str:
        """The id of what serves."""
        world = self.stage.emulator.world
        found: str = world.models[self.model_id].environments["staging"].current_id or ""
        return found

    def spare(self, status: str = "ACTIVE") -> str:
        """One more of what serves, as a push of the same artifact makes it; its id."""
        self.numbers += 1
        made: str = self.stage.emulator.call(self._spare)
        self.stage.emulator.set_status(made, status)
        return made

    def _spare(self) -> str:
        world = self.stage.emulator.world
        model = world.models[self.model_id]
        source = model.deployments[self.serving]
        made = Deployment(
            id=world.ids.new(),
            name=f"git-{source.labels['gitops.digest'][:40]}-{self.numbers}",
            model_id=model.id,
            created_at=world.now,
            visible_at=world.now,
            artifact=source.artifact,
            instance_type_id=source.instance_type_id,
            labels=source.labels,
            built=True,
        )
        model.deployments[made.id] = world.deployments[made.id] = made
        return made.id

    def prune(
        self,
        *,
        approve: Callable[[PrunePlan], object] = lambda _: True,
        stoppable: Callable[[StopFlag], None] = lambda _: None,
        say: Callable[[str], None] | None = None,
        **request: Any,
    ) -> PruneOutcome:
        project = open_project(
            self.stage.work.path, {**os.environ, "CI": "", **self.stage.emulator.environ()}
        )
        self.said.clear()
        with project.repository:  # type: ignore[attr-defined]  # the real one
            return prune(
                project,
                PruneRequest(pace=QUICK, **request),
                approve=lambda plan: approve(plan) is not False,
                stoppable=stoppable,
                say=say or self.said.append,
            )

    def wrote(self, work: Callable[[], PruneOutcome]) -> tuple[PruneOutcome, list[str]]:
        """How a prune ended, and its writes without what they are below."""
        before = len(self.stage.writes())
        done = work()
        below = f"/v1/models/{self.model_id}/deployments/"
        return done, [each.replace(below, "") for each in self.stage.writes()[before:]]

    def person_promotes(self, deployment: str) -> None:
        """Somebody clicks, and waits until it serves."""
        with self.stage.person() as person:
            person.writer.promote(self.model_id, "staging", deployment)
        while self.serving != deployment:
            SystemClock().sleep(0.01)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("prune")
    with stage(folder, truss(), asking(DELETE), first_push="none") as made:
        assert made.apply().exit_code == 0
        yield Shelf(stage=made, model_id=made.model_id())


@pytest.fixture
def shelf(shared: Shelf) -> Iterator[Shelf]:
    """The shared one with nothing on it but what serves, and its release file as it was."""
    made = shared.stage
    head = made.work.head
    yield shared
    if made.work.head != head or made.work.status():
        made.work.git("reset", "-q", "--hard", head)
        made.work.git("push", "-q", "--force", "origin", "main")
    world = made.emulator.world
    for each in [it for it in shared.here if it != shared.serving]:
        model, spare = made.emulator.call(world.deployment, shared.model_id, each)
        made.emulator.call(world_deployments.forget, world, model, spare)


@contextmanager
def rival(shelf: Shelf, applied: Applied | None) -> Iterator[None]:
    """Another run that has the model's lock, and leaves that as the commit applied last."""
    environ = {**os.environ, **shelf.stage.emulator.environ()}
    project = open_project(shelf.stage.work.path, environ)
    desired = compile_commit(project.repository, shelf.stage.work.head)
    with connect(project, desired) as outside:
        claim = outside.claim(
            [KEY],
            run="rival",
            commit=desired.commit,
            timeout=0.0,
            say=lambda _: None,
            applies=lambda _: applied,
        )
        with claim.held():
            yield


def told(outcome: PruneOutcome) -> dict[str, str]:
    assert outcome.results is not None
    return {each.deployment_id: each.result for each in outcome.results}


def test_what_runs_is_stopped_first_and_nothing_is_written_to_the_log(shelf: Shelf) -> None:
    running, stopped = shelf.spare(), shelf.spare("INACTIVE")
    serving = shelf.serving
    entries = shelf.stage.told()
    seen: list[PrunePlan] = []
    outcome, writes = shelf.wrote(lambda: shelf.prune(approve=seen.append))
    assert (outcome.exit_code, told(outcome)) == (0, {running: "deleted", stopped: "deleted"})
    assert [each.action for it in seen[0].models for each in it.work] == ["delete", "delete"]
    assert writes == [f"POST {running}/deactivate", f"DELETE {running}", f"DELETE {stopped}"]
    assert set(shelf.here) == {serving}
    assert shelf.stage.told() == entries
    again, writes = shelf.wrote(lambda: shelf.prune(approve=pytest.fail))
    assert (again.exit_code, again.results, writes) == (0, None, [])


def test_deactivating_stops_what_runs_and_no_more(shelf: Shelf) -> None:
    shelf.stage.commit(asking(DEACTIVATE))
    running, stopped = shelf.spare("SCALED_TO_ZERO"), shelf.spare("INACTIVE")
    outcome, writes = shelf.wrote(shelf.prune)
    assert (told(outcome), writes) == ({running: "deactivated"}, [f"POST {running}/deactivate"])
    assert shelf.here[running] in {"DEACTIVATING", "INACTIVE"}
    assert shelf.here[stopped] == "INACTIVE"


def test_a_dry_run_writes_nothing_and_asks_nobody(shelf: Shelf) -> None:
    spare, refs = shelf.spare(), shelf.stage.log_tips()
    outcome, writes = shelf.wrote(lambda: shelf.prune(dry_run=True, approve=pytest.fail))
    assert (outcome.plan.work, outcome.results, writes) == (1, None, [])
    assert spare in shelf.here
    assert shelf.stage.log_tips() == refs, "not even a lock"


def test_somebody_elses_deployment_is_nobodys_to_delete(shelf: Shelf) -> None:
    theirs = shelf.spare()
    deployment = shelf.stage.emulator.world.deployments[theirs]
    deployment.name, deployment.labels = "by-hand", {}
    outcome, writes = shelf.wrote(shelf.prune)
    assert (outcome.results, writes) == (None, [])
    [it] = outcome.plan.models
    [fate] = (each for each in it.fates if each.deployment.id == theirs)
    assert fate.reason == "not pushed from this repository"


def test_what_a_shadow_rule_sends_to_stays(shelf: Shelf) -> None:
    shadowed = shelf.spare()
    made = shelf.stage.emulator
    rule = {
        "type": "SHADOW",
        "targets": [{"deployment_id": shadowed}],
        "percent_traffic": 1,
        "expires_at": (made.call(lambda: timestamp(made.world.now + 86400))),
        "sampling_mode": "RANDOM",
        "propagate_client_cancellation": False,
    }

    def routed(**settings: Any) -> list[Any]:
        answer = httpx.patch(
            f"{made.api_url}/v1/models/{shelf.model_id}/environments/staging",
            json={"traffic_routing_settings": settings},
            headers={"Authorization": f"Bearer {made.api_key}"},
            timeout=HANGS,
        )
        rules: list[Any] = answer.raise_for_status().json()["environment"]["traffic_routing"]
        return rules

    def click(_: PrunePlan) -> None:
        routed(rules=[rule])

    outcome, writes = shelf.wrote(lambda: shelf.prune(approve=click))
    assert (outcome.exit_code, told(outcome), writes[1:]) == (4, {shadowed: "spared"}, [])
    again = shelf.prune(approve=pytest.fail)
    reasons = {each.deployment.id: each.reason for each in again.plan.models[0].fates}
    assert reasons[shadowed] == "a shadow rule of staging sends requests there"


def test_what_is_promoted_after_the_plan_was_shown_is_spared(shelf: Shelf) -> None:
    clicked, other = shelf.spare(), shelf.spare()
    before = shelf.serving
    outcome, writes = shelf.wrote(
        lambda: shelf.prune(approve=lambda _: shelf.person_promotes(clicked))
    )
    assert (outcome.exit_code, told(outcome)) == (4, {clicked: "spared", other: "deleted"})
    assert outcome.results is not None
    assert outcome.results[0].message == "serves staging"
    assert f"POST {clicked}/deactivate" not in writes
    assert before in shelf.here, "what the log says serves, and what was not in the plan"
    assert shelf.stage.live("staging").current is not None
    shelf.person_promotes(before)


def test_what_is_gone_by_then_is_no_trouble(shelf: Shelf) -> None:
    gone, other = shelf.spare("INACTIVE"), shelf.spare("INACTIVE")

    def delete(_: PrunePlan) -> None:
        with shelf.stage.person() as person:
            person.writer.delete_deployment(shelf.model_id, gone)

    outcome, writes = shelf.wrote(lambda: shelf.prune(approve=delete))
    assert (outcome.exit_code, told(outcome)) == (0, {gone: "gone", other: "deleted"})
    assert writes == [f"DELETE {gone}", f"DELETE {other}"], "the person's, and ours"


def test_lost_answers_are_looked_up_and_a_refusal_stops_nothing_else(shelf: Shelf) -> None:
    first, second = shelf.spare(), shelf.spare("INACTIVE")
    fault = shelf.stage.emulator.fault
    fault(kind="drop_after", method="POST", path="/deactivate$", times=1)
    fault(kind="drop_after", method="DELETE", path=f"/deployments/{first}$", times=1)
    fault(kind="status", status=400, method="DELETE", path=f"/deployments/{second}$", times=1)
    outcome, writes = shelf.wrote(shelf.prune)
    assert (outcome.exit_code, told(outcome)) == (1, {first: "deleted", second: "failed"})
    assert writes == [f"POST {first}/deactivate", f"DELETE {first}", f"DELETE {second}"]
    assert second in shelf.here
    assert told(shelf.prune()) == {second: "deleted"}


def test_a_baseten_that_fails_again_and_again_is_given_up(shelf: Shelf) -> None:
    spare = shelf.spare()
    shelf.stage.emulator.fault(
        kind="status", status=500, method="POST", path="/deactivate$", times=3
    )
    outcome = shelf.prune()
    assert (outcome.exit_code, told(outcome)) == (1, {spare: "failed"})
    assert shelf.here[spare] == "ACTIVE"


def test_asked_to_stop_it_begins_nothing_new(shelf: Shelf) -> None:
    first, second = shelf.spare("INACTIVE"), shelf.spare("INACTIVE")
    flags: list[StopFlag] = []
    outcome = shelf.prune(
        stoppable=flags.append,
        say=lambda text: flags[0].set("SIGINT") if "deleted" in text else None,
    )
    assert (outcome.exit_code, told(outcome)) == (130, {first: "deleted", second: "not_done"})
    assert second in shelf.here


def test_a_commit_that_others_do_not_release_from_prunes_nothing(shelf: Shelf) -> None:
    spare, work = shelf.spare(), shelf.stage.work
    work.commit({"README": "not pushed"}, "Words")
    dry = shelf.prune(dry_run=True)
    assert dry.plan.work == 1
    assert any("is not on main of origin" in each for each in shelf.said)
    before = shelf.stage.writes()
    with pytest.raises(Refused, match="is not on main of origin"):
        shelf.prune()
    assert (shelf.stage.writes(), spare in shelf.here) == (before, True)


@pytest.mark.parametrize(
    ("newer", "reason"),
    [
        (
            asking("retention: {keep: 1, action: delete}\n"),
            "the newest, by main as it is now",
        ),
        ({next(iter(release(STAGING))): None}, "main does not name it any more"),
    ],
)
def test_what_the_branch_asks_for_by_now_stays(
    shelf: Shelf, newer: dict[str, Any], reason: str
) -> None:
    spare, work, older = shelf.spare(), shelf.stage.work, shelf.stage.work.head
    newest = shelf.stage.commit(newer)
    work.git("reset", "-q", "--hard", older)
    outcome, writes = shelf.wrote(shelf.prune)
    # The next test pushes from where the branch is.
    work.git("reset", "-q", "--hard", newest)
    [it] = outcome.plan.models
    reasons = {each.deployment.id: each.reason for each in it.fates}
    assert (outcome.results, writes, spare in shelf.here) == (None, [], True)
    assert reason in {reasons[spare], it.left_alone}


@pytest.mark.parametrize(
    ("newer", "reason"),
    [
        ("retention: {keep: 1, action: delete}\n", "the newest, by main as it is now"),
        (DELETE + "mode: pause\n", "its mode is pause, by main as it is now"),
    ],
)
def test_what_is_merged_while_somebody_is_asked_counts(
    shelf: Shelf, newer: str, reason: str
) -> None:
    spare = shelf.spare()
    outcome, writes = shelf.wrote(
        lambda: shelf.prune(approve=lambda _: bool(shelf.stage.commit(asking(newer))))
    )
    assert (outcome.exit_code, told(outcome), writes) == (4, {spare: "spared"}, [])
    assert outcome.results is not None
    assert outcome.results[0].message == reason


def test_a_no_uncommitted_files_and_other_runs_change_nothing(shelf: Shelf) -> None:
    spare = shelf.spare()
    writes = shelf.stage.writes()
    with pytest.raises(Refused, match="not approved"):
        shelf.prune(approve=lambda _: False)
    with rival(shelf, None), pytest.raises(Locked):
        shelf.prune()
    shelf.stage.work.write(asking(DEACTIVATE))
    with pytest.raises(Refused, match="uncommitted"):
        shelf.prune()
    shelf.stage.work.git("remote", "set-url", "origin", "/nowhere/at/all")
    try:
        with pytest.raises(RemoteUnreachable):
            shelf.prune()
    finally:
        remote = shelf.stage.work.path.parent / "remote.git"
        shelf.stage.work.git("remote", "set-url", "origin", str(remote))
    assert shelf.stage.writes() == writes
    assert spare in shelf.here


@pytest.mark.parametrize(
    ("retention", "why"),
    [
        (DELETE + "mode: observe\n", "its mode is observe"),
        (DELETE + "mode: pause\n", "its mode is pause"),
    ],
)
def test_a_model_that_is_not_to_be_changed_is_left_alone(
    shelf: Shelf, retention: str, why: str
) -> None:
    shelf.spare()
    shelf.stage.commit(asking(retention))
    outcome, writes = shelf.wrote(shelf.prune)
    assert (outcome.exit_code, outcome.plan.models[0].left_alone, writes) == (0, why, [])


def test_an_older_commit_than_the_last_one_applied_prunes_nothing(shelf: Shelf) -> None:
    old, newer = shelf.stage.work.head, shelf.stage.commit({"notes.txt": "newer"})
    shelf.spare()
    with rival(shelf, Applied(commit=newer, branch="main")):
        pass
    shelf.stage.work.git("checkout", "-q", "--detach", old)
    try:
        outcome, writes = shelf.wrote(shelf.prune)
        assert outcome.plan.models[0].left_alone == "a newer commit was applied: prune there"
        assert writes == []
    finally:
        shelf.stage.work.git("checkout", "-q", "main")
        locks = shelf.stage.work.git("ls-remote", "origin", "refs/gitops/lock/*").split()[1::2]
        shelf.stage.work.git("push", "-q", "origin", *(f":{each}" for each in locks))


# Below the pipeline: a person at exactly the wrong moment, and deaths


class Free(Lease):
    """A lock that nobody else wants."""

    def permit(self, seconds: float) -> None:
        assert seconds > 0


@dataclass
class Clicking:
    """A writer with somebody who clicks between our last look and our request."""

    inner: Any
    click: Callable[[str], None]
    permit: Permit | None = None

    def under(self, permit: Permit) -> Clicking:
        return Clicking(self.inner, self.click, permit)

    def deactivate(self, model_id: str, deployment_id: str) -> None:
        assert self.permit is not None
        self.permit(40.0)
        self.click(deployment_id)
        self.inner.deactivate(model_id, deployment_id)

    def activate(self, model_id: str, deployment_id: str) -> None:
        self.inner.under(self.permit).activate(model_id, deployment_id)

    def delete_deployment(self, model_id: str, deployment_id: str) -> None:
        assert self.permit is not None
        self.permit(40.0)
        self.click(deployment_id)
        self.inner.delete_deployment(model_id, deployment_id)


def carry_out(
    shelf: Shelf,
    baseten: Baseten,
    planned: list[str],
    writer: Any = None,
    pace: Pace = QUICK,
) -> tuple[Pruned, ...]:
    """The pruning of these alone, by the rules that hold for the shelf."""
    with Repository.discover(shelf.stage.work.path) as repository:
        [model] = compile_commit(repository, repository.head()).models
    history = ModelHistory.of(shelf.stage.entries())

    def judge(there: LiveModel) -> tuple[Fate, ...]:
        now = datetime.now(tz=UTC)
        return fates(model, there, history, now=now, commits={shelf.stage.work.head})

    with shelf.stage.baseten() as looking:
        there = looking.reader.model(KEY)
        assert there is not None
        there = replace(there, deployments=looking.reader.deployments(there.id))
    clock = SystemClock()
    leases: Any = Leases(store=None, clock=clock, holder=None)  # type: ignore[arg-type]
    return Pruning(
        key=KEY,
        model_id=there.id,
        reader=baseten.reader,
        writer=writer or baseten.writer,
        clock=clock,
        lease=Free(leases, KEY),
        judge=judge,
        say=shelf.said.append,
        pace=pace,
    ).carry_out([each for each in judge(there) if each.deployment.id in planned])


def test_what_began_to_serve_while_it_was_stopped_is_started_again(shelf: Shelf) -> None:
    spare = shelf.spare()
    before = shelf.serving
    with shelf.stage.baseten() as baseten:
        writer = Clicking(baseten.writer, shelf.person_promotes)
        [ended] = carry_out(shelf, baseten, [spare], writer)
    assert (ended.result, ended.exit_code) == ("restored", 8)
    assert ended.message == (
        "it was promoted to staging while it was stopped, and started again: look at staging now"
    )
    assert spare in shelf.here, "what serves again is not deleted"
    assert shelf.here[spare] not in {"INACTIVE", "DEACTIVATING"}
    shelf.stage.emulator.set_status(spare, "ACTIVE")
    shelf.person_promotes(before)


def test_what_baseten_refuses_to_delete_since_somebody_promoted_it_is_spared(
    shelf: Shelf,
) -> None:
    spare, before = shelf.spare("INACTIVE"), shelf.serving

    def click(deployment: str) -> None:
        shelf.stage.emulator.set_status(deployment, "ACTIVE")
        shelf.person_promotes(deployment)

    with shelf.stage.baseten() as baseten:
        [ended] = carry_out(shelf, baseten, [spare], Clicking(baseten.writer, click))
    assert (ended.result, ended.message, ended.exit_code) == ("spared", "serves staging", 4)
    assert shelf.serving == spare
    shelf.person_promotes(before)


def test_what_does_not_stop_in_time_is_left_to_the_next_prune(shelf: Shelf) -> None:
    spare = shelf.spare()
    with shelf.stage.baseten() as baseten:
        # Nothing ends what was forced into this.
        writer = Clicking(
            baseten.writer, lambda each: shelf.stage.emulator.set_status(each, "DEACTIVATING")
        )
        [ended] = carry_out(shelf, baseten, [spare], writer, replace(QUICK, settings=0.05))
    assert (ended.result, ended.exit_code) == ("stopping", 7)
    assert spare in shelf.here


@pytest.mark.parametrize(("at", "when"), [(0, "before"), (0, "after"), (1, "after"), (2, "before")])
def test_a_death_at_any_request_is_continued_by_the_next_prune(
    shelf: Shelf, at: int, when: Any
) -> None:
    running, stopped = shelf.spare(), shelf.spare("INACTIVE")
    serving = shelf.serving
    deadly = Deadly(at=at, when=when)
    with (
        Baseten(shelf.stage.endpoint, SystemClock(), transport=deadly) as baseten,
        pytest.raises(Killed),
    ):
        carry_out(shelf, baseten, [running, stopped])
    done = shelf.prune()
    while done.plan.work or "DEACTIVATING" in shelf.here.values():
        done = shelf.prune()
    assert set(shelf.here) == {serving}
