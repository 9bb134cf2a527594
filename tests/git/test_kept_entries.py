from __future__ import annotations

import json
from pathlib import Path

import pytest

from gitops.errors import LogMoved, RemoteUnreachable, RepositoryError
from gitops.git.deploylog import DeployLog
from gitops.record.entry import Entry, Event
from gitops.state.names import ModelKey
from tests.git.logs import KEY, REF, entry, log, side
from tests.repositories import Repository as Made


@pytest.fixture
def here(repository: Made, tmp_path: Path) -> Made:
    repository.commit({"README": "x"})
    repository.publish(tmp_path / "remote.git")
    return repository


@pytest.fixture
def remote(here: Made) -> Made:
    return Made(Path(here.git("remote", "get-url", "origin")))


@pytest.fixture
def there(remote: Made, tmp_path: Path) -> Made:
    return remote.clone(tmp_path / "there")


def hide(remote: Made) -> None:
    remote.path.rename(remote.path.with_name("hidden"))


def show(remote: Made) -> None:
    remote.path.with_name("hidden").rename(remote.path)


def files(made: Made) -> list[Path]:
    return sorted(path for path in (made.path / ".git/gitops/pending").rglob("*") if path.is_file())


def events(deploy_log: DeployLog, key: ModelKey = KEY) -> list[str]:
    return [each.event.value for each in deploy_log.entries(key)]


def with_open_intent(here: Made) -> tuple[DeployLog, Entry]:
    deploy_log = log(here.path)
    deploy_log.fetch()
    return deploy_log, deploy_log.append(KEY, entry(Event.INTENT))


def test_a_result_is_kept_while_the_remote_is_away_and_pushed_by_the_next_run(
    here: Made, remote: Made
) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    kept = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    assert kept.id
    assert deploy_log.entries(KEY) == (intent, kept)
    assert "kept in this clone" in deploy_log.notices[-1]
    assert here.refs("refs/gitops/log") == {REF: intent.id}
    [path] = files(here)
    assert json.loads(path.read_text())["entry"]["event"] == "released"

    later = log(here.path)
    with pytest.raises(RemoteUnreachable):
        later.fetch()
    assert later.entries(KEY) == (intent, kept)
    show(remote)
    later.fetch()
    assert remote.refs("refs/gitops") == {REF: kept.id}
    assert later.entries(KEY) == (intent, kept)
    assert files(here) == []
    [told] = later.notices
    assert told.startswith("1 entry of ")
    assert told.endswith("that this clone kept has reached the deploy log.")


