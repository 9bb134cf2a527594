"""`gitops drift --accept`: Git then asks for what Baseten has, and no other byte has changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gitops.errors import InvalidRelease
from gitops.git.repository import Repository
from gitops.pipeline.accept import Accepting, accept_drift
from gitops.pipeline.compile import look
from gitops.pipeline.drift import FoundDrift
from gitops.pipeline.project import Project
from gitops.plan.drift import Drifted, EnvironmentDrift
from gitops.plan.drift_document import Drift, ModelDrift, NotAccepted, summarise
from gitops.plan.model import Serving, Wanted
from gitops.state.desired import Desired, DesiredEnvironment
from gitops.state.differences import differences
from gitops.state.settings import Settings
from gitops.yaml.write import flow
from tests import repositories
from tests.pipeline.memory_files import MemoryFiles
from tests.yaml.layouts import layout

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FILE = "releases/qwen.yaml"
CONFIG = "model_name: qwen\nresources: {accelerator: L4}\n"
HEAD_OF_FILE = """\
version: 1   # of the language
model: "qwen"
truss: trusses/qwen
environments:
  # where staff tries it
  staging:
    commit: HEAD
    autoscaling: {min_replica: 0,  max_replica: 1}   # small
"""
END_OF_FILE = """
# the end
timeouts: {build: 90m}
"""


class History:
    """Three commits of a truss, the first and last of which are the same files."""

    def __init__(self, folder: Path) -> None:
        self.work = repositories.Repository.create(folder, {"trusses/qwen/config.yaml": CONFIG})
        self.first = self.work.head
        two = CONFIG + "description: two\n"
        self.second = self.work.commit({"trusses/qwen/config.yaml": two}, "Say what it is")
        self.third = self.work.commit({"trusses/qwen/config.yaml": CONFIG}, "Say it no more")
        self.repository = Repository.discover(folder)

    def compiled(self, files: Mapping[str, bytes | str]) -> Desired:
        """Desired state of files that lie over the last commit; they are valid."""
        found = look(self.repository, MemoryFiles(files), self.third, dirty=True)
        if found.errors:
            raise InvalidRelease(found.problems)
        return found.desired

    def digest(self, commit: str) -> str:
        """That of the truss at a commit."""
        text = "version: 1\nmodel: q\ntruss: trusses/qwen\nenvironments:\n"
        text += f'  a: {{commit: "{commit}"}}\n'
        artifact = self.compiled({FILE: text}).models[0].environments[0].artifact
        assert artifact is not None
        return artifact.digest

    def accept(self, files: Mapping[str, bytes | str], *drift: Drifted) -> Accepting:
        """Accept what drifted in production."""
        desired = self.compiled(files)
        model = ModelDrift(
            model="qwen",
            team=None,
            model_id="m",
            release_file=FILE,
            environments=(EnvironmentDrift(environment="production", drift=drift),),
        )
        document = Drift(
            gitops_version="0",
            commit=self.third,
            dirty=True,
            api_url="http://127.0.0.1",
            workspace=None,
            now=NOW,
            summary=summarise((model,)),
            models=(model,),
        )
        project = Project(repository=self.repository, worktree=MemoryFiles(files), environ={})
        return accept_drift(project, FoundDrift(drift=document, desired=desired))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(tmp_path_factory.mktemp("accept") / "work")


def release(production: str) -> str:
    return f"{HEAD_OF_FILE}  production:\n{production}{END_OF_FILE}"


def setting(path: str, git: Any, live: Any) -> Drifted:
    return Drifted(kind="setting", path=path, git=git, live=live, by="ada@example.com")


def told(accepting: Accepting) -> list[str]:
    """The lines that went and came."""
    assert accepting.drift.accepted is not None
    return [
        line
        for each in accepting.drift.accepted.written
        for line in each.diff.splitlines()
        if line[:1] in {"+", "-"}
    ]


def refused(accepting: Accepting) -> tuple[NotAccepted, ...]:
    assert accepting.drift.accepted is not None
    return accepting.drift.accepted.not_written


# Settings

NUMBERS: Mapping[str, st.SearchStrategy[Any]] = {
    "autoscaling_window": st.integers(10, 3600),
    "scale_down_delay": st.integers(0, 3600),
    "concurrency_target": st.integers(1, 99),
    "target_utilization_percentage": st.integers(1, 100),
}
DAYS = ["MONDAY", "TUESDAY", "SATURDAY"]
SCALED = st.builds(
    lambda least, more, delay: {"min_replica": least, "max_replica": least + more, **delay},
    st.integers(0, 3),
    st.integers(1, 4),
    st.sampled_from([{}, {"scale_down_delay": 60}]),
)
SCHEDULE = st.one_of(
    st.fixed_dictionaries(
        {
            "cadence": st.just("DAILY"),
            "weekdays": st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
            "start_hour": st.integers(0, 11),
            "end_hour": st.integers(12, 23),
            "autoscaling": SCALED,
        },
        optional={"enabled": st.booleans(), "timezone": st.just("UTC"), "end_minute": st.just(5)},
    ),
    st.fixed_dictionaries(
        {
            "cadence": st.just("HOURLY"),
            "weekdays": st.just(["MONDAY"]),
            "start_minute": st.integers(0, 20),
            "end_minute": st.integers(30, 59),
            "autoscaling": SCALED,
        }
    ),
    st.fixed_dictionaries(
        {
            "cadence": st.just("ONE_TIME"),
            "start_at": st.sampled_from(["2026-12-24T18:00:00Z", "2026-12-24T20:00:00+02:00"]),
            "end_at": st.just("2026-12-26T18:00:00Z"),
            "autoscaling": SCALED,
        }
    ),
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "autoscaling": st.builds(
            lambda both, more: {**both, **more},
            SCALED,
            st.fixed_dictionaries({}, optional=NUMBERS),  # type: ignore[arg-type]
        ),
        "promotion": st.fixed_dictionaries(
            {},
            optional={
                "rolling_deploy": st.booleans(),
                "promotion_cleanup_strategy": st.sampled_from(["KEEP", "DEACTIVATE"]),
                "rolling_deploy_config": st.fixed_dictionaries(
                    {}, optional={"max_surge_percent": st.integers(5, 50)}
                ),
            },
        ),
        "backpressure": st.fixed_dictionaries(
            {"policy": st.sampled_from(["QUEUE_ON_FULL", "REJECT_ON_FULL", None])}
        ),
        "schedules": st.dictionaries(
            st.sampled_from(["night", "week.end", "on"]), SCHEDULE, max_size=3
        ),
    },
)
_NULLS = dict.fromkeys(
    ["weekdays", "start_hour", "end_hour", "start_at", "end_at", "start_minute", "end_minute"]
)


def live_of(asked: Mapping[str, Any]) -> Settings:
    """What Baseten would report had somebody asked it for this: whole, with ids and nulls."""
    schedules = {
        name: {
            "id": f"s-{name}",
            "enabled": True,
            "timezone": "UTC",
            **_NULLS,
            **({"start_minute": 0, "end_minute": 0} if each["cadence"] == "DAILY" else {}),
            **each,
        }
        for name, each in asked.get("schedules", {}).items()
    }
    return Settings(
        autoscaling={**dict.fromkeys(NUMBERS, 100), **asked.get("autoscaling", {})},
        promotion={
            "rolling_deploy": False,
            "promotion_cleanup_strategy": "SCALE_TO_ZERO",
            **asked.get("promotion", {}),
            "rolling_deploy_config": {
                "max_surge_percent": 10,
                "max_unavailable_percent": 0,
                **asked.get("promotion", {}).get("rolling_deploy_config", {}),
            },
        },
        backpressure=asked.get("backpressure", {"policy": None}),
        schedules=schedules,
    )


@st.composite
def files(draw: st.DrawFn) -> dict[str, str]:
    """A release file whose production is written in any style, over defaults or none."""
    own = {"commit": "HEAD", **draw(SETTINGS)}
    rows = layout(draw, own, "    ")
    found = {FILE: release("\n".join(rows) + "\n")}
    if draw(st.booleans()):
        given_ = draw(SETTINGS)
        default = {"version": 1, "defaults": {"environments": {"production": given_}}}
        found["gitops.yaml"] = flow(default) + "\n"
    return found


def production(desired: Desired) -> DesiredEnvironment:
    return desired.models[0].environments[1]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
)
@given(files=files(), live=SETTINGS, end=st.sampled_from(["\n", "\r\n"]))
def test_accepted_settings_have_drifted_no_more(
    history: History, files: dict[str, str], live: dict[str, Any], end: str
) -> None:
    text = files[FILE].replace("\n", end)
    here = {**files, FILE: text.encode()}
    has = live_of(live)
    try:
        before = history.compiled(here)
    except InvalidRelease:
        # Two cadences of one schedule, say, do not merge.
        assume(False)
    found = [
        setting(each.path, each.after, each.before)
        for each in differences(production(before).settings, has, now=NOW)
    ]
    done = history.accept(here, *found)
    after = history.compiled({**here, **done.files})

    left = {each.path for each in differences(production(after).settings, has, now=NOW)}
    assert left == {each.path for each in refused(done)}
    # Only what gitops.yaml gives and Baseten has no value for cannot be written.
    assert all("gitops.yaml" in (each.hint or "") for each in refused(done))
    assert after.models[0].environments[0].settings == before.models[0].environments[0].settings

    new = done.files.get(FILE, here[FILE]).decode()
    assert new.startswith(HEAD_OF_FILE.replace("\n", end))
    assert new.endswith(END_OF_FILE.replace("\n", end))
    assert history.accept({**here, **done.files}).files == {}


def test_one_line_changes_for_one_setting(history: History) -> None:
    text = release(
        "    commit: HEAD\n    autoscaling:\n"
        "      min_replica: 2   # never fewer\n      max_replica: 10\n"
    )
    done = history.accept({FILE: text}, setting("autoscaling.min_replica", 2, 4))
    assert told(done) == [
        "-      min_replica: 2   # never fewer",
        "+      min_replica: 4   # never fewer",
    ]
    assert done.message == (
        "Accept drift of qwen/production\n\nBaseten was changed outside of Git:\n"
        "- qwen/production: autoscaling.min_replica: 2 -> 4 (by ada@example.com)\n"
    )


def test_what_gitops_yaml_gave_is_overridden_in_the_environment(history: History) -> None:
    config = """\
