from __future__ import annotations

import json
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.errors import LogMoved, RemoteUnreachable, RepositoryError
from gitops.git.refnames import LogName, name_of, segment
from gitops.record.entry import Entry, Event
from gitops.state.live import Workspace
from gitops.state.names import ModelKey
from tests.git.logs import KEY, REF, WORKSPACE, entry, log
from tests.repositories import Repository as Made

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY_TREE = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


EXPLODED = {
    "format_version": "1",
    "event": "exploded",
    "environment": "production",
    "at": "2026-01-01T00:00:00Z",
}


@pytest.fixture(params=["sha1", "sha256"])
def any_made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    return Made.create(tmp_path / "any", {"README": "x"}, object_format=request.param)


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


@pytest.fixture
def refused_port() -> Iterator[int]:
    # Bound and not listening: every connection is refused, and nobody else gets the port.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def unreachable(made: Made, port: int) -> None:
    made.git("remote", "set-url", "origin", f"http://user:s3cret@127.0.0.1:{port}/x.git")


def hook(remote: Made, name: str, script: str) -> None:
    path = remote.path / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def events(entries: tuple[Entry, ...]) -> list[str]:
    return [each.event.value for each in entries]


# What an entry is


def test_an_entry_is_a_commit_with_the_empty_tree(any_made: Made) -> None:
    deploy_log = log(any_made.path, None)
    before = any_made.head
    first = deploy_log.append(KEY, entry(Event.INTENT, number=None))
    second = deploy_log.append(KEY, entry(Event.RELEASED, 5, intent=first.id, number=12))
    assert any_made.refs("refs/gitops") == {REF: second.id}
    assert any_made.id(f"{second.id}^{{tree}}") == EMPTY_TREE[len(second.id)]
    assert any_made.git("rev-list", "--parents", second.id).splitlines() == [
        f"{second.id} {first.id}",
        first.id,
    ]
    subject, blank, body = any_made.git("log", "-1", "--format=%B", second.id).rstrip().split("\n")
    assert subject == "Released qwen-3-8b in production: commit 222222222222, #12"
    assert blank == ""
    written = json.loads(body)
    assert written["format_version"] == "1"
    assert written["event"] == "released"
    assert written["environment"] == "production"
    assert written["intent"] == first.id
    assert written["from"]["deployment_id"] == "11111111"
    assert written["to"]["deployment_id"] == "22222222"
    who = any_made.git("log", "-1", "--format=%an <%ae>, %cn <%ce>, %ct", second.id)
    assert who == ("Ann Writer <ann@example.invalid>, Ann Writer <ann@example.invalid>, 1795176300")
    assert any_made.head == before
    assert any_made.status() == []


def test_what_is_written_is_read_back(any_made: Made) -> None:
    deploy_log = log(any_made.path, None)
    written = [
        deploy_log.append(
            KEY,
            entry(Event.SETTINGS, minute, settings_before={"autoscaling.min_replica": minute}),
        )
        for minute in range(60)  # more than are read one by one
    ]
    assert deploy_log.entries(KEY) == tuple(written)
    assert log(any_made.path, None).entries(KEY) == tuple(written)


def test_hostile_text_stays_one_printable_line(repository: Made) -> None:
    hostile = "evil\nformat_version: 2\x1b[31m\u202e <x@y>\x00" + "long" * 100
    deploy_log = log(repository.path, None)
    written = deploy_log.append(
        KEY, entry(Event.HELD, model=hostile, environment=hostile, by=hostile, reason=hostile)
    )
    message = repository.git("log", "-1", "--format=%B", written.id).rstrip("\n")
    subject, blank, body = message.split("\n")
    assert subject.isprintable()
    assert len(subject) <= 120
    assert blank == ""
    assert body.isascii()
    assert body.isprintable()
    [read] = log(repository.path, None).entries(KEY)
    assert read.reason == hostile