def test_keep_appends_where_the_remote_is_there(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    released = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    assert remote.refs("refs/gitops") == {REF: released.id}
    assert files(here) == []


def test_a_kept_result_goes_out_before_the_next_entry(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    kept = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    with pytest.raises(RemoteUnreachable):
        deploy_log.append(KEY, entry(Event.INTENT, 2))
    show(remote)
    second = deploy_log.append(KEY, entry(Event.INTENT, 3))
    assert remote.git("rev-list", REF).split() == [second.id, kept.id, intent.id]
    assert files(here) == []


def test_a_kept_result_whose_intent_was_closed_elsewhere_is_said_and_dropped(
    here: Made, there: Made, remote: Made
) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    deploy_log.keep(KEY, entry(Event.ROLLED_BACK, 1, intent=intent.id))
    show(remote)
    yours = log(there.path)
    yours.fetch()
    closed = yours.append(KEY, entry(Event.RELEASED, 2, intent=intent.id))

    later = log(here.path)
    later.fetch()
    assert later.entries(KEY) == (intent, closed)
    assert remote.refs("refs/gitops") == {REF: closed.id}
    assert files(here) == []
    [notice] = later.notices
    assert "rolled_back" in notice
    assert "closed by another run" in notice


def test_a_rival_elsewhere_does_not_stop_a_result(here: Made, there: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    yours = log(there.path)
    yours.fetch()
    theirs = yours.append(KEY, entry(Event.SETTINGS, 1, environment="staging"))
    released = deploy_log.keep(KEY, entry(Event.RELEASED, 2, intent=intent.id))
    yours.fetch()
    assert yours.entries(KEY) == (intent, theirs, released)


def test_a_result_that_a_rival_wrote_already_is_not_written_twice(here: Made, there: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    yours = log(there.path)
    yours.fetch()
    same = entry(Event.RELEASED, 2, intent=intent.id)
    theirs = yours.append(KEY, same)
    assert deploy_log.keep(KEY, same) == theirs


def test_a_result_whose_intent_a_rival_closed_is_refused(here: Made, there: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    yours = log(there.path)
    yours.fetch()
    yours.append(KEY, entry(Event.ROLLED_BACK, 1, intent=intent.id))
    with pytest.raises(LogMoved):
        deploy_log.keep(KEY, entry(Event.RELEASED, 2, intent=intent.id))
    assert files(here) == []


def test_a_kept_hold_keeps_its_place_when_the_log_moved_on(
    here: Made, there: Made, remote: Made
) -> None:
    deploy_log = log(here.path)
    first = deploy_log.append(KEY, entry(Event.ADOPTED))
    hide(remote)
    hold = deploy_log.keep(KEY, entry(Event.HELD, 1, from_=side("22222222"), to=side("11111111")))
    end = deploy_log.keep(
        KEY,
        entry(Event.ROLLED_BACK, 2, intent=hold.id, from_=side("11111111"), to=side("22222222")),
    )
    assert events(deploy_log) == ["adopted", "held", "rolled_back"]
    show(remote)
    yours = log(there.path)
    yours.fetch()
    theirs = yours.append(KEY, entry(Event.SETTINGS, 3))

    later = log(here.path)
    later.fetch()
    entries = later.entries(KEY)
    assert [each.event for each in entries] == [
        Event.ADOPTED,
        Event.SETTINGS,
        Event.HELD,
        Event.ROLLED_BACK,
    ]
    assert entries[0] == first
    assert entries[1] == theirs
    assert entries[2].id != hold.id
    assert entries[3].intent == entries[2].id
    assert entries[3].id != end.id
    assert files(here) == []


def test_a_kept_entry_that_closes_nothing_is_dropped_when_others_moved_on(
    here: Made, there: Made, remote: Made
) -> None:
    deploy_log = log(here.path)
    deploy_log.append(KEY, entry(Event.ADOPTED))
    hide(remote)
    deploy_log.keep(KEY, entry(Event.ADOPTED, 1))
    deploy_log.keep(KEY, entry(Event.ADOPTED, 2, environment="staging"))
    show(remote)
    yours = log(there.path)
    yours.fetch()
    yours.append(KEY, entry(Event.INTENT, 3))
    later = log(here.path)
    later.fetch()
    assert [(each.event.value, each.environment) for each in later.entries(KEY)] == [
        ("adopted", "production"),
        ("intent", "production"),
        ("adopted", "staging"),
    ]
    assert "intent was recorded there since" in later.notices[0]


def test_no_log_asks_nothing_of_the_remote_and_keeps_everything(here: Made, remote: Made) -> None:
    hide(remote)
    deploy_log = log(here.path, reach_remote=False)
    deploy_log.fetch()
    intent = deploy_log.append(KEY, entry(Event.INTENT))
    released = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    assert deploy_log.entries(KEY) == (intent, released)
    assert here.refs("refs/gitops") == {}
    again = log(here.path, reach_remote=False)
    again.fetch()
    assert again.entries(KEY) == (intent, released)
    assert "stay kept" in again.notices[0]
    show(remote)
    later = log(here.path)
    later.fetch()
    assert later.entries(KEY) == (intent, released)
    assert remote.refs("refs/gitops") == {REF: released.id}


def test_a_remote_that_may_only_be_read_leaves_entries_kept(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    kept = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    show(remote)
    refuse = remote.path / "hooks" / "pre-receive"
    refuse.write_text("#!/bin/sh\nexit 1\n")
    refuse.chmod(0o755)
    reader = log(here.path)
    reader.fetch()
    assert reader.entries(KEY) == (intent, kept)
    assert len(files(here)) == 1
    assert "hook declined" in reader.notices[0]


def test_working_trees_share_what_is_kept(here: Made, remote: Made, tmp_path: Path) -> None:
    here.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    kept = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    show(remote)
    other = log(tmp_path / "tree")
    other.fetch()
    assert other.entries(KEY) == (intent, kept)
    assert files(here) == []


def test_two_runs_of_one_clone_push_a_kept_entry_once(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    kept = deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    one, two = log(here.path), log(here.path)
    assert one.entries(KEY) == two.entries(KEY) == (intent, kept)  # both have read the file
    show(remote)
    one.fetch()
    two.fetch()
    assert two.entries(KEY) == (intent, kept)
    assert remote.git("rev-list", "--count", REF) == "2"


def test_kept_entries_of_another_model_and_workspace_are_left_alone(
    here: Made, remote: Made
) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    assert events(deploy_log, ModelKey(team=None, name="other")) == []
    assert events(deploy_log) == ["intent", "released"]


def test_a_half_written_file_is_not_seen(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    [path] = files(here)
    (path.parent / ".abc.partial").write_text('{"format_ver')
    assert events(log(here.path)) == ["intent", "released"]


def test_a_broken_file_is_named(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
    [path] = files(here)
    path.write_text("{")
    with pytest.raises(RepositoryError, match=path.name):
        log(here.path).entries(KEY)


def test_a_full_disk_is_said(here: Made, remote: Made) -> None:
    deploy_log, intent = with_open_intent(here)
    hide(remote)
    # A file where the folder should be: the same OSError path as a disk that takes no more.
    (here.path / ".git" / "gitops" / "pending").write_text("in the way")
    with pytest.raises(RepositoryError, match="could not be kept"):
        deploy_log.keep(KEY, entry(Event.RELEASED, 1, intent=intent.id))
