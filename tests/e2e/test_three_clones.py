"""One model's life over three clones of one remote: what every step sends, uploads and builds.

The first clone is where work is done and, as in CI, applied. In the second one pull requests are
merged. Whoever is on call has the third.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.forked import Forked
from tests.e2e.trouble import Ended, Trouble, trouble
from tests.echo import release, truss
from tests.patience import HANGS
from tests.repositories import Repository

STAGING = """\
  staging:
    commit: HEAD
    checks: [smoke]
"""
PRODUCTION = """\
  # what customers get
  production:
    commit: {pin}
    requires: staging
    autoscaling: {{min_replica: 1}}
    watch: {{for: 1s, error_rate: 0.05, min_requests: 2}}
"""
# The one request of the check is answered; of customers' most are not.
FAILS_CUSTOMERS = "fails_after_requests: 1"
AT_REST = 10
"""Requests of an apply with nothing to do: four once, and three times the models and this one."""


@dataclass(frozen=True)
class Spent:
    """What a command cost."""

    ended: Ended
    builds: int

    @property
    def uploaded(self) -> int:
        """Bytes that reached the object store."""
        return sum(
            each["body_bytes"]
            for each in self.ended.requests
            if not each["path"].startswith(("/v1/", "/inference/"))
        )

    @property
    def writes(self) -> list[str]:
        """What was asked to change: the last word of every path, in order."""
        return [each.rpartition("/")[2] for each in self.ended.writes]


@dataclass
class Story:
    """Three clones, and what Baseten has begun to build."""

    made: Trouble
    second: Repository
    third: Repository
    built: list[str] = field(default_factory=list)

    @property
    def first(self) -> Repository:
        """The clone of whoever works on the model, and of CI."""
        return self.made.work

    def run(self, code: int, *arguments: str, at: Repository) -> Spent:
        """Run a command in a clone, and say what it cost."""
        built, heard = len(self.built), len(self.made.emulator.requests())
        process = Forked(arguments, cwd=at.path, env=self.made.variables(), hurried=False)
        out, err = process.communicate(timeout=HANGS)
        assert process.returncode is not None
        requests = self.made.emulator.requests()[heard:]
        ended = Ended(process.returncode, out, err, requests)
        self.made.check(ended)
        assert ended.code == code, out + err
        return Spent(ended, builds=len(self.built) - built)

    def apply(self, code: int = 0) -> Spent:
        """CI applies what is on the remote's main."""
        self.first.git("pull", "-q", "--ff-only", "origin", "main")
        return self.run(code, "apply", "--yes", at=self.first)

    def merge(self, branch: str, *, pushed_from: Repository) -> str:
        """A pull request: a branch is pushed, and merged in the second clone."""
        pushed_from.git("push", "-q", "origin", branch)
        self.second.git("fetch", "-q", "origin")
        self.second.git("merge", "-q", "--ff-only", "origin/main")
        merged = self.second.merge(f"origin/{branch}")
        self.second.git("push", "-q", "origin", "main")
        return merged

    def note(self, environment: str = "production") -> str:
        """Which version of the truss serves."""
        serving = self.made.serving(environment)
        assert serving is not None
        return self.version(serving)

    def version(self, deployment_id: str) -> str:
        """Which version of the truss a deployment is."""
        config = self.made.emulator.world.deployments[deployment_id].artifact.config
        return str(config["model_metadata"]["note"])


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with trouble(tmp_path, truss("one"), first_push="none", traffic=40.0) as made:
        release_one = release(STAGING, PRODUCTION.format(pin=made.work.head))
        made.commit(release_one, message="Release one")
        found = Story(made, made.clone("second"), made.clone("third"))
        made.emulator.world.on_status.append(
            lambda _, each: found.built.append(each.id) if each.status == "BUILDING" else None
        )
        # Both environments want the same artifact.
        released = found.apply()
        assert released.builds == 1
        assert released.uploaded > 1000
        assert (found.note("staging"), found.note()) == ("one", "one")
        yield found


def branch_of(told: str) -> str:
    """The branch that `gitops rollback` made."""
    return told.partition("Branch ")[2].partition(",")[0]


