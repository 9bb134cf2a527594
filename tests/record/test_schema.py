from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator, ValidationError

from gitops.record.entry import Entry, Event, Side, to_json
from gitops.record.schema import schema

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def body(**more: object) -> dict[str, object]:
    entry = Entry(at=AT, event=Event.RELEASED, environment="production", **more)  # type: ignore[arg-type]
    return json.loads(json.dumps(to_json(entry)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("event", list(Event))
def test_every_entry_fits(event: Event) -> None:
    side = Side(deployment_id="d1")
    full = Entry(
        at=AT,
        event=event,
        environment="production",
        intent="a" * 64,
        from_=side,
        to=side,
        number=1,
        seconds=2.5,
        settings_before={"autoscaling.min_replica": 1},
        figures={"error_rate": {"value": 0.1}},
    )
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(json.loads(json.dumps(to_json(full))))
    Draft202012Validator(schema()).validate(
        json.loads(json.dumps(to_json(Entry(at=AT, event=event, environment="e"))))
    )


def test_every_field_is_described() -> None:
    assert set(schema()["properties"]) == set(body()) == set(schema()["required"])
    assert all(each["description"] for each in schema()["properties"].values())
    assert set(schema()["$defs"]["side"]["properties"]) == set(
        body(to=Side(deployment_id="d1"))["to"]  # type: ignore[call-overload]
    )


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("event", "exploded"), ("format_version", "2"), ("intent", "main"), ("number", 0), ("to", {})],
)
def test_what_is_no_entry_does_not_fit(field: str, wrong: object) -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(schema()).validate({**body(), field: wrong})


def test_later_versions_may_add_fields() -> None:
    Draft202012Validator(schema()).validate({**body(), "new": 1})
