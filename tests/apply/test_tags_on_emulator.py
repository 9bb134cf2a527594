"""Tags for releases of a whole apply: on the applied commit, and never an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gitops.apply.run import Ports
from gitops.git.releasetags import ReleaseTags
from gitops.git.repository import Repository
from tests.apply.stage import Stage, stage
from tests.echo import PRODUCTION, STAGING, release, truss


def tagged(made: Stage) -> dict[str, str]:
    listed = made.work.git("ls-remote", "origin", "refs/tags/*")
    rows = (line.split() for line in listed.splitlines())
    return {name.removeprefix("refs/tags/"): commit for commit, name in rows}


def tag(made: Stage) -> None:
    """What ``deploy_log.tags`` adds to the following runs."""

    def with_tags(ports: Ports) -> Ports:
        return replace(ports, tags=ReleaseTags(Repository.discover(made.work.path), "origin"))

    made.wrap_ports = with_tags


def test_releases_of_protected_environments_are_tagged(tmp_path: Path) -> None:
    checked = release(STAGING, PRODUCTION)
    with stage(tmp_path, truss(), checked, traffic=60.0, first_push="none") as made:
        first = made.work.id("HEAD")
        # As after a run that ended between the entry and its tag.
        assert made.apply().exit_code == 0
        assert made.told()[-1] == "production released"
        assert tagged(made) == {}
        tag(made)
        assert made.apply().exit_code == 0
        assert tagged(made) == {"released/triage/production/1": first}

        hook = tmp_path / "remote.git" / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*) exit 1;; esac\n')
        hook.chmod(0o755)
        second = made.commit(truss("two"))
        outcome = made.apply()
        assert outcome.exit_code == 0
        (said,) = (warning for each in outcome.results for warning in each.warnings)
        assert said.startswith(
            "triage/production: the tag released/triage/production/2 is not set: "
        )
        hook.unlink()
        again = made.apply()
        assert (again.exit_code, again.results[-1].warnings) == (0, ())
        assert tagged(made) == {
            "released/triage/production/1": first,
            "released/triage/production/2": second,
        }
