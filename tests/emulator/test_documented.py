"""The emulator's documentation says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import click
import pytest

from gitops.emulator import Durations, Options
from gitops.emulator.command import command
from gitops.emulator.http import absent, control, inference
from gitops.emulator.http.routes import ROUTES
from tests.emulator import endpoints

TEXT = (endpoints.ROOT / "docs" / "emulator.md").read_text()


def rows(first_head: str) -> Iterator[tuple[str, str]]:
    """First and second cell of every row below such a head."""
    lines = iter(TEXT.splitlines())
    for line in lines:
        if line.startswith(f"| {first_head} |"):
            break
    next(lines)
    for line in lines:
        if not line.startswith("| "):
            return
        first, second = line.strip("| ").split(" | ", 1)
        yield first, second


def test_every_endpoint_is_described() -> None:
    described = endpoints.endpoints()
    assert len(described) == len(ROUTES)
    assert all(each.says.endswith(".") for each in described)


def test_the_page_is_what_the_code_says() -> None:
    assert endpoints.page() == endpoints.PAGE.read_text(), "run `make endpoints`"


@pytest.mark.parametrize("name", sorted(endpoints.switches()))
def test_options_behind_differences_exist(name: str) -> None:
    known = {each.name for each in fields(Options)}
    known |= {f"durations.{each.name}" for each in fields(Durations)}
    known |= {option for each in command.params for option in each.opts}
    known |= {"model_archive", "config"}
    assert name in known


def test_the_inference_plane_is_described() -> None:
    assert set(endpoints.OPERATIONS) == set(inference.OPERATIONS)
    for path, _ in endpoints.TARGETS:
        for operation in (*endpoints.OPERATIONS, "sync/v1/models"):
            where = inference.address("model/" + path.replace("OPERATION", operation))
            assert where.operation == operation.partition("/")[0]


def test_every_list_of_an_absent_product_is_empty() -> None:
    for product in absent.PRODUCTS:
        for path in product.lists:
            found = absent.find("GET", f"/v1{path}")
            assert found is not None
            assert next(iter(found.values())) == []


def options() -> dict[str, click.Option]:
    return {each.opts[0]: each for each in command.params if isinstance(each, click.Option)}


def test_the_table_of_options_names_those_there_are() -> None:
    documented = {re.findall(r"--[\w-]+", first)[0]: first for first, _ in rows("option")}
    assert set(documented) == set(options())
    for name, cell in documented.items():
        assert_shown(options()[name], cell, dict(rows("option"))[cell])


def assert_shown(option: click.Option, cell: str, meaning: str) -> None:
    """Whatever can be chosen is named, and what takes a value shows so."""
    if isinstance(option.type, click.Choice):
        for choice in option.type.choices:
            assert f"`{choice}`" in cell + meaning or f" {choice}`" in cell, (option.name, choice)
    elif not option.is_flag:
        assert re.search(r"`--[\w-]+ [A-Z]", cell), option.name
    else:
        assert cell == f"`{option.opts[0]}`"


def test_the_table_of_control_names_what_there_is() -> None:
    named = [
        (method, name)
        for first, _ in rows("request")
        for method, name in re.findall(r"`(GET|POST|DELETE) (\w+)", first)
    ]
    handlers: dict[tuple[str, str], Any] = control._HANDLERS
    assert sorted(named) == sorted(handlers)
