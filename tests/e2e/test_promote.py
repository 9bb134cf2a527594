"""`gitops promote`: what one environment serves becomes another one's pin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.trouble import Trouble, trouble
from tests.echo import release, truss

STAGING = """\
  staging:
    commit: HEAD          # follows the branch
    checks: [smoke]
"""
PRODUCTION = """\
  # what customers get
  production:
    commit: "{pin}"   # 2020-01-01 "Long ago"
    requires: staging
    autoscaling: {{min_replica: 1}}
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Trouble]:
    """Production is pinned to the first version, staging serves the second."""
    with trouble(tmp_path, truss("one"), release(STAGING), first_push="none") as found:
        first = found.work.head
        found.work.revert(found.work.commit(truss("bad"), "Bad"))
        found.commit(truss("two"), release(STAGING, PRODUCTION.format(pin=first)), message="Two")
        assert found.apply("--env", "staging").code == 0
        yield found


def test_one_line_changes_and_a_commit_says_what_ships(made: Trouble) -> None:
    second = made.work.head
    file = made.work.path / "releases/triage.yaml"
    before = file.read_text().splitlines()
    asked = ("promote", "triage", "--from", "staging", "--to", "production", "--commit")
    hook = made.work.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    refused = made.gitops(*asked)
    assert (refused.code, "not today" in refused.err) == (1, True)
    assert made.work.status() == [], "the file is as it was"
    hook.unlink()

    done = made.gitops(*asked)
    assert done.code == 0, done.err
    assert not done.writes
    after = file.read_text().splitlines()
    [changed] = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert changed[1].startswith(f'    commit: "{second}"   # ')
    assert changed[1].endswith('"Two"')
    assert f"  ships {second[:12]} Two\n  2 more commits cancel each other out\n" in done.out
    message = made.work.git("log", "-1", "--format=%B")
    assert message.startswith(f"Promote triage to production: {second[:12]}\n")
    assert f"Ships:\n- {second[:12]} Two\n\n2 more commits cancel each other out." in message
    assert made.work.git("show", "--format=", "--name-only", "HEAD").split() == [
        "releases/triage.yaml"
    ]
    assert made.gitops("validate").out.count("warning") == 0
    assert "HEAD is detached" not in done.err

    again = made.gitops("promote", "triage", "--from", "staging", "--to", "production")
    assert again.code == 0
    assert "already" in again.out
    planned = made.gitops("plan", "--format", "json").document
    states = {each["environment"]: each["state"] for each in planned["models"][0]["environments"]}
    assert states["production"] == "promote", "what staging serves is not built again"

    made.work.git("checkout", "-q", "--detach", "HEAD~1")
    assert "HEAD is detached: no branch has this commit" in made.gitops(*asked).err


def test_a_branch_touches_nothing_here(made: Trouble) -> None:
    head = made.work.head
    made.work.git("config", "core.autocrlf", "true")
    (made.work.path / "releases/triage.yaml").unlink()
    made.work.git("checkout", "-q", "--", "releases")
    assert b"\r\n" in (made.work.path / "releases/triage.yaml").read_bytes()
    asked = ("promote", "triage", "--from", "staging", "--to", "production", "--branch", "ship")
    done = made.gitops(*asked)
    assert done.code == 0, done.err
    made_commit = made.work.git("rev-parse", "ship")
    assert done.out.strip().endswith(f"Branch ship, commit {made_commit}.")
    assert (made.work.head, made.work.git("status", "--porcelain")) == (head, "")
    assert made.work.git("rev-parse", "ship^") == head
    assert head in made.work.git("show", "ship:releases/triage.yaml")
    assert made.work.git("diff", "--numstat", "HEAD", "ship") == "1\t1\treleases/triage.yaml"

    taken = made.gitops(*asked)
    assert taken.code == 1
    assert "there is a branch ship already" in taken.err


def test_what_cannot_be_promoted_is_said(made: Trouble) -> None:
    before = (made.work.path / "releases/triage.yaml").read_bytes()
    empty = made.gitops("promote", "triage", "--from", "production", "--to", "staging")
    unknown = made.gitops("promote", "triage", "--from", "stagin", "--to", "production")
    itself = made.gitops("promote", "triage", "--from", "staging", "--to", "staging")
    assert [empty.code, unknown.code, itself.code] == [4, 1, 1]
    assert "nothing is known to serve triage/production" in empty.err
    assert "has no environment 'stagin'" in unknown.err
    made.work.write({"releases/triage.yaml": before.decode() + "# mine\n"})
    asked = ("promote", "triage", "--from", "staging", "--to", "production")
    for form in (("--commit",), ("--branch", "ship")):
        dirty = made.gitops(*asked, *form)
        assert (dirty.code, dirty.out) == (4, "")
        assert "not committed" in dirty.err
    assert not made.work.git("branch", "--list", "ship")
    assert (made.work.path / "releases/triage.yaml").read_bytes() == before + b"# mine\n"
    made.work.git("rm", "-q", "--cached", "releases/triage.yaml")
    made.work.git("commit", "-q", "-m", "Lose the file")
    lost = made.gitops(*asked, "--branch", "ship")
    assert lost.code == 4
    assert "releases/triage.yaml is not committed yet" in lost.err
