"""Trouble on demand: how a fault is written, when it strikes, and what it does to a request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gitops.emulator.faults import FaultError, Faults, RequestFault, WorldFault, parse, read
from tests.emulator.client import Client


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("drop_after", {"kind": "drop_after", "times": 1}),
        (
            "drop_before:POST:/promote$:times=2,skip=1",
            {"kind": "drop_before", "method": "POST", "path": "/promote$", "times": 2, "skip": 1},
        ),
        ("503:/v1/a{1,2}:times=0", {"status": 503, "path": "/v1/a{1,2}", "times": None}),
        (
            "status:status=502,done=true,body=Bad Gateway",
            {"status": 502, "done": True, "body": "Bad Gateway"},
        ),
        (
            "429:get:retry_after=7",
            {
                "method": "GET",
                "answer": {"error": "Rate limit exceeded.", "retry_after": 7},
            },
        ),
        ("latency:probability=0.25,seconds=1.5", {"seconds": 1.5, "times": None}),
        ("build_fails:model=^qwen,probability=0.5,times=3", {"model": "^qwen", "times": 3}),
        ("promotion_sticks:environment=production,percent=50", {"percent": 50, "seconds": None}),
        ("turns_unhealthy:after=60,seconds=30", {"after": 60, "seconds": 30}),
    ],
)
def test_a_fault_is_written_in_one_line(text: str, fields: dict[str, Any]) -> None:
    fault = parse(text)
    assert {name: getattr(fault, name) for name in fields} == fields
    assert isinstance(fault, WorldFault) == (not hasattr(fault, "method"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("explode", "none of a status code, drop_before"),
        ("drop_after:POTS", "'POTS' is none of a method, a path"),
        ("drop_after:times=-1", "times: "),
        ("drop_after:model=x", "model: "),
        ("200", "status: "),
        ("latency:/(:seconds=1", "path: is not a regular expression"),
        ("latency:/v1/", "latency needs seconds"),
        ("turns_unhealthy", "needs one of after, requests and concurrency"),
        ("status:probability=2", "probability: "),
        ("503:status=500", "the kind is 503, and the status 500"),
    ],
)
def test_what_is_wrong_with_a_fault_is_said(text: str, why: str) -> None:
    with pytest.raises(FaultError) as raised:
        parse(text)
    assert why in str(raised.value)


def strikes(seed: int | None, *, others: int = 0) -> list[bool]:
    faults = Faults(seed)
    faults.add(parse("503:/b:probability=0.3"))
    for _ in range(others):
        faults.add(parse("500:/never"))
    return [faults.for_request("GET", "/b") is not None for _ in range(60)]


@pytest.mark.parametrize("kind", ["503", 503])
def test_a_status_code_is_a_kind_in_json_too(kind: object) -> None:
    fault = read({"kind": kind, "method": "GET", "path": "/v1/", "times": 3})
    assert isinstance(fault, RequestFault)
    assert (fault.kind, fault.status, fault.path, fault.times) == ("status", 503, "/v1/", 3)
    assert "503" in fault.names


def test_a_seed_makes_chances_repeatable_and_each_fault_has_its_own() -> None:
    first = strikes(7)
    assert first == strikes(7) == strikes(7, others=3)
    assert 0 < sum(first) < 60
    assert any(strikes(seed) != first for seed in (8, 9))


def test_an_earlier_fault_that_does_not_strike_leaves_the_request_to_the_next() -> None:
    faults = Faults(1)
    faults.add(read({"kind": "drop_before", "skip": 2}))
    faults.add(read({"kind": "latency", "seconds": 1, "times": 0}))
    kinds = [fault.kind if (fault := faults.for_request("GET", "/")) else None for _ in range(4)]
    assert kinds == ["latency", "latency", "drop_before", "latency"]


def test_what_waits_goes_on_when_the_fault_is_lifted(client: Client) -> None:
    client.emulator.fault(kind="latency", path="/v1/teams$", seconds=3600)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(client.get, "/v1/teams")
        while not client.emulator.requests():
            assert not waits.done()
        client.emulator.call(client.emulator.emulator.faults.lift)
        assert waits.result()["teams"]


def test_an_answer_can_break_off_in_its_middle(client: Client) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    client.emulator.fault(kind="half_body", method="POST", path="/environments$")
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
        client.post(path, name="one")
    assert len(client.get(path)["environments"]) == 2
    client.emulator.fault(kind="half_body", path="predict$")
    body = {"messages": [{"role": "user", "content": "a b c"}], "stream": True}
    with pytest.raises(httpx.RemoteProtocolError):
        client.predict(model_id, body)
    assert client.predict(model_id, body).status_code == 200
    assert [each["fault"] for each in client.emulator.requests() if each["fault"]] == [
        "half_body",
        "half_body",
    ]


def test_an_error_may_hide_that_the_work_was_done(client: Client) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    client.ask("POST", "/__emulator__/faults", "502:POST:/environments$:done=true,body=<html>")
    refused = client.send("POST", path, {"name": "one"})
    assert (refused.status_code, refused.text) == (502, "<html>")
    assert len(client.get(path)["environments"]) == 2


@pytest.mark.parametrize(
    "options", [{"faults": ("429:/v1/models$:retry_after=3", "500:/v1/teams$:times=0")}]
)
def test_faults_from_the_start_are_listed_and_lifted(client: Client) -> None:
    limited = client.send("GET", "/v1/models")
    assert limited.status_code == 429
    assert limited.json() == {"error": "Rate limit exceeded.", "retry_after": 3}
    assert client.send("GET", "/v1/models").status_code == 200
    assert client.send("GET", "/v1/teams").status_code == 500
    listed = client.get("/__emulator__/faults")["faults"]
    assert [(each["kind"], each["happened"]) for each in listed] == [("status", 1), ("status", 1)]
    client.ask("DELETE", "/__emulator__/faults")
    assert client.send("GET", "/v1/teams").status_code == 200
    assert client.get("/__emulator__/faults") == {"faults": []}


def test_a_fault_that_cannot_be_read_is_refused_with_the_reason(client: Client) -> None:
    refused = client.send("POST", "/__emulator__/faults", "drop_after:times=x")
    assert refused.status_code == 400
    assert "times" in refused.json()["error"]


def test_a_request_fault_knows_its_method_in_any_case() -> None:
    assert RequestFault(kind="drop_after", method="post").matches("POST", "/")
