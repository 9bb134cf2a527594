"""The page as a browser shows it: read, kept current, narrow, and unharmed by hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import gitops.emulator
from gitops.emulator import ManualClock, Running
from tests.emulator.browser import Chromium, Tab, chromium
from tests.emulator.client import Client

pytestmark = pytest.mark.needs("chromium")

HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)>' + "x" * 120


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("chromium")) as it:
        yield it


@pytest.fixture
def tab(browser: Chromium) -> Iterator[Tab]:
    with browser.tab() as it:
        yield it


def promote_by_steps(client: Client) -> tuple[str, str]:
    """A rolling promotion that has begun: the model's and the candidate's ids."""
    model_id, _ = client.live()
    client.ready(model_id)
    candidate = client.ready(model_id)
    client.send(
        "PATCH",
        f"/v1/models/{model_id}/environments/production",
        {"promotion_settings": {"rolling_deploy": True}},
    ).raise_for_status()
    client.promote(model_id, candidate)
    return model_id, candidate


def percent(client: Client, model_id: str) -> Any:
    promotion = client.environment(model_id)["in_progress_promotion"]
    return promotion and promotion["percent_traffic_to_new_version"]


def test_a_promotion_moves_before_the_eyes_of_who_watches(
    emulator: Running, client: Client, tab: Tab
) -> None:
    model_id, candidate = promote_by_steps(client)
    tab.resize(1280, 900)
    tab.open(emulator.api_url)
    tab.evaluate(
        f"""window.model = document.querySelector('[data-key="o-{model_id}"]');
        window.model.querySelector('details').open = true"""
    )
    emulator.advance(30)
    moved = percent(client, model_id)
    assert 0 < moved < 100
    bar = "document.querySelector('.split .moved')"
    tab.until(f"{bar}?.getAttribute('width') === '{moved}'")
    assert f"{moved} % of the traffic is on the candidate." in tab.text(".motion")
    tab.evaluate(f"window.bar = {bar}; 0")
    emulator.advance(30)
    assert percent(client, model_id) > moved
    tab.until(f"{bar}.getAttribute('width') === '{percent(client, model_id)}'")
    assert tab.evaluate(f"window.bar === {bar}"), "it was replaced instead of moved"
    while percent(client, model_id) is not None:
        emulator.advance(5)
    tab.until(f"window.model.querySelector('.environment').innerText.includes('{candidate}')")
    tab.until("document.querySelector('.events').innerText.includes('serves now')")
    assert tab.evaluate("window.model.isConnected && window.model.querySelector('details').open")
    assert tab.complaints == []
    assert all(url.startswith(f"{emulator.api_url}/") for url in tab.requests)


def test_everything_can_be_read_without_scripts(
    emulator: Running, client: Client, tab: Tab
) -> None:
    model_id, candidate = promote_by_steps(client)
    emulator.advance(30)
    tab.forbid_scripts()
    tab.open(f"{emulator.api_url}/?q=model")
    text = tab.text()
    for expected in (
        "1 promotion under way",
        f"{percent(client, model_id)} % of the traffic is on the candidate.",
        candidate,
        "RAMPING_UP",
        "Models 1 to 1 of 1, by name",
        "by API key emulator",
    ):
        assert expected in text
    assert tab.evaluate("document.querySelector('noscript meta')?.httpEquiv") == "refresh"
    assert tab.evaluate("document.querySelector('form button').checkVisibility()")
    assert tab.complaints == []


def test_hostile_text_is_shown_and_never_run(emulator: Running, tab: Tab) -> None:
    emulator.seed(2, prefix=HOSTILE, labels={"a.b": '"><img/src=x/onerror=alert(1)>'})
    for width in (360, 1440):
        tab.resize(width, 800)
        tab.open(emulator.api_url)
        assert HOSTILE in tab.text(".model")
        assert tab.evaluate("document.documentElement.scrollWidth") == width
    emulator.seed(1, prefix="a" + HOSTILE)
    tab.until("document.querySelectorAll('.model').length === 3")
    assert tab.evaluate("[document.images.length, document.scripts.length]") == [0, 1]
    assert tab.evaluate("document.title").startswith("All 6 environments serve")
    assert tab.complaints == []


def test_a_fleet_fits_on_a_phone_and_is_found_by_typing(
    emulator: Running, client: Client, tab: Tab
) -> None:
    promote_by_steps(client)
    emulator.seed(60)
    emulator.advance(30)
    tab.resize(360, 740)
    for scheme in ("light", "dark"):
        tab.prefer(scheme)
        tab.open(emulator.api_url)
        assert tab.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    tab.evaluate("document.querySelector('[name=q]').focus()")
    tab.send("Input.insertText", text="model-042")
    tab.until("document.querySelectorAll('.model').length === 1")
    assert "model-042" in tab.text(".model")
    assert tab.evaluate("location.search") == "?q=model-042"
    assert tab.evaluate("document.activeElement.value") == "model-042"
    assert tab.complaints == []


def test_it_has_landmarks_one_heading_and_one_quiet_voice(
    emulator: Running, client: Client, tab: Tab
) -> None:
    promote_by_steps(client)
    tab.open(emulator.api_url)
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    ]
    roles = [role for role, _ in found]
    for role in ("banner", "main", "contentinfo", "search", "status"):
        assert roles.count(role) == 1, role
    regions = {name for role, name in found if role == "region"}
    assert {"Summary", "In motion", "Models", "Recent events"} <= regions
    controls = [name for role, name in found if role in {"searchbox", "combobox", "link"}]
    assert all(controls)
    assert tab.evaluate("document.querySelectorAll('h1, [aria-live], [role=status]').length") == 2


def test_it_says_when_the_emulator_no_longer_answers(tab: Tab) -> None:
    with gitops.emulator.running(clock=ManualClock()) as emulator:
        tab.open(emulator.api_url)
        assert "As of 00:00:00 UTC" in tab.text("header")
    tab.until("document.body.classList.contains('lost')")
    assert "Not answering since 00:00:00 UTC" in tab.text("header")