def test_a_writers_name_cannot_forge_a_header(repository: Made) -> None:
    repository.git("config", "user.name", "Eve <eve@x>\nparent 123")
    opened = log(repository.path, None)._repository
    who = opened.identity({"GITHUB_ACTOR": "unused"})
    assert str(who) == "Eve  eve@x parent 123 <gitops@localhost>"
    log(repository.path, None, writer=who).append(KEY, entry())
    repository.git("fsck", "--strict")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "gitops <gitops@localhost>"),
        ({"GITHUB_ACTOR": "octo[bot]"}, "octo[bot] <octo-bot-@users.noreply.github.com>"),
        (
            {"GITLAB_USER_NAME": "Jo Fox", "GITLAB_USER_EMAIL": "jo@example.invalid"},
            "Jo Fox <jo@example.invalid>",
        ),
        ({"GIT_COMMITTER_NAME": "Env", "GIT_COMMITTER_EMAIL": "e@x"}, "Env <e@x>"),
    ],
)
def test_who_writes_where_git_was_not_told(
    repository: Made, environ: dict[str, str], expected: str
) -> None:
    assert str(log(repository.path, None)._repository.identity(environ)) == expected


# Names


@given(st.text())
def test_any_name_can_stand_in_a_ref(name: str) -> None:
    written = segment(name)
    assert set(written) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-%")
    assert name_of(written) == name
    path = LogName(workspace=name, team=name, model=name)
    assert LogName.read(path.path) == path


@pytest.mark.parametrize("name", [".", "..", "a.lock", "a/b", "@{0}", "-x", "~^:?*[\\", "é", "a b"])
def test_git_takes_the_encoded_names(repository: Made, name: str) -> None:
    deploy_log = log(repository.path, None)
    key = ModelKey(team=name, name=name)
    written = deploy_log.append(key, entry())
    assert log(repository.path, None).entries(key) == (written,)


def test_a_workspace_without_a_name_is_its_host(repository: Made) -> None:
    workspace = Workspace(name=None, host="127.0.0.1:8080", api_url="http://127.0.0.1:8080")
    log(repository.path, None, workspace=workspace).append(KEY, entry())
    assert list(repository.refs("refs/gitops")) == [
        "refs/gitops/log/127%2E0%2E0%2E1%3A8080/ml/qwen-3-8b"
    ]


# With a remote


def test_two_clones_see_one_log(here: Made, there: Made, remote: Made) -> None:
    mine, yours = log(here.path), log(there.path)
    mine.fetch()
    assert mine.entries(KEY) == ()
    first = mine.append(KEY, entry(Event.INTENT))
    yours.fetch()
    assert yours.entries(KEY) == (first,)
    second = yours.append(KEY, entry(Event.RELEASED, 1, intent=first.id))
    mine.fetch()
    assert mine.entries(KEY) == (first, second)
    assert remote.refs("refs/gitops") == {REF: second.id}
    assert here.refs("refs/gitops/log") == {REF: second.id}
    assert mine.notices == yours.notices == ()


def test_a_rival_who_wrote_first_wins(here: Made, there: Made, remote: Made) -> None:
    mine, yours = log(here.path), log(there.path)
    mine.fetch()
    yours.fetch()
    first = yours.append(KEY, entry(Event.INTENT))
    with pytest.raises(LogMoved):
        mine.append(KEY, entry(Event.INTENT, 1))
    assert remote.refs("refs/gitops") == {REF: first.id}
    assert here.refs("refs/gitops/log") == {}
    mine.fetch()
    assert mine.entries(KEY) == (first,)
    assert len(log(here.path).entries(KEY)) == 1
    mine.append(KEY, entry(Event.INTENT, 2))


