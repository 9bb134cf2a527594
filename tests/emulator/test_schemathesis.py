"""Thousands of requests by two documents: what the SDK's models say, and Baseten's own.

A document is cut into slices, so that they can be judged at the same time. How many requests
succeeded and how many were refused is told at the end of the run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from gitops.emulator.http import routes
from gitops.emulator.http.absent import PRODUCTS, product_of
from tests.emulator import contract, fuzz, sdk_document
from tests.emulator.workspace import Workspace

SLICES = 4
EACH_BY_THE_SDK = 44
EACH_BY_BASETEN = 11
EACH_ABSENT = 3
SUCCEED = 0.02
"""The least share of an operation's valid requests that has to succeed: of 44, one. Signals to a
promotion succeed only while one runs, which after a few of them none does."""
LEAST = 5000
LEAST_BY_THE_SDK = 3500
"""Where Baseten's own document is not there."""


def _is_served(operation: sdk_document.Operation) -> bool:
    path = re.sub(r"[{}]", "", operation.path)
    return not isinstance(routes.find(operation.method, path, july=False), bool)


def _of_the_sdk(*, served: bool) -> list[sdk_document.Operation]:
    return [each for each in sdk_document.operations().values() if _is_served(each) == served]


@cache
def _served() -> Any:
    return fuzz.load(sdk_document.document(_of_the_sdk(served=True)))


@cache
def _absent() -> Any:
    return fuzz.load(sdk_document.document(_of_the_sdk(served=False)))


@cache
def _baseten() -> Any:
    return fuzz.load(contract.document())


def _operations(schema: Any, part: int) -> list[Any]:
    found = [each.ok() for each in schema.get_all_operations()]
    return sorted(found, key=lambda each: str(each.label))[part::SLICES]


def _judge(
    schema: Any, part: int, each: int, record: Callable[[str, object], None], **switches: Any
) -> None:
    total: Counter[str] = Counter()
    rare: list[str] = []
    with Workspace(**switches) as workspace:
        for operation in _operations(schema, part):
            counts = fuzz.ask(operation, workspace, each)
            assert counts["sent"] == each, operation.label
            valid = sum(number for name, number in counts.items() if name.startswith("valid "))
            good = sum(number for name, number in counts.items() if name.startswith("valid 2"))
            if good < SUCCEED * valid:
                rare.append(f"{operation.label}: {good} of {valid} valid requests succeeded")
            total += counts
    for outcome in ("sent", "succeeded", "refused"):
        record(f"schemathesis {outcome}", total[outcome])
    assert rare == []


@pytest.mark.parametrize("part", range(SLICES))
def test_no_answer_is_outside_the_models_of_the_sdk(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    _judge(_served(), part, EACH_BY_THE_SDK, record_property)


if contract.operations():

    @pytest.mark.parametrize("part", range(SLICES))
    @pytest.mark.parametrize("mode", ["july", "newest"])
    def test_no_answer_is_outside_the_document_of_baseten(
        part: int, mode: str, record_property: Callable[[str, object], None]
    ) -> None:
        _judge(_baseten(), part, EACH_BY_BASETEN, record_property, mode=mode)


@pytest.mark.parametrize("part", range(SLICES))
def test_what_is_not_emulated_is_empty_or_refused(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    total: Counter[str] = Counter()
    with Workspace() as workspace:
        for operation in _operations(_absent(), part):
            total += fuzz.ask(operation, workspace, EACH_ABSENT)
    for outcome in ("sent", "succeeded", "refused"):
        record_property(f"schemathesis {outcome}", total[outcome])


def test_the_requests_are_enough() -> None:
    by_the_sdk = len(_of_the_sdk(served=True)) * EACH_BY_THE_SDK
    by_baseten = len(contract.operations()) * EACH_BY_BASETEN * 2
    assert by_the_sdk + by_baseten >= (LEAST if by_baseten else LEAST_BY_THE_SDK)


def test_everything_of_the_sdk_is_served_or_named_as_not_emulated() -> None:
    unknown = [
        each.path
        for each in _of_the_sdk(served=False)
        if product_of(re.sub(r"[{}]", "", each.path)) is None
    ]
    assert unknown == []


def test_empty_lists_of_what_is_not_emulated_pass_the_models_of_the_sdk() -> None:
    with Workspace() as workspace:
        workspace.renew()
        for product in PRODUCTS:
            for path in product.lists:
                operation = sdk_document.operations()["GET", f"/v1{path}"]
                answer = workspace.send(workspace.request("GET", f"/v1{path}"))
                assert operation.response is not None
                operation.response.model_validate_json(answer.content)
