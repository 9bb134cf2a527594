"""The log of a model that was renamed on Baseten, on several machines."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitops.errors import LogMoved
from gitops.git.deploylog import DeployLog
from gitops.git.logbook import LogBook
from gitops.git.repository import Repository
from gitops.record.entry import Event
from gitops.state.names import ModelKey
from tests.git.logs import KEY as OLD
from tests.git.logs import REF, entry, log
from tests.repositories import Repository as Made

NEW = ModelKey(None, "qwen-3-8b-chat")
OTHER = ModelKey(None, "bert")


@pytest.fixture
def here(repository: Made, tmp_path: Path) -> Made:
    repository.commit({"README": "x"})
    repository.publish(tmp_path / "remote.git")
    return repository


@pytest.fixture
def there(here: Made, tmp_path: Path) -> Made:
    return Made(Path(here.git("remote", "get-url", "origin"))).clone(tmp_path / "there")


def new(made: Made, model_id: str | None = "m1", *keys: ModelKey) -> DeployLog:
    """The log as a checkout has it that names the model as Baseten does now."""
    found = log(made.path, id_of=lambda _: model_id, managed=[NEW, *keys])
    found.fetch()
    return found


def test_the_log_goes_on_from_the_old_one(here: Made, there: Made) -> None:
    before = log(here.path)
    first = before.append(OLD, entry(Event.INTENT, model=str(OLD)))
    found = new(there)
    assert found.entries(NEW) == (first,)
    assert found.former(NEW) == OLD
    assert found.unnamed([NEW]) == {}
    assert found.left_behind([NEW]) == {}
    second = found.append(NEW, entry(Event.RELEASED, 1, intent=first.id, model=str(NEW)))
    assert found.entries(NEW) == (first, second)
    assert found.former(NEW) is None
    assert new(here).entries(NEW) == (first, second)
    assert here.git("ls-remote", "origin", REF).split()[0] == first.id, "the old ref stays"
    book = LogBook(Repository.discover(here.path), None)
    assert [each.model for each in book.logs()] == [NEW.name]
    assert [each.model for each in book.logs(model=OLD.name)] == [OLD.name]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lambda made: new(made, None), id="not on Baseten"),
        pytest.param(lambda made: new(made, "m2"), id="another model"),
        pytest.param(lambda made: new(made, "m1", OLD), id="a file still names it"),
        pytest.param(lambda made: log(made.path), id="nobody knows ids"),
    ],
)
def test_another_model_begins_a_log_of_its_own(
    here: Made, found: Callable[[Made], DeployLog]
) -> None:
    log(here.path).append(OLD, entry())
    deploys = found(here)
    assert deploys.entries(NEW) == ()
    assert deploys.former(NEW) is None
    deploys.append(NEW, entry())
    assert len(deploys.entries(NEW)) == 1


def test_of_two_machines_one_begins_the_new_name(here: Made, there: Made) -> None:
    first = log(here.path).append(OLD, entry())
    one, two = new(here), new(there)
    mine = one.append(NEW, entry(Event.INTENT, 1))
    with pytest.raises(LogMoved):
        two.append(NEW, entry(Event.SETTINGS, 2))
    two.fetch()
    last = two.append(NEW, entry(Event.SETTINGS, 2))
    assert two.entries(NEW) == (first, mine, last)


def test_what_was_kept_under_the_old_name_goes_on_under_the_new(here: Made, there: Made) -> None:
    intent = log(here.path).append(OLD, entry(Event.INTENT))
    away = log(here.path, reach_remote=False)
    away.keep(OLD, entry(Event.RELEASED, 1, intent=intent.id))
    assert [each.event for each in _offline(here).entries(NEW)] == [Event.INTENT, Event.RELEASED]
    found = new(there)
    found.append(NEW, entry(Event.SETTINGS, 2))
    late = log(here.path)
    late.fetch()
    assert [each for each in late.notices if "kept" in each] == [
        f"1 entry of {NEW.name} that this clone kept has reached the deploy log."
    ]
    assert [each.event for each in new(here).entries(NEW)] == [
        Event.INTENT,
        Event.SETTINGS,
        Event.RELEASED,
    ]
    assert here.git("ls-remote", "origin", REF).split()[0] == intent.id


def _offline(made: Made) -> DeployLog:
    return log(made.path, reach_remote=False, id_of=lambda _: "m1", managed=[NEW])


def test_kept_under_both_names_they_come_in_their_order(here: Made) -> None:
    intent = log(here.path).append(OLD, entry(Event.INTENT))
    log(here.path, reach_remote=False).keep(OLD, entry(Event.RELEASED, 1, intent=intent.id))
    _offline(here).keep(NEW, entry(Event.SETTINGS, 2))
    expected = [Event.INTENT, Event.RELEASED, Event.SETTINGS]
    assert [each.event for each in _offline(here).entries(NEW)] == expected
    assert [each.event for each in new(here).entries(NEW)] == expected


def test_renamed_twice_and_back_it_is_one_chain(here: Made) -> None:
    first = log(here.path).append(OLD, entry())
    second = new(here).append(NEW, entry(Event.SETTINGS, 1))
    third = log(here.path, id_of=lambda _: "m1", managed=[OTHER])
    third.fetch()
    last = third.append(OTHER, entry(Event.SETTINGS, 2))
    assert third.entries(OTHER) == (first, second, last)
    back = log(here.path, id_of=lambda _: "m1", managed=[OLD])
    back.fetch()
    assert back.former(OLD) == OTHER
    end = back.append(OLD, entry(Event.SETTINGS, 3))
    assert back.entries(OLD) == (first, second, last, end)
    assert back.former(OLD) is None


def test_what_is_no_log_is_in_nobodys_way(here: Made) -> None:
    log(here.path).append(OLD, entry())
    log(here.path).append(OTHER, entry())
    tree = here.id("HEAD^{tree}")
    broken = subprocess.run(
        ["git", "commit-tree", tree, "-m", "no entry"],
        cwd=here.path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    ref = "refs/gitops/log/acme%40api%2Ebaseten%2Eco/ml/bert"
    here.git("push", "-q", "-f", "origin", f"{broken}:{ref}")
    assert len(new(here).entries(NEW)) == 1