def test_of_many_racing_clones_one_wins(here: Made, remote: Made, tmp_path: Path) -> None:
    clones = [remote.clone(tmp_path / f"c{n}") for n in range(4)]
    logs = [log(clone.path) for clone in clones]
    for each in logs:
        each.fetch()
    start = threading.Barrier(4)
    won: list[int] = []
    lost: list[int] = []

    def race(number: int) -> None:
        start.wait()
        try:
            logs[number].append(KEY, entry(Event.INTENT, number))
            won.append(number)
        except LogMoved:
            lost.append(number)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 3
    fresh = log(here.path)
    fresh.fetch()
    assert [each.at.minute for each in fresh.entries(KEY)] == won


def test_runs_of_one_clone_at_once(here: Made, there: Made) -> None:
    other = log(there.path)
    keys = [ModelKey(team=None, name=f"m{n}") for n in range(8)]
    written = {key: other.append(key, entry()) for key in keys}
    failed: list[BaseException] = []
    read: list[bool] = []

    def run() -> None:
        try:
            mine = log(here.path, branch="main")
            mine.fetch()
            read.append(all(mine.entries(key) == (written[key],) for key in keys))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert read == [True] * 4


def test_models_side_by_side(here: Made, remote: Made) -> None:
    deploy_log = log(here.path)
    deploy_log.fetch()
    keys = [ModelKey(team=None, name=f"m{n}") for n in range(6)]
    failed: list[BaseException] = []

    def write(key: ModelKey) -> None:
        try:
            for minute in range(3):
                deploy_log.append(key, entry(Event.SETTINGS, minute))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {len(deploy_log.entries(key)) for key in keys} == {3}
    assert len(remote.refs("refs/gitops")) == 6


def test_a_remote_without_the_ref_is_first_contact(here: Made, there: Made, remote: Made) -> None:
    mine = log(here.path)
    old = mine.append(KEY, entry())
    remote.git("update-ref", "-d", REF)
    mine.fetch()
    assert mine.entries(KEY) == ()
    assert "removed from the remote" in mine.notices[0]
    assert here.refs("refs/gitops/aside") == {
        f"{REF.replace('gitops/log', 'gitops/aside/log')}/{old.id}": old.id
    }
    new = mine.append(KEY, entry(Event.SETTINGS, 1))
    yours = log(there.path)
    yours.fetch()
    assert yours.entries(KEY) == (new,)


def test_entries_from_before_there_was_a_remote_are_published(
    repository: Made, tmp_path: Path
) -> None:
    repository.commit({"README": "x"})
    first = log(repository.path, None).append(KEY, entry())
    remote = repository.publish(tmp_path / "later.git")
    mine = log(repository.path)
    mine.fetch()
    assert mine.entries(KEY) == (first,)
    second = mine.append(KEY, entry(Event.SETTINGS, 1))
    assert remote.git("rev-list", REF).split() == [second.id, first.id]


def test_another_chain_on_the_remote_counts_and_ours_is_put_aside(here: Made, there: Made) -> None:
    alone = log(here.path, None).append(KEY, entry(reason="alone"))
    shared = log(there.path).append(KEY, entry(reason="shared"))
    mine = log(here.path)
    mine.fetch()
    assert mine.entries(KEY) == (shared,)
    assert "another chain" in mine.notices[0]
    assert alone.id in here.refs("refs/gitops/aside").values()
    assert here.refs("refs/gitops/log") == {REF: shared.id}


def test_a_lost_local_ref_never_rewinds_the_remote(here: Made, remote: Made) -> None:
    first = log(here.path).append(KEY, entry())
    here.git("update-ref", "-d", REF)
    second = log(here.path).append(KEY, entry(Event.SETTINGS, 1))
    assert remote.git("rev-list", REF).split() == [second.id, first.id]


def test_a_log_rewound_on_the_remote_is_rewound_here(here: Made, remote: Made) -> None:
    mine = log(here.path)
    good = mine.append(KEY, entry())
    bad = mine.append(KEY, entry(Event.SETTINGS, 1))
    remote.git("update-ref", REF, good.id)
    mine.fetch()
    assert mine.entries(KEY) == (good,)
    assert bad.id in here.refs("refs/gitops/aside").values()


