"""Keys, addresses and answers that lead nowhere; names that Baseten does not know, or twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from gitops.emulator import Key
from tests.e2e.trouble import Ended, Trouble, trouble
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.patience import HANGS

GOOD = "good.0123456789abcdefghij"
INVOKE = "invoke.abcdefghij0123456789"
METRICS = "metrics.abcdefghij98765432"
EVE = "eve.0123456789abcdefghij"
BY_NAME = """\
version: 1
model: {model}
{team}environments:
  production:
    deployment: {deployment}
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    keys = (
        Key(secret=GOOD),
        Key(secret=INVOKE, type="WORKSPACE_INVOKE"),
        Key(secret=METRICS, type="WORKSPACE_EXPORT_METRICS"),
    )
    with trouble(tmp_path_factory.mktemp("access"), truss(), release(STAGING), keys=keys) as made:
        yield made


def sent_nothing(ended: Ended) -> None:
    assert (ended.code, ended.requests) == (1, [])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "BASETEN_API_KEY is not set"),
        ("", "BASETEN_API_KEY is not set"),
        (GOOD + "\n", "BASETEN_API_KEY starts or ends with white space or a line break"),
        ("good.ab\u00a0cdefghijkl", "BASETEN_API_KEY has characters in it that no key has"),
    ],
    ids=["missing", "empty", "line-break", "letters"],
)
def test_a_key_that_is_none_is_never_sent(locked: Trouble, key: str | None, said: str) -> None:
    planned = locked.gitops("plan", "--format", "json", BASETEN_API_KEY=key)
    sent_nothing(planned)
    assert planned.out == ""
    assert said in planned.err
    if key:
        assert key.strip() not in planned.err


def test_a_wrong_key_is_told_apart(locked: Trouble) -> None:
    wrong = "wrong.98765432109876543210"
    for arguments in (("plan",), ("apply", "--yes", "--format", "json"), ("status",)):
        ended = locked.gitops(*arguments, BASETEN_API_KEY=wrong)
        assert (ended.code, ended.writes, len(ended.requests)) == (1, [], 1)
        assert "does not accept this API key (401" in ended.err
        assert "Check that BASETEN_API_KEY is a current key" in ended.err
        assert wrong not in ended.out + ended.err
        assert wrong.partition(".")[2] not in ended.out + ended.err


@pytest.mark.parametrize("key", [INVOKE, METRICS])
@pytest.mark.parametrize("arguments", [("plan",), ("apply", "--yes"), ("status",)])
def test_a_key_of_another_kind_is_told_so(
    locked: Trouble, key: str, arguments: tuple[str, ...]
) -> None:
    ended = locked.gitops(*arguments, BASETEN_API_KEY=key)
    assert (ended.code, ended.out, ended.writes) == (1, "", [])
    assert "this API key may not do that (403 on GET /v1/" in ended.err
    assert locked.emulator.world.models == {}


def test_who_may_not_manage_an_environment_plans_and_promotes_nothing(tmp_path: Path) -> None:
    """The key reads everything, and pushes; only the environment is somebody else's."""
    keys = (Key(secret=GOOD), Key(secret=EVE, user="eve@example.com"))
    with trouble(
        tmp_path, truss(), release(STAGING), keys=keys, users=("eve@example.com",)
    ) as made:
        assert made.gitops("apply", "--yes", BASETEN_API_KEY=GOOD).code == 0
        served = made.serving("staging")
        httpx.patch(
            f"{made.emulator.api_url}/v1/environment_groups/staging",
            json={"manage_access": {"is_restricted": True, "user_ids": []}},
            headers={"Authorization": f"Bearer {GOOD}"},
            timeout=HANGS,
        ).raise_for_status()
        made.commit(truss("two"))
        assert made.gitops("plan", "--detailed-exitcode", BASETEN_API_KEY=EVE).code == 2
        ended = made.apply("--format", "json", BASETEN_API_KEY=EVE)
        assert ended.code == 1
        refused = [each for each in ended.requests if each["status"] == 403]
        assert [each["path"].rpartition("/")[2] for each in refused] == ["promote"]
        [failure] = ended.events[-1]["failures"]
        assert "this API key may not do that (403" in failure["happened"]
        assert failure["next"]
        assert made.serving("staging") == served


def test_nobody_listens_there(locked: Trouble) -> None:
    # Bound and not listening: every connection is refused, and nobody else gets the port.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        ended = locked.gitops("plan", BASETEN_API_URL=url, BASETEN_API_KEY=GOOD)
    sent_nothing(ended)
    assert f"cannot reach Baseten at {url.removeprefix('http://')}" in ended.err
    assert "Check the network and BASETEN_API_URL" in ended.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.example.invalid", "the key would cross the network unencrypted"),
        ("ftp://127.0.0.1", "which is not an http or https address"),
        ("https://user:hidden@127.0.0.1", "has a user name or password in it"),
    ],
)
def test_an_address_that_cannot_be_right(locked: Trouble, url: str, said: str) -> None:
    ended = locked.gitops("plan", BASETEN_API_URL=url)
    sent_nothing(ended)
    assert said in ended.err
    assert "hidden" not in ended.err