version: 1
defaults: {environments: {production: {autoscaling: {min_replica: 1, max_replica: 5}}}}
"""
    text = release("    commit: HEAD\n")
    files = {FILE: text, "gitops.yaml": config}
    done = history.accept(files, setting("autoscaling.max_replica", 5, 9))
    assert told(done) == ["+    autoscaling:", "+      max_replica: 9"]
    # Back to the default: written all the same, so that it stays what was accepted.
    back = history.accept({**files, **done.files}, setting("autoscaling.max_replica", 9, 5))
    assert told(back) == ["-      max_replica: 9", "+      max_replica: 5"]


def test_an_alias_is_written_out_and_an_anchor_keeps_its_value_elsewhere(history: History) -> None:
    text = HEAD_OF_FILE.replace(
        "autoscaling: {min_replica: 0,  max_replica: 1}",
        "autoscaling: &a {min_replica: 0,  max_replica: 1}",
    )
    text += "  production: {commit: HEAD, autoscaling: *a}   # same\n"
    done = history.accept({FILE: text}, setting("autoscaling.max_replica", 1, 3))
    assert told(done) == [
        "-  production: {commit: HEAD, autoscaling: *a}   # same",
        "+  production: {commit: HEAD, autoscaling: {min_replica: 0, max_replica: 3}}   # same",
    ]


def test_what_would_not_be_valid_is_not_written_and_hides_nothing(history: History) -> None:
    text = release(
        "    commit: HEAD\n"
        "    autoscaling: {min_replica: 1, max_replica: 3, scale_down_delay: 60}\n"
    )
    done = history.accept(
        {FILE: text},
        setting("autoscaling.min_replica", 1, 2),
        setting("autoscaling.scale_down_delay", 60, 86400),
    )
    assert told(done)[1] == (
        "+    autoscaling: {min_replica: 2, max_replica: 3, scale_down_delay: 60}"
    )
    [missing] = refused(done)
    assert missing.path == "autoscaling.scale_down_delay"
    assert "3600" in missing.why
    # Each alone would be no valid pair; together they are.
    both = history.accept(
        {FILE: text},
        setting("autoscaling.min_replica", 1, 6),
        setting("autoscaling.max_replica", 3, 9),
    )
    assert refused(both) == ()
    assert told(both)[1].startswith("+    autoscaling: {min_replica: 6, max_replica: 9,")


# Artifacts


def serves(digest: str | None, commit: str | None = None, **given: Any) -> Drifted:
    return Drifted(
        kind="artifact",
        git=Wanted(),
        live=Serving(deployment_id="d1", deployment_name="hotfix", digest=digest, commit=commit),
        **given,
    )


def test_a_pin_moves_to_the_commit_that_has_those_files(history: History) -> None:
    text = release(f'    commit: "{history.first}"   # 2026-01-01 "Initial commit"\n')
    done = history.accept({FILE: text}, serves(history.digest(history.second), history.second))
    assert told(done)[1] == (f'+    commit: "{history.second}"   # 2026-01-01 "Say what it is"')
    after = production(history.compiled(done.files)).artifact
    assert after is not None
    assert after.digest == history.digest(history.second)
    # Without a commit of its own it is searched for, and the newest one is taken.
    found = history.accept(
        {FILE: text.replace(history.first, history.second)}, serves(history.digest(history.first))
    )
    assert history.third in told(found)[1]


def test_an_environment_that_follows_head_is_pinned_and_that_is_said(history: History) -> None:
    text = release("    commit: HEAD\n    checks: [smoke]\n") + "checks: {smoke: {request: {}}}\n"
    done = history.accept({FILE: text}, serves(history.digest(history.second)))
    assert f"+    commit: {history.second}" in told(done)[1]
    assert done.drift.accepted is not None
    follows, checked = done.drift.accepted.notes
    assert "does not follow HEAD any more" in follows
    assert "runs its checks" in checked


def test_a_pin_that_gitops_yaml_gave_is_written_in_the_environment(history: History) -> None:
    config = "version: 1\ndefaults: {environments: {production: {commit: HEAD}}}\n"
    text = release("    protected: true\n")
    done = history.accept(
        {FILE: text, "gitops.yaml": config}, serves(history.digest(history.second))
    )
    [line] = told(done)
    assert line.startswith(f"+    commit: {history.second}") or history.second in line


def test_what_no_commit_gives_is_said_and_its_settings_are_written(history: History) -> None:
    text = release("    commit: HEAD\n    autoscaling: {min_replica: 1, max_replica: 3}\n")
    for item, why in (
        (serves("ab" * 32), "no commit of this history"),
        (serves(None), "was not pushed from this repository"),
        (serves(None, detail="deployment git-1 is labelled otherwise"), "labelled otherwise"),
        (Drifted(kind="artifact", git=Wanted()), "nothing serves"),
    ):
        done = history.accept({FILE: text}, item, setting("autoscaling.max_replica", 3, 5))
        assert len(told(done)) == 2
        [missing] = refused(done)
        assert (missing.path, why in missing.why) == ("commit", True)


def test_another_deployment_that_somebody_else_pushes_is_named(history: History) -> None:
    text = HEAD_OF_FILE + "  production:\n    deployment: release-1   # by hand\n"
    done = history.accept({FILE: text}, serves(None))
    assert told(done) == [
        "-    deployment: release-1   # by hand",
        "+    deployment: hotfix   # by hand",
    ]


def test_the_diff_shows_every_changed_line(history: History) -> None:
    text = release("    commit: HEAD\n    autoscaling: {min_replica: 1, max_replica: 3}\n")
    done = history.accept({FILE: text}, setting("autoscaling.max_replica", 3, 5))
    whole = difflib.unified_diff(
        text.splitlines(), done.files[FILE].decode().splitlines(), lineterm="", n=1
    )
    assert done.drift.accepted is not None
    [written] = done.drift.accepted.written
    assert written.diff.splitlines() == list(whole)[2:]