def test_pruning_as_configured_never_removes_the_log(here: Made) -> None:
    here.git("config", "fetch.prune", "true")
    here.git("config", "remote.origin.prune", "true")
    mine = log(here.path)
    first = mine.append(KEY, entry())
    here.git("fetch", "-q", "origin")
    assert log(here.path).entries(KEY) == (first,)


def test_a_shallow_clone_gets_the_whole_log(here: Made, remote: Made, tmp_path: Path) -> None:
    here.commit({"README": "2"})
    here.git("push", "-q")
    mine = log(here.path)
    written = [mine.append(KEY, entry(Event.SETTINGS, n)) for n in range(5)]
    shallow = remote.clone(tmp_path / "shallow", depth=1)
    yours = log(shallow.path, branch="main")
    yours.fetch()
    assert yours.entries(KEY) == tuple(written)
    yours.append(KEY, entry(Event.SETTINGS, 9))
    assert shallow.git("rev-parse", "--is-shallow-repository") == "true"


def test_a_deploy_branch_that_is_not_there_fails_nothing(here: Made) -> None:
    mine = log(here.path, branch="nope")
    mine.fetch()
    assert mine.entries(KEY) == ()


def test_nothing_but_the_logs_and_the_branch_is_fetched(here: Made, there: Made) -> None:
    there.commit({"x": "1"})
    there.git("push", "-q", "origin", "HEAD:main", "HEAD:other")
    there.git("tag", "v1")
    there.git("push", "-q", "origin", "v1")
    before = here.refs()
    log(here.path, branch="main").fetch()
    added = here.refs().keys() - before.keys()
    assert added == {"refs/gitops/remotes/origin/heads/main"}
    assert {name: oid for name, oid in here.refs().items() if name in before} == before
    assert not (here.path / ".git" / "FETCH_HEAD").exists()


@pytest.mark.parametrize(
    "setting",
    [
        "remote.origin.mirror=true",
        "push.followTags=true",
        "push.recurseSubmodules=on-demand",
        "fetch.prune=true",
        "fetch.writeCommitGraph=true",
        "log.showSignature=true",
        "core.logAllRefUpdates=always",
        "i18n.commitEncoding=latin1",
        "commit.gpgSign=true",
        "remote.pushDefault=nowhere",
        "transfer.fsckObjects=true",
        "core.abbrev=4",
        "color.ui=always",
    ],
)
def test_what_users_configure_does_not_matter(here: Made, remote: Made, setting: str) -> None:
    key, value = setting.split("=")
    for made in (here, remote):
        made.git("config", key, value)
    mine = log(here.path, branch="main")
    mine.fetch()
    first = mine.append(KEY, entry(reason="Grüße"))
    fresh = log(here.path, branch="main")
    fresh.fetch()
    assert fresh.entries(KEY) == (first,)
    assert remote.refs("refs/gitops") == {REF: first.id}


