"""The page as HTML: what it says, whom it answers, what it lets nobody do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

import gitops.emulator
from gitops.emulator import Key, ManualClock, Options, Running
from gitops.emulator.page import pages, render
from gitops.emulator.page.history import History
from gitops.emulator.page.values import Bar, Question, Totals
from gitops.emulator.page.workspace import read as read_world
from tests.emulator.client import Client, echo_truss
from tests.patience import HANGS

LABELS = {"gitops.digest": "5d" * 32, "gitops.commit": "7b" * 20}


@pytest.fixture(scope="module")
def empty() -> Iterator[Running]:
    """Nothing happens in it: one is enough for all who only ask for the page."""
    with gitops.emulator.running(clock=ManualClock()) as it:
        yield it


def page(emulator: Running, **query: Any) -> str:
    response = httpx.get(emulator.api_url + "/", params=query, timeout=HANGS)
    assert response.status_code == 200
    return response.text


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def read(emulator: Running, **query: Any) -> str:
    """What can be read on the page, in one line."""
    parser = _Text()
    parser.feed(page(emulator, **query))
    return " ".join(parser.words)


def test_an_empty_workspace_says_so(empty: Running) -> None:
    text = read(empty)
    assert "No models yet" in text
    assert "Nothing has happened yet." in text


def test_what_serves_is_told_with_its_id_status_commit_and_replicas(
    emulator: Running, client: Client
) -> None:
    _, deployment_id = client.live(labels=LABELS, deployment_name="git-" + "5d" * 20)
    text = read(emulator)
    assert "The only environment serves" in text
    assert "git-5d5d5d5d5d5d…" in text
    assert "commit 7b7b7b7b7b" in text
    assert f"{deployment_id}" in text
    assert "ACTIVE" in text
    assert "1 of 1 replica" in text


def test_a_copy_is_told_by_the_labels_of_what_it_was_copied_from(
    emulator: Running, client: Client
) -> None:
    model_id, deployment_id = client.live(labels=LABELS)
    client.post(f"/v1/models/{model_id}/environments", name="staging")
    copy = client.promote(model_id, deployment_id, "staging")
    assert not copy["labels"]
    emulator.advance(200)
    assert page(emulator).count("7b7b7b7b7b") >= 2


def test_requests_and_failures_of_the_last_minute_are_counted(
    emulator: Running, client: Client
) -> None:
    model_id, _ = client.live(echo_truss(error_rate=0.5))
    for _ in range(12):
        client.predict(model_id, {})
    text = read(emulator)
    assert "0.20 / s 50 % failed" in text
    assert "1 of 1 environment is worth a look" in text
    emulator.advance(120)
    assert "no requests" in read(emulator)


def test_a_promotion_is_told_while_it_goes_on_and_a_moment_longer(
    emulator: Running, client: Client
) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    client.send(
        "PATCH",
        f"/v1/models/{model_id}/environments/production",
        {"promotion_settings": {"rolling_deploy": True}},
    ).raise_for_status()
    client.promote(model_id, second)
    emulator.advance(30)
    percent = client.environment(model_id)["in_progress_promotion"][
        "percent_traffic_to_new_version"
    ]
    assert 0 < percent < 100
    text = read(emulator)
    assert "1 promotion under way" in text
    assert f"{percent} % of the traffic is on the candidate." in text
    assert f"Candidate {percent} %" in text
    assert f"Serving {100 - percent} %" in text
    assert first in text
    while client.environment(model_id)["current_deployment"]["id"] == first:
        emulator.advance(5)
    assert "All traffic is on the candidate." in read(emulator)
    emulator.advance(30)
    assert "In motion" not in read(emulator)
    assert "serves now" in read(emulator)


def test_a_way_up_is_one_event(emulator: Running, client: Client) -> None:
    client.live()
    events = read(emulator).rpartition("Recent events")[2]
    assert "from BUILDING at 00:00:00" in events
    assert "LOADING_MODEL" not in events
    assert events.index("serves now") < events.index("ACTIVE") < events.index("pushed")


def test_events_say_who(emulator: Running, client: Client) -> None:
    _, deployment_id = client.live()
    model_id = client.get("/v1/models")["models"][0]["id"]
    client.http.post(
        f"/v1/models/{model_id}/deployments/{deployment_id}/deactivate",
        headers={"X-Emulator-Actor": "ui:ada@example.com"},
    ).raise_for_status()
    text = read(emulator)
    assert "by ada@example.com (UI)" in text
    assert "worth a look" in text
    assert "by API key emulator, python-httpx" in text


@pytest.mark.parametrize("options", [{"keys": (Key(secret="abcd"), Key(secret="prefix.secret"))}])
def test_no_part_of_a_key_and_no_secret_is_shown(emulator: Running) -> None:
    for key in ("abcd", "prefix.secret"):
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(
            f"{emulator.api_url}/v1/secrets",
            json={"name": "hf", "value": "hush-hush"},
            headers=headers,
            timeout=HANGS,
        )
        assert answer.status_code == 200
    text = page(emulator)
    assert "by <bdi>API key emulator" in text
    for hidden in ("abcd", "prefix", "hush-hush"):
        assert hidden not in text


def test_a_fleet_is_paged_and_searched(emulator: Running) -> None:
    ids = emulator.seed(70, prefix="fleet")
    assert "Models 1 to 30 of 70, by name" in read(emulator)
    assert "Models 61 to 70 of 70, by name" in read(emulator, page=3)
    assert "Models 61 to 70 of 70, by name" in read(emulator, page=99)
    assert 'href="/?page=2"' in page(emulator)
    assert 'href="/?q=fleet&amp;page=2"' in page(emulator, q="fleet")
    assert "Models 1 to 1 of 1 that fit, of 70 in all" in read(emulator, q="FLEET-007")
    deployment = next(iter(emulator.world.models[ids[41]].deployments))
    found = read(emulator, q=deployment)
    assert "fleet-042" in found
    assert "None of 70 models fits." in read(emulator, q="nowhere")
    emulator.set_status(deployment, "UNHEALTHY")
    assert "Models 1 to 1 of 1 that fit" in read(emulator, show="trouble")


@pytest.mark.parametrize("query", ["page=-1", "page=²", "page=" + "9" * 5000, "show=x", "q=%00%FF"])
def test_whatever_is_asked_the_page_comes(empty: Running, query: str) -> None:
    assert httpx.get(f"{empty.api_url}/?{query}", timeout=HANGS).status_code == 200


def test_hostile_text_stays_text(emulator: Running) -> None:
    name = "<script>alert(1)</script>"
    emulator.seed(1, prefix=name, labels={"a.<b>": '"><img/src=x/onerror=alert(1)>'})
    answer = page(emulator, q='"><script>alert(1)</script>')
    assert answer.count("<script") == 1
    answer = page(emulator)
    assert answer.count("<script") == 1
    assert "<img" not in answer
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer


def test_what_a_terminal_would_obey_is_not_on_the_page(emulator: Running) -> None:
    emulator.seed(1, prefix="red\x1b[31m\x9b0m\r", labels={"a": "\x07"})
    answer = page(emulator, q="\x1b]0;title\x07")
    assert "\x1b" not in answer
    assert not {"\x07", "\r", "\x9b"} & set(page(emulator))
    assert "red\ufffd[31m\ufffd0m\ufffd" in page(emulator)


@pytest.mark.parametrize("path", ["/", *pages.FILES])
def test_every_file_forbids_what_it_does_not_need(empty: Running, path: str) -> None:
    headers = httpx.get(empty.api_url + path, timeout=HANGS).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("[::1]:9", 200),
        ("evil.example", 421),
        ("evil.example:80", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_only_the_machines_own_names_are_answered(empty: Running, host: str, status: int) -> None:
    assert (
        httpx.get(empty.api_url + "/", headers={"Host": host}, timeout=HANGS).status_code == status
    )
    key = {"Authorization": f"Bearer {empty.api_key}"}
    models = httpx.get(empty.api_url + "/v1/models", headers={"Host": host, **key}, timeout=HANGS)
    assert models.status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("https://evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("null", 403),
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/models"])
def test_no_page_elsewhere_is_answered(empty: Running, path: str, origin: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {empty.api_key}", "Origin": origin}
    assert httpx.get(empty.api_url + path, headers=headers, timeout=HANGS).status_code == status


def test_it_is_only_to_look_at(empty: Running) -> None:
    assert httpx.post(empty.api_url + "/", timeout=HANGS).status_code == 405
    head = httpx.head(empty.api_url + "/", timeout=HANGS)
    assert (head.status_code, head.text) == (200, "")


def test_looking_leaves_no_trace_and_meets_no_fault(emulator: Running) -> None:
    emulator.fault(kind="status", method="GET", path="/", status=500)
    page(emulator)
    assert emulator.requests() == []


@pytest.fixture
def july() -> Iterator[Running]:
    with gitops.emulator.running(Options(mode="july", speed=60), clock=ManualClock()) as it:
        yield it


def test_platform_and_pace_are_told(july: Running) -> None:
    assert "Baseten emulator of July · 60× as fast" in read(july)


def totals(**counts: Any) -> Totals:
    none = dict.fromkeys(
        ("models", "environments", "serving", "empty", "trouble", "moving", "starting", "replicas"),
        0,
    )
    return Totals(**{**none, "per_second": 0.0, "failed": None, **counts})


@pytest.mark.parametrize(
    ("counts", "tone", "sentence"),
    [
        ({}, "idle", "No models yet"),
        ({"environments": 1, "empty": 1}, "idle", "Nothing serves yet"),
        ({"environments": 2, "serving": 2}, "good", "All 2 environments serve"),
        ({"environments": 3, "serving": 2, "empty": 1}, "good", "2 of 3 environments are serving"),
        ({"environments": 2, "serving": 2, "starting": 1}, "moving", "1 deployment is starting"),
        ({"environments": 2, "serving": 2, "moving": 3}, "moving", "3 promotions under way"),
        (
            {"environments": 2, "serving": 2, "trouble": 1, "moving": 1},
            "poor",
            "1 of 2 environments is worth a look",
        ),
        (
            {"environments": 2, "serving": 0, "trouble": 2},
            "bad",
            "2 of 2 environments are worth a look",
        ),
    ],
)
def test_the_sentence_at_the_top(counts: dict[str, int], tone: str, sentence: str) -> None:
    models = {"models": 1} if counts else {}
    assert render.headline(totals(**models, **counts)) == (tone, sentence)


@pytest.mark.parametrize(("cost", "pace"), [(0.001, 1500), (0.3, 6000)])
def test_who_watches_a_large_workspace_does_not_slow_it_down(
    empty: Running, cost: float, pace: int
) -> None:
    workspace = empty.call(lambda: read_world(empty.world, History(empty.world), Question()))
    assert f'data-pace="{pace}"' in render.html(workspace, cost).decode()


def test_bars_reach_from_the_bottom_to_the_top() -> None:
    bars = (Bar(requests=0, failed=0), Bar(requests=4, failed=1), Bar(requests=2, failed=0))
    assert render.columns(bars, failed=False) == "M1 20v-20h.8v20zM2 20v-10h.8v10z"
    assert render.columns(bars, failed=True) == "M1 20v-5h.8v5z"
    assert render.columns((), failed=False) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "0 %"), (0.0004, "< 0.1 %"), (0.0123, "1.2 %"), (0.5, "50 %")],
)
def test_shares(value: float | None, shown: str) -> None:
    assert render.share(value) == shown


STYLE = Path(pages.__file__).parent / "static" / "style.css"


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_everything_that_is_read_has_contrast(scheme: int) -> None:
    roots = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    colours: dict[str, str] = dict(re.findall(r"--([\w-]+): (#\w{6});", roots[scheme]))
    tones = ("good", "moving", "idle", "poor", "bad")
    grounds = ("ground", "sheet", "fresh")
    pairs = [(ink, on) for ink in ("ink", "soft", *tones) for on in grounds]
    pairs += [("link", "ground"), ("link", "sheet"), ("soft", "bad-wash")]
    pairs += [(ink, f"{tone}-wash") for tone in tones for ink in (tone, "ink", "soft")]
    for ink, on in pairs:
        dark, light = sorted((luminance(colours[ink]), luminance(colours[on])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, on)


def test_a_model_that_never_came_up_is_trouble(emulator: Running, client: Client) -> None:
    config = {**echo_truss()["config"], "model_metadata": {"emulator": {"fails_to_load": True}}}
    client.create({**echo_truss(), "config": config}, "never-up")
    found = "1 of 1 environment is worth a look"
    assert found not in read(emulator, show="trouble")
    emulator.advance(600)
    assert found in read(emulator, show="trouble")
