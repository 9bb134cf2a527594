"""What a check makes of its answers, by tables and by properties."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.state.desired import Check, Expect, Probe
from gitops.verify.check import Serving, planned_runs, together, warm_ups
from gitops.verify.check import judged as judge_all
from gitops.verify.expectations.equals import same
from gitops.verify.expectations.than_current import NOTHING_SERVES, Uncompared
from gitops.verify.observation import Answer
from gitops.verify.pairs import LONGEST, MOST, pairs
from gitops.verify.percentile import percentile
from gitops.verify.shot import Shot
from gitops.verify.verdict import Outcome

TIMEOUT = 10.0


def answer(status: int = 200, body: Any = None, seconds: float = 0.1, **more: Any) -> Answer:
    return Answer(status=status, seconds=seconds, body=json.dumps(body).encode(), **more)


REFUSED = Answer(status=None, seconds=0.01, error="connection refused")
TIMED_OUT = Answer(status=None, seconds=TIMEOUT, error="timed out")
GOOD = answer(body={"ok": True})
BROKEN = answer(status=500, body={"error": "boom"})


def judged(answers: list[Answer], expect: Expect | None = None, **more: Any) -> Any:
    expect = expect or Expect()
    probe = Probe(body={"q": 1})
    check = Check(name="smoke", probes=(probe,), expect=expect, timeout=TIMEOUT, **more)
    shots = [Shot(body={"q": 1}, expect=expect, answer=each) for each in answers]
    return judge_all(check, shots).verdict


@pytest.mark.parametrize(
    ("expect", "body", "wrong"),
    [
        (Expect(equals={"a": 1}, equals_given=True), {"a": 1.0}, None),
        (Expect(equals=None, equals_given=True), None, None),
        (Expect(equals=None, equals_given=True), 0, "0 is not null"),
        (Expect(equals=1, equals_given=True), True, "true is not 1"),
        (Expect(contains="pong"), {"text": "ping pong"}, None),
        (Expect(contains="pong"), {"text": "ping"}, 'does not contain "pong"'),
        (Expect(matches=r"p.ng"), "pong", None),
        (Expect(matches=r"^z"), "pong", "does not match"),
        (Expect(close_to={"value": 1.0, "tolerance": 0.1}), 1.05, None),
        (Expect(close_to={"value": 1.0, "tolerance": 0.1}), 1.2, "1.2 is not within 0.1 of 1"),
        (Expect(close_to={"value": 1.0, "tolerance": 0.1}), "one", "is not a number"),
        (Expect(at="$.a[0].b", equals=2, equals_given=True), {"a": [{"b": 2}]}, None),
        (Expect(at="$.a[0].b", equals=2, equals_given=True), {"a": []}, "$.a[0].b selects nothing"),
        (Expect(at="$", contains="x"), "xyz", None),
        (Expect(at="$.x", contains="x"), "xyz", "selects nothing"),
        (Expect(at="$.a", contains="line\n"), {"a": "line\nnext"}, None),
        (Expect(schema={"type": "object", "required": ["choices"]}), {"choices": []}, None),
        (
            Expect(schema={"type": "object", "required": ["choices"]}),
            {"error": "x"},
            "'choices' is a required property",
        ),
        (Expect(schema={"$ref": "http://127.0.0.1:9/none"}), {}, "the schema cannot be followed"),
        (Expect(schema={"type": 7}), {}, "the schema itself is wrong"),
        (Expect(schema=False), {}, "output"),
    ],
)
def test_the_content_of_an_answer(expect: Expect, body: Any, wrong: str | None) -> None:
    found = judged([answer(body=body)], expect)
    if wrong is None:
        assert found.outcome is Outcome.PASS, found.reason
    else:
        assert found.outcome is Outcome.FAIL
        assert wrong in found.measurements[0].detail
        assert found.reason == "smoke: 1 of 1 requests failed"


def test_text_that_is_not_json_still_has_text() -> None:
    plain = Answer(status=200, seconds=0.1, body=b"pong")
    assert judged([plain], Expect(contains="pong")).outcome is Outcome.PASS
    failed = judged([plain], Expect(schema={"type": "string"}))
    assert "not JSON" in failed.measurements[0].detail


def test_a_stream_is_the_list_of_its_events() -> None:
    body = b'data: {"t": "a"}\n\ndata: {"t": "b"}\n\ndata: [DONE]\n\n'
    streamed = Answer(status=200, seconds=1.0, body=body, first_token=0.4, events=2)
    expect = Expect(at="$[*].t", equals=["a", "b"], equals_given=True, latency={"first_token": 0.5})
    assert judged([streamed], expect, stream=True).outcome is Outcome.PASS
    slow = Expect(latency={"first_token": 0.3})
    assert judged([streamed], slow, stream=True).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([GOOD], Outcome.PASS),
        ([BROKEN], Outcome.FAIL),
        ([REFUSED], Outcome.INCONCLUSIVE),
        ([TIMED_OUT], Outcome.INCONCLUSIVE),
        ([GOOD, TIMED_OUT], Outcome.FAIL),
        ([BROKEN, TIMED_OUT], Outcome.FAIL),
        ([GOOD, REFUSED], Outcome.INCONCLUSIVE),
        ([BROKEN, REFUSED], Outcome.FAIL),
        ([answer(status=403)], Outcome.INCONCLUSIVE),
        ([answer(status=429)], Outcome.INCONCLUSIVE),
        ([answer(status=404)], Outcome.FAIL),
        ([], Outcome.INCONCLUSIVE),
    ],
)
def test_who_is_to_blame(answers: list[Answer], outcome: Outcome) -> None:
    assert judged(answers).outcome is outcome


@pytest.mark.parametrize(
    ("answers", "share"),
    [([REFUSED, REFUSED], (None, 0)), ([GOOD, REFUSED], (0.0, 2)), ([BROKEN, REFUSED], (0.5, 2))],
)
def test_nobody_is_said_to_have_answered_who_was_not_reached(
    answers: list[Answer], share: tuple[float | None, int]
) -> None:
    [measured] = [each for each in judged(answers).measurements if each.what == "error_rate"]
    assert (measured.value, measured.samples) == share


def test_a_share_of_the_runs_may_fail() -> None:
    allowed = Expect(error_rate=0.25)
    assert judged([GOOD, GOOD, GOOD, BROKEN], allowed).outcome is Outcome.PASS
    assert judged([GOOD, GOOD, BROKEN, BROKEN], allowed).outcome is Outcome.FAIL
    assert judged([GOOD, GOOD, GOOD, REFUSED], allowed).outcome is Outcome.PASS


def test_latency_is_measured_over_what_was_answered_or_timed_out() -> None:
    quick = [answer(seconds=0.1)] * 99
    bound = Expect(latency={"p50": 0.2, "p99": 0.2, "max": 5.0}, error_rate=1.0)
    found = judged([*quick, TIMED_OUT], bound)
    by_name = {each.what: each for each in found.measurements}
    assert by_name["latency.p50"].value == 0.1
    assert by_name["latency.p99"].outcome is Outcome.PASS
    assert by_name["latency.max"].value == TIMEOUT
    assert by_name["latency.max"].outcome is Outcome.FAIL
    assert "latency.max is 10 s, above 5 s" in found.reason


def compared(mine: list[Answer], theirs: list[Answer] | None, **bounds: Any) -> Any:
    expect = Expect(than_current=bounds, error_rate=1.0)
    check = Check(name="c", probes=(Probe(body=1),), expect=expect, timeout=TIMEOUT)

    def shots(answers: list[Answer]) -> list[Shot]:
        return [Shot(body=1, expect=expect, answer=each) for each in answers]

    other = Serving(shots=shots(theirs)) if theirs is not None else NOTHING_SERVES
    return judge_all(check, shots(mine), other).verdict


def test_a_comparison_with_what_serves() -> None:
    slow, quick = [answer(seconds=0.3)] * 4, [answer(seconds=0.2)] * 4
    assert compared(slow, quick, latency={"p95": 1.6}).outcome is Outcome.PASS
    failed = compared(slow, quick, latency={"p95": 1.2})
    assert failed.outcome is Outcome.FAIL
    assert "than_current.latency.p95 is above 1.2 (0.3 here, 0.2 where it serves" in failed.reason
    assert failed.measurements[-1].value == pytest.approx(1.5)
    assert compared(slow, None, latency={"p95": 1.2}).outcome is Outcome.PASS
    unknown = compared(slow, [REFUSED] * 4, latency={"p95": 1.2})
    assert unknown.outcome is Outcome.INCONCLUSIVE
    half = [GOOD, BROKEN]
    assert compared(half, half, error_rate=1.0).outcome is Outcome.PASS
    assert compared([BROKEN, BROKEN], half, error_rate=1.5).outcome is Outcome.FAIL
    assert compared(half, [GOOD, GOOD], error_rate=9.0).outcome is Outcome.FAIL


def test_a_failure_is_shown_without_secrets_and_on_one_line() -> None:
    expect = Expect()
    hostile = Answer(
        status=500,
        seconds=0.1,
        body=b'{"error": "\\u001b[31mBearer abcdefghijkl\\n' + b"x" * 900 + b'"}',
    )
    body = {"prompt": "hi", "api_key": "abc123def", "max_tokens": 8}
    check = Check(name="smoke", probes=(Probe(body=body),))
    found = judge_all(check, [Shot(body=body, expect=expect, answer=hostile)]).verdict
    told = found.measurements[0].detail
    assert "abc123def" not in told
    assert "abcdefghijkl" not in told
    assert "max_tokens" in told
    assert "\x1b" not in told
    assert "\n" not in told
    assert len(told) < 400


def test_a_few_of_the_failures_are_told_a_line_each() -> None:
    broken = [answer(500, {"error": f"boom {number}"}) for number in (1, 2, 1, 3, 4, 1)]
    found = judged([*broken, answer(200, {"ok": 1})])
    assert found.reason == "smoke: 6 of 7 requests failed"
    assert found.measurements[0].detail.split("\n") == [
        '3 times: status 500, expected 200: {"q": 1} → 500 {"error": "boom 1"}',
        'status 500, expected 200: {"q": 1} → 500 {"error": "boom 2"}',
        'status 500, expected 200: {"q": 1} → 500 {"error": "boom 3"}',
    ]


def test_every_probe_is_sent_and_the_ceiling_holds() -> None:
    two = (Probe(body=1), Probe(body=2))
    assert planned_runs(Check(name="c", probes=two)) == (0, 1)
    assert planned_runs(Check(name="c", probes=two, runs=5)) == (0, 1, 0, 1, 0)
    assert planned_runs(Check(name="c", probes=two, runs=9, max_requests=4, warmup=1)) == (0, 1, 0)
    assert planned_runs(Check(name="c", probes=())) == ()
    assert planned_runs(Check(name="c", probes=two, runs=9, max_requests=6), sides=2) == (0, 1, 0)


def test_checks_together() -> None:
    good, bad = judged([GOOD]), judged([BROKEN])
    unclear = judged([REFUSED])
    assert together([]).outcome is Outcome.PASS
    assert together([("a", good), ("b", unclear)]).outcome is Outcome.INCONCLUSIVE
    both = together([("a", unclear), ("b", bad)])
    assert both.outcome is Outcome.FAIL
    assert both.measurements[1].what == "b.error_rate"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_equality_survives_a_trip_through_json(value: Any) -> None:
    assert same(value, json.loads(json.dumps(value)))


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 100))
def test_a_percentile_is_a_sample_that_covers_its_share(samples: list[float], share: float) -> None:
    found = percentile(samples, share)
    assert found in samples
    assert sum(each <= found for each in samples) >= share / 100 * len(samples) - 1e-9


@given(st.lists(st.sampled_from([GOOD, BROKEN, REFUSED, TIMED_OUT]), max_size=12), st.floats(0, 1))
def test_a_verdict_holds_whatever_the_unreached_would_have_said(
    answers: list[Answer], allowed: float
) -> None:
    expect = Expect(error_rate=allowed)
    found = judged(answers, expect).outcome
    if found is Outcome.INCONCLUSIVE:
        assert not answers or REFUSED in answers or TIMED_OUT in answers
        return
    if GOOD in answers or BROKEN in answers:
        for instead in (GOOD, BROKEN):
            replaced = [instead if each is REFUSED else each for each in answers]
            assert judged(replaced, expect).outcome is found


def by_name(found: Any) -> dict[str, Any]:
    return {each.what: each for each in found.measurements}


def test_a_line_with_bounds_of_its_own_is_held_against_those_alone() -> None:
    slow, plain = Expect(latency={"max": 5.0}), Expect(latency={"max": 0.2})
    lenient = Expect(latency={"max": 0.2}, error_rate=1.0)
    check = Check(
        name="c",
        probes=(
            Probe(body=1, line=1),
            Probe(body=2, line=3, expect=slow),
            Probe(body=3, line=4, expect=lenient),
        ),
        expect=plain,
        timeout=TIMEOUT,
    )
    shots = [
        Shot(body=1, expect=plain, answer=answer(seconds=0.1), line=1),
        Shot(body=2, expect=slow, answer=answer(seconds=3.0), line=3),
        Shot(body=3, expect=lenient, answer=BROKEN, line=4),
    ]
    found = judge_all(check, shots).verdict
    assert found.outcome is Outcome.PASS, found.reason
    named = by_name(found)
    assert (named["error_rate"].value, named["error_rate"].samples) == (0.0, 2)
    assert (named["line 4.error_rate"].value, named["line 4.error_rate"].bound) == (1.0, 1.0)
    assert "line 4: status 500" in named["line 4.error_rate"].detail
    assert (named["latency.max"].value, named["latency.max"].samples) == (0.1, 1)
    assert (named["line 3.latency.max"].value, named["line 3.latency.max"].bound) == (3.0, 5.0)
    late = [*shots[:1], Shot(body=2, expect=slow, answer=answer(seconds=6.0), line=3)]
    assert "line 3.latency.max is 6 s, above 5 s" in judge_all(check, late).verdict.reason


def test_latencies_and_speed_are_told_also_without_a_bound() -> None:
    streamed = [
        answer(body=[], seconds=2.0, first_token=0.5, last_token=1.5, tokens=each)
        for each in (11, 21, 31)
    ]
    named = by_name(judged(streamed, stream=True))
    assert named["tokens_per_second"].value == pytest.approx(20.0)
    assert named["tokens_per_second"].bound is None
    assert (named["latency.first_token"].value, named["latency.first_token"].samples) == (0.5, 3)
    assert (named["latency.p95"].value, named["latency.p95"].bound) == (2.0, None)
    bound = by_name(judged(streamed, Expect(latency={"p95": 3.0}), stream=True))
    assert bound["latency.p95"].bound == 3.0
    assert "tokens_per_second" not in by_name(judged([GOOD]))
    assert "latency.p50" not in by_name(judged([BROKEN]))


def test_one_token_or_one_moment_has_no_speed() -> None:
    assert answer(first_token=0.5, last_token=0.5, tokens=9).tokens_per_second is None
    assert answer(first_token=0.5, last_token=0.9, tokens=1).tokens_per_second is None
    assert answer(tokens=9).tokens_per_second is None


def test_a_comparison_names_the_scale_of_both() -> None:
    expect = Expect(than_current={"latency": {"p50": 1.0}})
    check = Check(name="c", probes=(Probe(body=1),), expect=expect, timeout=TIMEOUT)
    mine = [Shot(body=1, expect=expect, answer=answer(seconds=0.3))]
    other = Serving(
        shots=[Shot(body=1, expect=expect, answer=answer(seconds=0.2))],
        scale="4 replicas of A10G",
        candidates_scale="1 replica of A10G",
    )
    assert judge_all(check, mine, other).verdict.reason == (
        "c: than_current.latency.p50 is above 1 (0.3 here on 1 replica of A10G,"
        " 0.2 where it serves now on 4 replicas of A10G)"
    )


def test_what_is_broken_now_does_not_stand_in_the_way_of_what_mends_it() -> None:
    bounds = {"latency": {"p95": 1.0}}
    assert compared([GOOD], [BROKEN], **bounds).outcome is Outcome.PASS
    assert compared([GOOD], [REFUSED], **bounds).outcome is Outcome.INCONCLUSIVE
    expect = Expect(than_current=bounds)
    check = Check(name="c", probes=(Probe(body=1),), expect=expect, timeout=TIMEOUT)
    shots = [Shot(body=1, expect=expect, answer=GOOD)]
    stopped = Uncompared(why="what serves now is INACTIVE", certain=True)
    assert judge_all(check, shots, stopped).verdict.outcome is Outcome.PASS
    unknown = Uncompared(why="it did not wake", certain=False)
    found = judge_all(check, shots, unknown).verdict
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason == "c: than_current.latency.p95: it did not wake"


def test_runs_that_the_ceiling_leaves_out_are_told() -> None:
    assert judged([GOOD], runs=3, max_requests=1).reason == (
        "smoke: 1 of 1 requests as expected; 1 of 3 runs, because max_requests is 1"
    )


def test_the_ceiling_counts_warm_ups_of_both_sides() -> None:
    check = Check(name="c", probes=(Probe(body=1),), runs=9, warmup=2, max_requests=10)
    assert (warm_ups(check), len(planned_runs(check))) == (2, 8)
    assert (warm_ups(check, sides=2), len(planned_runs(check, sides=2))) == (2, 3)


def test_failing_pairs_are_kept_whole_but_redacted_and_cut() -> None:
    secret = {"password": "hunter2hunter2", "text": "x" * (LONGEST * 2)}
    shot = Shot(
        body=secret,
        expect=Expect(),
        answer=answer(
            500,
            {"echo": "Bearer abcdefghijkl", "long": "y" * (LONGEST * 2)},
            headers={"X-Api-Key": "abc", "Content-Type": "application/json\x1b[31m"},
        ),
        line=7,
    )
    failing = judge_all(Check(name="c", probes=(Probe(body=secret),)), [shot] * (MOST + 5)).failing
    kept = pairs("c", failing)
    assert len(kept) == MOST
    text = json.dumps(kept[0])
    for hidden in ("hunter2", "abcdefghijkl", '"abc"', "\\u001b"):
        assert hidden not in text
    assert kept[0]["line"] == 7
    assert kept[0]["says"] == "bad"
    assert len(text) < 3 * LONGEST


outcomes = st.lists(st.sampled_from([GOOD, BROKEN, REFUSED, TIMED_OUT]), min_size=1, max_size=12)
ORDER = (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL)


@given(outcomes, st.floats(0, 1), st.data())
def test_more_errors_never_make_a_verdict_better(
    answers: list[Answer], allowed: float, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(answers) - 1))
    expect = Expect(error_rate=allowed)
    before = judged(answers, expect).outcome
    if answers[place] is not GOOD:
        return
    worse = [*answers[:place], BROKEN, *answers[place + 1 :]]
    assert ORDER.index(judged(worse, expect).outcome) >= ORDER.index(before)


@given(st.lists(st.floats(0.001, 9), min_size=1, max_size=30), st.floats(0.001, 9), st.data())
def test_slower_answers_never_make_a_verdict_better(
    seconds: list[float], bound: float, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["p50", "p90", "p95", "p99", "max"]))
    expect = Expect(latency={name: bound})
    slower = [each + data.draw(st.floats(0, 5)) for each in seconds]
    before = judged([answer(seconds=each) for each in seconds], expect).outcome
    after = judged([answer(seconds=each) for each in slower], expect).outcome
    assert ORDER.index(after) >= ORDER.index(before)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 100), st.floats(0, 100))
def test_percentiles_rise_with_their_share(samples: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert percentile(samples, low) <= percentile(samples, high)
    assert percentile(samples, 100) == max(samples)