def test_tracing_git_does_not_confuse_us(
    here: Made, there: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TRACE", "1")
    mine = log(here.path, branch="nope")
    mine.fetch()
    first = mine.append(KEY, entry())
    with pytest.raises(LogMoved):
        log(there.path).append(KEY, entry(Event.SETTINGS, 1))
    assert mine.entries(KEY) == (first,)


def test_hooks_of_this_clone_are_not_run(here: Made) -> None:
    hooks = here.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction"):
        script = hooks / name
        script.write_text("#!/bin/sh\nexit 1\n")
        script.chmod(0o755)
    (hooks / "reference-transaction").unlink()
    log(here.path).append(KEY, entry())


def test_what_git_starts_does_not_get_the_key(
    here: Made, remote: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASETEN_API_KEY", "prefix01.0123456789012345678901234567890a")
    monkeypatch.setenv("ELSE", "handed on")
    seen = tmp_path / "seen"
    for hook in (
        here.path / ".git" / "hooks" / "reference-transaction",
        remote.path / "hooks" / "post-receive",
    ):
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nenv | sed 's/^/{hook.name} /' >> {seen}\n")
        hook.chmod(0o755)
    log(here.path).append(KEY, entry())
    said = seen.read_text()
    assert "reference-transaction ELSE=handed on" in said
    assert "post-receive ELSE=handed on" in said
    assert "BASETEN_API_KEY" not in said


# Trouble


def test_an_unreachable_remote_is_said_without_its_password(here: Made, refused_port: int) -> None:
    unreachable(here, refused_port)
    mine = log(here.path)
    for act in (mine.fetch, lambda: mine.append(KEY, entry())):
        with pytest.raises(RemoteUnreachable) as caught:
            act()
        assert "127.0.0.1" in str(caught.value)
        assert "s3cret" not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"
    assert here.refs("refs/gitops") == {}


def test_a_remote_that_never_answers_is_given_up(here: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        here.git("remote", "set-url", "origin", f"git://127.0.0.1:{silent.getsockname()[1]}/x.git")
        with pytest.raises(RemoteUnreachable, match="no answer after"):
            log(here.path, timeout=0.3).fetch()


def test_a_remote_that_is_gone(here: Made) -> None:
    here.git("remote", "set-url", "origin", str(here.path / "gone.git"))
    with pytest.raises(RemoteUnreachable, match="cannot be fetched from"):
        log(here.path).fetch()


@pytest.mark.parametrize("name", ["pre-receive", "update"])
def test_a_hook_that_declines_is_quoted(here: Made, remote: Made, name: str) -> None:
    hook(remote, name, 'echo "only \033[31mrobots\033[0m may write refs/gitops" >&2; exit 1')
    mine = log(here.path)
    mine.fetch()
    with pytest.raises(RemoteUnreachable) as caught:
        mine.append(KEY, entry())
    assert "hook declined" in str(caught.value)
    assert "robots" in str(caught.value)
    assert str(caught.value).isprintable()
    assert here.refs("refs/gitops/log") == {}
    assert mine.entries(KEY) == ()


def test_an_answer_lost_after_the_remote_took_it_counts(here: Made, remote: Made) -> None:
    # The remote takes the push; then the program that carries it dies without a word to us.
    wrapper = here.path / "receive"
    wrapper.write_text(
        "#!/bin/sh\n"
        # Hands on only the advertisement: everything after the first flush packet is swallowed.
        "exec python3 -c '\n"
        "import subprocess, sys, threading\n"
        'p = subprocess.Popen(["git", "receive-pack", sys.argv[1]], stdin=sys.stdin,'
        " stdout=subprocess.PIPE)\n"
        "while True:\n"
        "    size = p.stdout.read(4)\n"
        "    sys.stdout.buffer.write(size)\n"
        '    if size == b"0000": break\n'
        "    sys.stdout.buffer.write(p.stdout.read(int(size, 16) - 4))\n"
        "sys.stdout.buffer.flush()\n"
        "p.stdout.read()\n"
        "p.wait()\n"
        "sys.exit(1)\n"
        '\' "$1"\n'
    )
    wrapper.chmod(0o755)
    here.git("config", "remote.origin.receivepack", str(wrapper))
    mine = log(here.path)
    mine.fetch()
    written = mine.append(KEY, entry(Event.INTENT))
    assert remote.refs("refs/gitops") == {REF: written.id}
    assert here.refs("refs/gitops/log") == {REF: written.id}
    assert mine.entries(KEY) == (written,)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("no body at all", "not an entry"),
        ('Subject\n\n{"format_version": "99"}', "format_version is '99'"),
        ("Subject\n\n[1, 2]", "not a JSON object"),
        (f"Subject\n\n{json.dumps(EXPLODED)}", "exploded"),
        ('Subject\n\n{"format_version": "1", "seconds": 1e999}', "1e999 is no number"),
        ('Subject\n\n{"format_version": "1", "figures": {"a": NaN}}', "NaN is no number"),
    ],
)
def test_a_foreign_commit_in_the_chain_is_named(here: Made, message: str, why: str) -> None:
    mine = log(here.path)
    first = mine.append(KEY, entry())
    other = mine.append(ModelKey(team=None, name="other"), entry())
    foreign = here.git("commit-tree", "-p", first.id, "-m", message, EMPTY_TREE[40])
    here.git("push", "-q", "origin", f"{foreign}:{REF}")
    fresh = log(here.path)
    fresh.fetch()
    with pytest.raises(RepositoryError, match=why) as caught:
        fresh.entries(KEY)
    assert foreign in str(caught.value)
    with pytest.raises(RepositoryError, match=why):
        fresh.append(KEY, entry(Event.SETTINGS, 3))
    assert fresh.entries(ModelKey(team=None, name="other")) == (other,)


def test_what_is_no_commit_is_said_and_gone_once_it_is_gone(here: Made) -> None:
    mine = log(here.path)
    first = mine.append(KEY, entry())
    blob = here.git("hash-object", "-w", "--stdin", stdin=b"no entry")
    here.git("push", "-q", "--force", "origin", f"{blob}:{REF}")
    mine.fetch()
    with pytest.raises(RepositoryError, match=f"{blob} is a blob"):
        log(here.path).entries(KEY)
    with pytest.raises(RepositoryError, match=f"{REF} holds commit {blob}, .*: it is a blob"):
        log(here.path).left_behind([])
    here.git("push", "-q", "--force", "origin", f"{first.id}:{REF}")
    again = log(here.path)
    again.fetch()
    assert again.entries(KEY) == (first,)


def test_a_merge_in_the_chain_is_named(repository: Made) -> None:
    mine = log(repository.path, None)
    first = mine.append(KEY, entry())
    body = repository.git("log", "-1", "--format=%B", first.id)
    other = repository.git("commit-tree", "-m", body, EMPTY_TREE[40])
    merge = repository.git("commit-tree", "-p", first.id, "-p", other, "-m", body, EMPTY_TREE[40])
    repository.git("update-ref", REF, merge)
    with pytest.raises(RepositoryError, match=f"{merge}.*it is a merge"):
        log(repository.path, None).entries(KEY)


# Without the remote's help


def test_a_loopback_api_stays_away_from_a_remote_elsewhere(here: Made) -> None:
    here.git("remote", "set-url", "origin", "git@git.example.invalid:team/releases.git")
    mine = log(here.path, api_is_loopback=True)
    mine.fetch()
    first = mine.append(KEY, entry())
    assert mine.remote is None
    assert here.refs("refs/gitops") == {REF: first.id}
    mine.fetch()
    [notice] = mine.notices
    assert "stays in this clone" in notice


@pytest.mark.parametrize("scheme", ["{path}", "file://{path}"])
def test_a_loopback_api_pushes_to_a_local_remote(here: Made, remote: Made, scheme: str) -> None:
    here.git("remote", "set-url", "origin", scheme.format(path=remote.path))
    mine = log(here.path, api_is_loopback=True)
    written = mine.append(KEY, entry())
    assert remote.refs("refs/gitops") == {REF: written.id}
    assert mine.notices == ()


def test_a_loopback_api_looks_at_where_pushes_go(here: Made) -> None:
    here.git("remote", "set-url", "--push", "origin", "https://git.example.invalid/x.git")
    assert log(here.path, api_is_loopback=True).remote is None


def git_daemon(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A daemon that is ready, and its port: another one where somebody was quicker to take it."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        daemon = subprocess.Popen(
            ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--reuseaddr", "--verbose",
             f"--base-path={folder}"],
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert daemon.stderr is not None
        said = daemon.stderr.readline()
        if b"Ready" in said:
            return daemon, port
        assert b"unable to allocate any listen sockets" in said + daemon.stderr.read(), said
        daemon.wait()
        daemon.stderr.close()


def test_git_daemon_serves_as_a_remote(here: Made, remote: Made) -> None:
    (remote.path / "git-daemon-export-ok").touch()
    remote.git("config", "daemon.receivepack", "true")
    daemon, port = git_daemon(remote.path.parent)
    try:
        here.git("remote", "set-url", "origin", f"git://127.0.0.1:{port}/remote.git")
        mine = log(here.path, api_is_loopback=True)
        mine.fetch()
        written = mine.append(KEY, entry())
        assert remote.refs("refs/gitops") == {REF: written.id}
    finally:
        daemon.terminate()
        daemon.wait()
        assert daemon.stderr is not None
        daemon.stderr.close()


def test_a_long_log_is_read_whole(repository: Made) -> None:
    mine = log(repository.path, None)
    first = mine.append(KEY, entry(Event.INTENT))
    template = repository.run("cat-file", "commit", first.id).decode()
    tree, rest = template.split("\n", 1)
    stream, parent = [], first.id
    # What `git fast-import` is for, without knowing ids beforehand.
    body = rest.split("\n\n", 1)[1]
    stream.append("reset refs/heads/import\n\n")
    for number in range(3650):
        text = body.replace("12:00:00", f"12:{number // 60 % 60:02}:{number % 60:02}")
        origin = f"from {parent}\n" if number == 0 else ""
        stream.append(
            f"commit refs/heads/import\ncommitter A <a@x> {number} +0000\n"
            f"data {len(text.encode())}\n{text}\n{origin}"
        )
    repository.git("fast-import", "--quiet", stdin="".join(stream).encode())
    repository.git("update-ref", REF, "refs/heads/import")
    read = log(repository.path, None).entries(KEY)
    assert len(read) == 3651
    assert read[0] == first
    assert [each.at.second for each in read[1:]] == [number % 60 for number in range(3650)]
    assert tree.startswith("tree ")


def test_a_second_workspace_has_its_own_log(here: Made) -> None:
    other = Workspace(name="other", host=WORKSPACE.host, api_url=WORKSPACE.api_url)
    log(here.path).append(KEY, entry())
    elsewhere = log(here.path, workspace=other)
    elsewhere.fetch()
    assert elsewhere.entries(KEY) == ()


def test_the_logs_of_models_that_nobody_names(here: Made) -> None:
    there = log(here.path)
    other = ModelKey("vision", "clip")
    kept = {key: there.append(key, entry()) for key in (KEY, ModelKey(None, "bert"), other)}
    assert log(here.path).unnamed([KEY]) == {
        key: (kept[key],) for key in (ModelKey(None, "bert"), other)
    }
    assert log(here.path).unnamed(list(kept)) == {}
    elsewhere = Workspace(name="globex", host="api.baseten.co", api_url="https://api.baseten.co")
    assert log(here.path, workspace=elsewhere).unnamed([]) == {}


def test_files_of_logs_that_nobody_manages_any_more_are_known_by_their_last_entry(
    here: Made,
) -> None:
    deploys = log(here.path)
    old, other = ModelKey(None, "old"), ModelKey("vision", "other")
    deploys.append(old, entry(release_file="releases/a.yaml"))
    deploys.append(old, entry(minute=1, release_file="releases/b.yaml"))
    deploys.append(other, entry(release_file="releases/c.yaml"))
    deploys.append(KEY, entry(release_file="releases/d.yaml"))
    deploys.fetch()
    assert deploys.left_behind([KEY]) == {"releases/b.yaml": old, "releases/c.yaml": other}
    assert deploys.left_behind([KEY, ModelKey("ml", "old"), other]) == {}
