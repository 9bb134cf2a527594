from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gitops.record.entry import Entry, Event, Side, from_json
from gitops.record.timeline import ModelLog
from gitops.render import log as render
from gitops.render.behind import known_as_of, unknown
from gitops.render.palette import ansi
from gitops.render.words import instant

if TYPE_CHECKING:
    from tests.golden_files import Golden

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOSTILE = "\x1b]0;owned\x07\nfake: line\u202e"


def side(digit: str) -> Side:
    return Side(
        deployment_id=f"d{digit}",
        deployment_name=f"git-{digit * 40}",
        digest=digit * 64,
        commit=digit * 40,
    )


def entry(event: Event, minute: int, **more: Any) -> Entry:
    known: dict[str, Any] = {
        "environment": "production",
        "from_": side("1"),
        "to": side("2"),
        "by": "Ann Writer <ann@example.invalid>",
        "where": "https://ci.example.invalid/runs/7",
    }
    return Entry(
        id=f"{minute:040x}", event=event, at=START + timedelta(minutes=minute), **{**known, **more}
    )


BY_HAND = Side(deployment_id="d9", deployment_name="by-hand")
STORY = (
    entry(Event.ADOPTED, 0, from_=None, to=side("1"), where=""),
    entry(Event.UNVERIFIED, 5, environment="staging", to=side("1"), reason="check smoke failed"),
    entry(Event.INTENT, 10),
    entry(
        Event.RELEASED,
        22,
        intent=f"{10:040x}",
        number=1,
        seconds=724.0,
        settings_before={"autoscaling.min_replica": 1, "autoscaling.max_replica": 4},
        settings_after={"autoscaling.min_replica": 2, "autoscaling.max_replica": 4},
    ),
    entry(
        Event.SETTINGS,
        30,
        settings_before={"backpressure.policy": None},
        settings_after={"backpressure.policy": "QUEUE_ON_FULL"},
    ),
    entry(
        Event.REJECTED, 40, from_=side("2"), to=side("3"), reason="check smoke: 3 of 50 runs failed"
    ),
    entry(Event.LIFTED, 41, to=side("3")),
    entry(Event.INTENT, 50, from_=side("2"), to=side("3")),
    entry(
        Event.ROLLED_BACK,
        58,
        intent=f"{50:040x}",
        from_=side("2"),
        to=side("3"),
        seconds=8.4,
        reason="error rate 0.31 of 200 requests, bound 0.02",
    ),
    entry(
        Event.INTENT, 60, from_=side("2"), to=Side(deployment_id="d9", deployment_name="by-hand")
    ),
    entry(Event.NOT_STARTED, 61, intent=f"{60:040x}", to=BY_HAND),
    entry(
        Event.HELD,
        70,
        intent=f"{69:040x}",
        from_=side("2"),
        to=side("1"),
        ended_by="bob@example.invalid",
    ),
)
LOG = ModelLog(
    workspace="acme@api.baseten.co",
    team="ml",
    model="qwen-3-8b",
    entries=STORY,
    kept=frozenset({f"{70:040x}"}),
)


def test_the_log_reads_well(golden: Golden) -> None:
    golden("log/story.txt", render.text([LOG]))


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("vm", "of vm"),
        (
            "https://ci.example.invalid/runs/7",
            "on the runner of https://ci.example.invalid/runs/7, where that was kept",
        ),
    ],
)
def test_where_logs_and_figures_of_a_failure_are(where: str, says: str) -> None:
    folder = "gitops/failures/qwen-3-8b/production/0001-release"
    failed = entry(Event.REJECTED, 90, where=where, figures={"kept": folder})
    told = render.text([replace(LOG, entries=(failed,), kept=frozenset())])
    assert f"its logs and figures are in {folder}, below the Git directory {says}" in " ".join(
        told.split()
    )


def test_a_rollback_by_hand_is_one_line_once_it_has_ended(golden: Golden) -> None:
    begun = entry(
        Event.HELD,
        80,
        from_=side("2"),
        to=side("1"),
        by="Bob Oncall <bob@example.invalid>",
        reason="rolled back by hand to commit 111111111111 (branch back)",
    )
    ended = entry(
        Event.HELD,
        81,
        intent=begun.id,
        from_=side("2"),
        to=side("1"),
        seconds=4.2,
        reason="a person asked for the version before it",
    )
    still, done = (
        render.text([replace(LOG, entries=entries, kept=frozenset())])
        for entries in ((begun,), (begun, ended))
    )
    golden("log/by_hand.txt", f"{still}\n{done}")


def test_several_workspaces_are_named(golden: Golden) -> None:
    other = ModelLog(workspace="127.0.0.1:4000", team="Default", model="other", entries=STORY[:1])
    golden("log/workspaces.txt", render.text([LOG.only("staging"), other]))


def test_what_served_then_reads_well(golden: Golden) -> None:
    golden("log/at.txt", render.text_at([LOG], START + timedelta(minutes=55)))
    golden("log/at.json", render.as_json_at([LOG], START + timedelta(minutes=55)))


def test_an_empty_log_says_so() -> None:
    assert render.text([]) == "The deploy log is empty.\n"
    assert render.text([LOG.only("nope")]) == "The deploy log is empty.\n"
    assert "no entry yet" in render.text_at([LOG], START - timedelta(days=1))
    assert json.loads(render.as_json([])) == {"format_version": "1", "fetched_at": None, "logs": []}