def test_what_one_model_lives_through(story: Story) -> None:
    made, first, second, third = story.made, story.first, story.second, story.third

    # A second version: staging follows the branch, production takes it by a pull request.
    made.commit(truss("two"), message="Version two")
    staged = story.apply()
    assert (staged.builds, story.note("staging"), story.note()) == (1, "two", "one")
    assert staged.uploaded > 1000
    asked = ("--from", "staging", "--to", "production", "--branch", "ship-two")
    promoted = story.run(0, "promote", "triage", *asked, at=first)
    assert promoted.writes == []
    ships_two = story.merge("ship-two", pushed_from=first)
    shipped = story.apply()
    assert (shipped.builds, shipped.uploaded, shipped.writes) == (0, 0, ["promote"])
    assert story.note() == "two"

    # A bad third one comes with its pin in one pull request, and the run itself takes it back.
    first.switch("three", create=True)
    pin = first.commit(truss("three", FAILS_CUSTOMERS), "Version three")
    # Watched until it is certain, however slow this machine is.
    patient = PRODUCTION.replace("for: 1s", "for: 10m").format(pin=pin)
    first.commit(release(STAGING, patient), "Ship three")
    first.switch("main")
    story.merge("three", pushed_from=first)
    bad = story.apply(3)
    assert (bad.builds, story.note("staging"), story.note()) == (1, "three", "two")
    assert made.entries()[-1].startswith("Rolled back")

    # Git says so too: the release is taken back, and there is nothing left to do.
    taken_back = story.run(0, "rollback", "triage", "production", at=second)
    assert taken_back.ended.requests == []
    story.merge(branch_of(taken_back.ended.out), pushed_from=second)
    agreed = story.apply()
    assert (agreed.builds, agreed.uploaded, agreed.writes) == (0, 0, [])
    assert len(agreed.ended.requests) <= AT_REST

    text = (first.path / "releases/triage.yaml").read_text()
    shortly = {"releases/triage.yaml": text.replace("for: 10m", "for: 1s")}
    made.commit(shortly, message="Watch shortly again")
    second.git("pull", "-q", "--ff-only", "origin", "main")

    # A plain revert of what shipped the second version: one promotion of what is there.
    second.git("revert", "--no-edit", "-m", "1", ships_two)
    second.git("push", "-q", "origin", "main")
    reverted = story.apply()
    assert (reverted.builds, reverted.uploaded, reverted.writes) == (0, 0, ["promote"])
    assert story.note() == "one"

    # Whoever is on call takes that back too, at once and from another machine.
    third.git("pull", "-q", "--ff-only")
    now = story.run(0, "rollback", "triage", "production", "--now", at=third)
    assert (now.builds, now.uploaded, now.writes) == (0, 0, ["promote"])
    assert story.note() == "two"

    # The next merge does not bring it back, and neither does the one that says so in Git.
    made.commit({"README.md": "work goes on\n"}, message="Words")
    for branch in ("", branch_of(now.ended.out)):
        if branch:
            story.merge(branch, pushed_from=third)
        later = story.apply()
        assert (later.builds, later.uploaded, later.writes) == (0, 0, [])
        assert story.note() == "two"
    read_back(story, third)


def read_back(story: Story, clone: Repository) -> None:
    """The log says all of it, in a clone that applied little of it, and Baseten is not asked."""
    read = story.run(0, "log", "triage", "production", "--fetch", "--format", "json", at=clone)
    assert read.ended.requests == []
    [log] = read.ended.document["logs"]
    results = [each for each in log["entries"] if each["event"] != "intent"]
    assert [(each["event"], story.version(each["to"]["deployment_id"])) for each in results] == [
        ("released", "one"),
        ("released", "two"),
        ("rolled_back", "three"),
        ("released", "one"),
        ("held", "two"),
        ("held", "two"),
    ]
    assert story.version(results[2]["from"]["deployment_id"]) == "two"
    assert story.version(results[4]["from"]["deployment_id"]) == "one"
    then = results[1]["at"]
    served = story.run(0, "log", "triage", "production", "--at", then, at=clone)
    assert served.ended.requests == []
    assert results[1]["to"]["commit"][:12] in served.ended.out