PAGE = "<html><body><h1>Welcome</h1>\x1b[31m</body></html>"


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (200, PAGE, "something unexpected: a web page"),
        (200, "", "something unexpected: nothing"),
        (200, "[1]", "something unexpected: JSON that is not an object"),
        (200, '{"surprise": 1}', "BASETEN_API_URL leads to Baseten's management API"),
        (302, PAGE, "elsewhere (302)"),
        (404, PAGE, "not there (404"),
        (400, '{"message": "Come \\u001b[31mback\\nlater\\u202e"}', "(400): Come [31mback later"),
        (503, '{"error": "Down for a while", "retry_after": 0}', "has a fault (503 on"),
        (429, '{"error": "Slow down", "retry_after": 0}', "too many requests (429 on"),
    ],
    ids=["page", "nothing", "array", "other-object", "redirect", "404", "400", "503", "429"],
)
def test_answers_that_are_none(locked: Trouble, status: int, content: str, said: str) -> None:
    with listening(status, content) as url:
        planned = locked.gitops(
            "plan", "--format", "json", BASETEN_API_URL=url, BASETEN_API_KEY=GOOD
        )
    assert (planned.code, planned.out) == (1, "")
    assert said in planned.err
    assert "<h1>" not in planned.err


@contextmanager
def listening(status: int, content: str) -> Iterator[str]:
    """Something on this machine that answers every request alike, and is not Baseten."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing: the test looks at what the command says."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_baseten_says_why_it_refuses(tmp_path: Path) -> None:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        body = {"code": "VALIDATION_ERROR", "message": "No \x1b[31mL4\nis left"}
        made.emulator.fault(
            kind="status", status=422, body=body, method="POST", path="/v1/models$", times=9
        )
        ended = made.apply()
        assert ended.code == 1
        assert "(422): No [31mL4 is left" in " ".join(ended.err.split())
        assert ended.out.startswith("failed: triage/staging\n")
        assert made.emulator.world.models == {}


def test_a_refused_push_is_not_sent_again_for_the_next_environment(tmp_path: Path) -> None:
    with trouble(tmp_path, truss(), release(STAGING, PRODUCTION)) as made:
        body = {"code": "VALIDATION_ERROR", "message": "No L4 is left"}
        made.emulator.fault(
            kind="status", status=422, body=body, method="POST", path="/v1/models$", times=9
        )
        ended = made.apply()
        assert ended.code == 1
        assert ended.writes.count("POST /v1/models") == 1
        assert ended.out.startswith("failed: triage/staging, triage/production\n")


def named(model: str, deployment: str = "main", *, team: str = "") -> dict[str, str]:
    team = f"team: {team}\n" if team else ""
    return {f"releases/{model}.yaml": BY_NAME.format(model=model, deployment=deployment, team=team)}


@pytest.fixture
def seeded(tmp_path: Path) -> Iterator[Trouble]:
    """A model that somebody else made, called whisper-001; it serves in production and staging."""
    with trouble(tmp_path, teams=("default", "ml")) as made:
        made.emulator.seed(1, prefix="whisper")
        yield made


def blocked(made: Trouble, *said: str) -> None:
    planned = made.gitops("plan")
    applied = made.apply("--format", "json")
    assert (planned.code, applied.code) == (4, 4)
    assert planned.writes + applied.writes == []
    [failure] = applied.events[-1]["failures"]
    for words in said:
        assert words in " ".join(planned.out.split())
        assert words in failure["happened"]
    assert all(failure[name] for name in ("happened", "serves_now", "next"))


def test_a_deployment_that_is_not_there(seeded: Trouble) -> None:
    seeded.commit(named("whisper-001", "main"))
    blocked(seeded, "there is no deployment main that could be promoted")


def test_a_deployment_of_a_model_that_is_not_there(seeded: Trouble) -> None:
    seeded.commit(named("whisper-002", "main"))
    blocked(seeded, "model whisper-002 is not on Baseten, so there is no deployment main")


def test_a_deployment_name_that_several_have(seeded: Trouble) -> None:
    seeded.commit(named("whisper-001", "main"))

    def rename() -> None:
        [model] = seeded.emulator.world.models.values()
        staging, production = (
            model.deployments[model.environments[name].current_id or ""]
            for name in ("staging", "production")
        )
        staging.name = "main"
        twin = replace(staging, id="twin0001", environment=None)
        model.deployments[twin.id] = seeded.emulator.world.deployments[twin.id] = twin
        production.name = "other"

    seeded.emulator.call(rename)
    blocked(seeded, "are all called main", "twin0001")


def test_a_team_that_is_not_there(seeded: Trouble) -> None:
    seeded.commit(named("whisper-001", team="search"))
    ended = seeded.gitops("plan")
    assert (ended.code, ended.out, ended.writes) == (1, "", [])
    assert "team search is not in this workspace" in ended.err
    assert "default, ml" in ended.err


def test_hostile_names_never_reach_the_terminal(seeded: Trouble) -> None:
    seeded.commit(named("whisper-001"))

    def rename() -> None:
        for deployment in seeded.emulator.world.deployments.values():
            deployment.name = "a\x1b]0;owned\x07\x1b[31m\u202eevil\r\nTotal: nothing\u2028"

    seeded.emulator.call(rename)
    for arguments in (("status",), ("plan",), ("plan", "--format", "markdown"), ("apply", "--yes")):
        ended = seeded.gitops(*arguments)  # checks every byte of the output
        assert "Total: nothing" not in ended.out.splitlines()
    assert "evil" in seeded.gitops("status").out
