"""Live state in the fewest requests, and every read that may find nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gitops.errors import AccessDenied, BasetenError, NotFound, RequestRefused, Unavailable
from gitops.state.live import Team
from gitops.state.names import ModelKey
from tests.baseten import samples
from tests.baseten.fakes import KEY, START, FakeClock, baseten, in_turn

Answer = Callable[[httpx.Request], Any]
TEAMS = [samples.team(), samples.team("t2", "ml", default=False)]


def workspace(
    models: list[dict[str, Any]], teams: list[dict[str, Any]] | None = None, **more: Any
) -> Answer:
    """A workspace: `more` maps the last segment of a path to its answer."""

    def answer(request: httpx.Request) -> Any:
        last = request.url.path.rpartition("/")[2]
        if last in more:
            made = more[last]
            return made(request) if callable(made) else made
        match last:
            case "teams":
                return {"teams": TEAMS if teams is None else teams}
            case "models":
                return {"models": models}
            case "me":
                return {"user_id": "u", "workspace_name": "acme"}
            case "environments":
                return {"environments": [samples.environment("staging"), samples.environment()]}
            case _:
                return httpx.Response(404)

    return answer


def test_one_look_at_a_workspace() -> None:
    client, server = baseten(workspace([samples.model(), samples.model("m2", "other")]))
    live = client.reader.live([ModelKey(None, "qwen"), ModelKey(None, "absent")])
    assert (live.workspace.name, live.workspace.host) == ("acme", "api.baseten.co")
    assert live.read_at == START
    assert live.teams == (
        Team(id="t1", name="Default", default=True),
        Team(id="t2", name="ml", default=False),
    )
    assert list(live.models) == ["qwen"]
    model = live.models["qwen"]
    assert (model.id, model.team) == ("m1", "Default")
    assert [each.name for each in model.environments] == ["production", "staging"]
    assert model.deployments is None
    assert live.instance_types is None
    assert live.secrets is None
    assert sorted(server.paths) == [
        "GET /v1/models",
        "GET /v1/models/m1/environments",
        "GET /v1/teams",
        "GET /v1/users/me",
    ]


def test_two_hundred_models_take_205_reads() -> None:
    names = [f"model-{number}" for number in range(200)]
    clock = FakeClock()
    client, server = baseten(
        workspace(
            [samples.model(f"id-{name}", name) for name in names],
            instance_type_prices={"instance_types": []},
            secrets={"secrets": []},
        ),
        clock=clock,
    )
    live = client.reader.live([ModelKey(None, name) for name in names], prices=True, secrets=True)
    assert len(live.models) == 200
    assert len(server.requests) == 205
    # One endpoint may be asked a hundred times a second: they had to wait.
    assert clock.slept


def test_models_of_another_team_are_other_models() -> None:
    models = [samples.model("m1"), samples.model("m2", team_name="ml")]
    client, _ = baseten(workspace(models))
    live = client.reader.live(
        [ModelKey(None, "qwen"), ModelKey("ml", "qwen"), ModelKey("t2", "qwen")]
    )
    assert {key: model.id for key, model in live.models.items()} == {
        "qwen": "m1",
        "ml/qwen": "m2",
        "t2/qwen": "m2",
    }


def test_without_a_team_only_the_default_team_counts() -> None:
    client, _ = baseten(workspace([samples.model("m2", team_name="ml")]))
    assert client.reader.live([ModelKey(None, "qwen")]).models == {}


def test_teams_that_are_not_there_are_all_named() -> None:
    client, server = baseten(workspace([]))
    with pytest.raises(NotFound) as caught:
        client.reader.live([ModelKey("zeta", "a"), ModelKey("ml", "b"), ModelKey("alpha", "c")])
    assert "teams alpha, zeta are not in this workspace" in caught.value.message
    assert "teams there are: Default, ml" in caught.value.message
    assert not any("environments" in path for path in server.paths)


def test_a_name_that_two_teams_have_needs_its_team() -> None:
    models = [samples.model("m2", team_name="ml"), samples.model("m1")]
    client, _ = baseten(workspace(models, teams=[]))
    with pytest.raises(RequestRefused) as caught:
        client.reader.live([ModelKey(None, "qwen")])
    assert "m1 (team Default) and m2 (team ml)" in caught.value.message
    assert caught.value.hint == "write team: in the release file of qwen, with one of these teams"


def test_a_name_that_is_there_twice() -> None:
    client, _ = baseten(workspace([samples.model("m2"), samples.model("m1")]))
    with pytest.raises(RequestRefused) as caught:
        client.reader.live([ModelKey(None, "qwen")])
    assert "the name qwen is there more than once: m1 (team Default) and m2" in caught.value.message
    assert caught.value.hint is not None
    assert "rename" in caught.value.hint


def test_a_model_deleted_meanwhile_is_not_there() -> None:
    client, _ = baseten(workspace([samples.model()], environments=httpx.Response(404)))
    assert client.reader.live([ModelKey(None, "qwen")]).models == {}


def test_the_first_failure_ends_the_look() -> None:
    client, _ = baseten(workspace([samples.model()], environments=httpx.Response(403)))
    with pytest.raises(AccessDenied, match="/v1/models/m1/environments"):
        client.reader.live([ModelKey(None, "qwen")])


def test_a_wrong_key_is_said_before_anything_else() -> None:
    client, _ = baseten(lambda _: httpx.Response(401, json={"error": "Invalid API key"}))
    with pytest.raises(AccessDenied, match=r"does not accept this API key .* Invalid API key"):
        client.reader.live([ModelKey(None, "qwen")])


def test_prices_and_secrets_by_id_and_team() -> None:
    secrets = [
        {"name": "hf", "team_name": "ml"},
        {"name": "aws", "team_name": "Default"},
        {"name": "hf", "team_name": "Default"},
    ]
    client, _ = baseten(
        workspace(
            [],
            instance_type_prices={
                "instance_types": [{"instance_type": samples.INSTANCE_TYPE, "price": 0.01}]
            },
            secrets={"secrets": secrets},
        )
    )
    live = client.reader.live([], prices=True, secrets=True)
    assert live.instance_types is not None
    assert live.instance_types["1x2"].usd_per_minute == 0.01
    assert live.secrets == {"Default": frozenset({"aws", "hf"}), "ml": frozenset({"hf"})}


@pytest.mark.parametrize("status", [403, 404])
def test_prices_and_secrets_that_are_hidden_are_unknown(status: int) -> None:
    hidden = httpx.Response(status)
    client, _ = baseten(
        workspace([], instance_type_prices=hidden, instance_types=hidden, secrets=hidden)
    )
    live = client.reader.live([], prices=True, secrets=True)
    assert (live.instance_types, live.secrets) == (None, None)


def test_instance_types_without_prices() -> None:
    types = {"instance_types": [samples.INSTANCE_TYPE]}
    client, _ = baseten(
        workspace([], instance_type_prices=httpx.Response(403), instance_types=types)
    )
    found = client.reader.live([], prices=True).instance_types
    assert found is not None
    assert found["1x2"].usd_per_minute is None


@pytest.mark.parametrize(
    "answer", [httpx.Response(403), httpx.Response(404), {}, {"workspace_name": None}]
)
def test_a_workspace_without_a_name(answer: Any) -> None:
    client, server = baseten(lambda _: answer)
    assert client.reader.workspace().name is None
    assert client.reader.workspace().host == "api.baseten.co"
    assert len(server.requests) == 1


def test_one_model_read_anew() -> None:
    client, server = baseten(workspace([samples.model()]))
    key = ModelKey(None, "qwen")
    model = client.reader.model(key)
    assert model is not None
    assert [each.name for each in model.environments] == ["production", "staging"]
    client.reader.model(key)
    client.reader.live([key])
    assert client.reader.default_team() == "Default"
    # Teams do not come and go while we work.
    assert server.paths.count("GET /v1/teams") == 1
    assert server.paths.count("GET /v1/models") == 3
    assert client.reader.model(ModelKey(None, "absent")) is None


def test_what_is_not_there_is_none() -> None:
    client, _ = baseten(lambda _: httpx.Response(404, json={"message": "no"}))
    reader = client.reader
    assert reader.model_name("m1") is None
    assert reader.environment("m1", "production") is None
    assert reader.deployment("m1", "d1") is None
    assert reader.audit("m1") is None
    with pytest.raises(NotFound):
        reader.deployments("m1")


def test_other_failures_are_not_taken_for_absence() -> None:
    client, _ = baseten(lambda _: httpx.Response(500))
    for read in (client.reader.model_name, client.reader.deployments, client.reader.audit):
        with pytest.raises(Unavailable):
            read("m1")


def test_single_objects() -> None:
    client, server = baseten(
        in_turn(
            samples.model(),
            samples.environment(),
            samples.deployment(),
            {"deployments": [samples.deployment("b"), samples.deployment("a")]},
        )
    )
    reader = client.reader
    assert reader.model_name("m1") == "qwen"
    environment = reader.environment("m1", "production")
    assert environment is not None
    assert environment.current is not None
    deployment = reader.deployment("m1", "d1")
    assert deployment is not None
    assert deployment.name == "git-abc"
    assert [each.id for each in reader.deployments("m1")] == ["a", "b"]
    assert server.paths == [
        "GET /v1/models/m1",
        "GET /v1/models/m1/environments/production",
        "GET /v1/models/m1/deployments/d1",
        "GET /v1/models/m1/deployments",
    ]


def page(entries: list[dict[str, Any]], cursor: str | None) -> dict[str, Any]:
    return {"items": entries, "pagination": {"has_more": cursor is not None, "cursor": cursor}}


def test_all_pages_of_the_audit_log_oldest_first() -> None:
    late = samples.audit_entry("b", created="2026-11-22T11:30:00Z")
    early = samples.audit_entry("a", created="2026-11-22T11:10:00Z")
    before = samples.audit_entry("c", created="2026-11-22T09:00:00Z")
    client, server = baseten(in_turn(page([late], "next"), page([early, late, before], None)))
    since = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    entries = client.reader.audit("m1", since=since)
    assert entries is not None
    assert [each.id for each in entries] == ["a", "b"]
    assert all(each.own for each in entries)
    first, second = (request.url.params for request in server.requests)
    assert first["start_epoch_millis"] == str(int(since.timestamp()) * 1000)
    assert first["limit"] == "200"
    assert "cursor" not in first
    assert second["cursor"] == "next"


def test_a_cursor_that_comes_back_does_not_go_round_for_ever() -> None:
    client, server = baseten(lambda _: page([samples.audit_entry()], "again"))
    entries = client.reader.audit("m1")
    assert entries is not None
    assert len(entries) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_an_audit_log_that_is_hidden(status: int) -> None:
    client, _ = baseten(lambda _: httpx.Response(status))
    assert client.reader.audit("m1") is None


def test_an_audit_log_with_a_wrong_key() -> None:
    client, _ = baseten(lambda _: httpx.Response(401))
    with pytest.raises(AccessDenied):
        client.reader.audit("m1")


def test_a_list_that_is_none_is_said() -> None:
    client, _ = baseten(lambda _: {"detail": "?"})
    with pytest.raises(BasetenError, match="no list of deployments"):
        client.reader.deployments("m1")


NOW = int(START.timestamp() * 1000)


def log_server(lines: list[tuple[int, str]]) -> Answer:
    """A log of (milliseconds, message), served as Baseten does: by time, newest first."""

    def answer(request: httpx.Request) -> Any:
        asked = request.url.params
        assert asked["direction"] == "desc"
        high = int(asked.get("end_epoch_millis", NOW))
        low = int(asked.get("start_epoch_millis", high - 1_800_000))
        within = [
            {"timestamp": str(at * 1_000_000 + index), "message": text, "replica": None}
            for index, (at, text) in enumerate(lines)
            if low <= at < high
        ]
        return {"logs": within[::-1][: int(asked["limit"])]}

    return answer


def test_the_last_lines_of_a_log() -> None:
    lines = [(NOW - 1000 + number, f"line {number}") for number in range(50)]
    client, server = baseten(log_server(lines))
    assert client.reader.logs("m1", "d1", limit=3) == ("line 47", "line 48", "line 49")
    assert len(server.requests) == 1


def test_a_message_of_several_lines_is_several() -> None:
    client, _ = baseten(log_server([(NOW - 5, "first"), (NOW - 4, "Traceback:\n  here\nError")]))
    assert client.reader.logs("m1", "d1", limit=3) == ("Traceback:", "  here", "Error")
    assert client.reader.logs("m1", "d1", limit=20)[0] == "first"


def test_lines_of_one_moment_keep_their_order() -> None:
    trace = ("Traceback:", "  File model.py", "    load()", "    ^^^^", "RuntimeError")
    at = str((NOW - 5) * 1_000_000)
    page = [{"timestamp": at, "message": text, "replica": None} for text in reversed(trace)]
    client, _ = baseten(lambda _: {"logs": page})
    assert client.reader.logs("m1", "d1", limit=5) == trace


def test_more_lines_than_a_page_holds() -> None:
    lines = [(NOW - 3000 + number // 2, f"line {number}") for number in range(2500)]
    client, server = baseten(log_server(lines))
    found = client.reader.logs("m1", "d1", limit=2500)
    assert found == tuple(text for _, text in lines)
    assert len(server.requests) >= 3


def test_the_log_since_a_moment_but_no_longer_than_baseten_looks_back() -> None:
    client, server = baseten(log_server([(NOW - 10, "new"), (NOW - 90_000_000, "old")]))
    assert client.reader.logs("m1", "d1", since=START - timedelta(minutes=1)) == ("new",)
    client.reader.logs("m1", "d1", since=START - timedelta(days=30))
    start = int(server.requests[-1].url.params["start_epoch_millis"])
    assert NOW - start < 7 * 86_400_000


@pytest.mark.parametrize("stamp", ["9" * 5000, 10**400, -1, "-1", None, True, [], "nan", "٣"])
def test_a_line_without_a_time_is_a_line_all_the_same(stamp: Any) -> None:
    client, _ = baseten(lambda _: {"logs": [{"timestamp": stamp, "message": "line"}]})
    assert client.reader.logs("m1", "d1", limit=3) == ("line",)


def test_an_empty_log() -> None:
    client, _ = baseten(log_server([]))
    assert client.reader.logs("m1", "d1") == ()


def test_the_key_is_masked_in_what_a_model_logs() -> None:
    client, _ = baseten(log_server([(NOW - 1, f"Authorization: Bearer {KEY}")]))
    assert client.reader.logs("m1", "d1") == ("Authorization: Bearer ***",)