def test_the_newest_are_counted_without_what_their_ends_tell() -> None:
    shown = render.text([LOG], newest=2)
    assert [line[2:22] for line in shown.splitlines() if line.startswith("  20")] == [
        "2026-11-20T13:10:00Z",
        "2026-11-20T13:01:00Z",
    ]
    assert shown.endswith("\n  and 7 older entries\n")
    assert "older" not in render.text([LOG], newest=9)
    assert LOG.newest(2).entries == STORY[-2:]


def test_an_announcement_is_told_until_its_end_is_known() -> None:
    begun = ModelLog(workspace="w", team="ml", model="m", entries=STORY[:3])
    assert "announced: commit 222222222222 over commit 111111111111" in render.text([begun])
    assert "announced" not in render.text([LOG])


def test_verdicts_are_told_with_their_figures() -> None:
    def verdict(what: str, reason: str, value: float, bound: float) -> dict[str, Any]:
        measured = {"what": what, "value": value, "bound": bound, "samples": 1200}
        return {"outcome": "pass", "reason": reason, "measurements": [measured]}

    figures: dict[str, Any] = {
        "checks": verdict("latency.p95", "passed latency", 1.2, 2.0),
        "watch": verdict("error_rate", "the watch passed", 0.004, 0.02),
    }
    told = [entry(Event.RELEASED, 1, figures=figures)]
    told.append(entry(Event.RELEASED, 2, figures={"watch": "skipped", "checks": ["no", "verdict"]}))
    told.append(entry(Event.REJECTED, 3, reason="passed latency", figures=figures))
    log = ModelLog(workspace="w", team="ml", model="m", entries=tuple(told))
    lines = [line.strip() for line in render.text([log], width=200).splitlines()]
    checks = "latency.p95 is 1.2 s, at most 2 s, 1200 samples"
    assert lines.count(f"checks: passed latency; {checks}") == 1
    assert lines.count(f"checks: {checks}") == 1, "its reason is told once"
    assert lines.count("watch: skipped") == 1
    assert "watch: the watch passed; error_rate is 0.4%, at most 2.0%, 1200 samples" in lines


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=59), None),
        (timedelta(hours=-3), None),
        (timedelta(minutes=5, seconds=20), "as of 2026-11-20T12:00:00Z, 5m ago: "),
        (timedelta(hours=3), "as of 2026-11-20T12:00:00Z, 3h ago: "),
        (timedelta(days=400, hours=3), "as of 2026-11-20T12:00:00Z, 400d ago: "),
    ],
)
def test_how_old_the_clones_knowledge_is(age: timedelta, said: str | None) -> None:
    told = known_as_of(START, START + age)
    assert told is None if said is None else said in (told or "")
    then = START + timedelta(seconds=30)
    asked = known_as_of(START, START + age, asked=then)
    assert (asked is None) == (told is None)
    assert asked is None or "before that time" in asked
    assert "not known" in (known_as_of(None, START) or "")
    assert "has not asked" in (known_as_of(None, START, never=True) or "")


@pytest.mark.parametrize(
    ("age", "told"), [(-3, "0s"), (9, "9s"), (150, "2m"), (7200, "2h"), (200_000, "2d")]
)
def test_a_log_that_cannot_be_fetched_is_unknown_since_then(age: int, told: str) -> None:
    said = unknown(START, START + timedelta(seconds=age), "it is away")
    assert said == f"history unknown since {instant(START)}, {told} ago: it is away"
    assert unknown(None, START, "it is away") == "history unknown: it is away"


def test_json_gives_back_every_entry() -> None:
    [log] = json.loads(render.as_json([LOG]))["logs"]
    assert (log["workspace"], log["team"], log["model"]) == (
        "acme@api.baseten.co",
        "ml",
        "qwen-3-8b",
    )
    assert tuple(from_json(each, entry_id=each["id"]) for each in log["entries"]) == STORY
    assert [each["id"] for each in log["entries"] if each["kept"]] == [f"{70:040x}"]


def test_every_event_has_a_sentence() -> None:
    sentences = {render.sentence(entry(event, 1)) for event in Event}
    assert len(sentences) == len(Event)


@pytest.mark.parametrize("at", [None, START + timedelta(days=1)])
def test_hostile_words_do_no_harm(at: datetime | None) -> None:
    bad = Side(deployment_id=HOSTILE, deployment_name=HOSTILE, commit=None)
    entries = tuple(
        entry(
            event,
            number,
            environment=HOSTILE,
            from_=bad,
            to=bad,
            by=HOSTILE,
            where=HOSTILE,
            reason=HOSTILE,
            ended_by=HOSTILE,
            settings_before={HOSTILE: HOSTILE},
            settings_after={HOSTILE: HOSTILE + "x"},
        )
        for number, event in enumerate(Event)
    )
    log = ModelLog(workspace=HOSTILE, team=HOSTILE, model=HOSTILE, entries=entries)
    other = ModelLog(workspace="b", team="t", model="m", entries=entries)
    shown = render.text([log, other]) if at is None else render.text_at([log, other], at)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert not any(line.startswith("fake") for line in shown.split("\n"))
    assert all(line.isprintable() for line in render.as_json([log]).split("\n"))


def test_colour_only_adds_colour() -> None:
    coloured = render.text([LOG], ansi)
    assert coloured != render.text([LOG])
    for code in ("0", "1", "2", "31", "32", "33", "35", "36", "1;31"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == render.text([LOG])
