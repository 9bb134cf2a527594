"""``gitops schema``."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Final

import click

DOCUMENTS: Final = {
    "release": "gitops.release.schema:release",
    "config": "gitops.release.schema:config",
    "plan": "gitops.render.plan_schema:schema",
    "event": "gitops.render.event_schema:schema",
    "log": "gitops.record.schema:schema",
    "drift": "gitops.render.drift_schema:schema",
}
"""Every document with a schema, and the function that gives it."""


@click.command()
@click.argument(
    "document", type=click.Choice(list(DOCUMENTS)), default="release", metavar="[DOCUMENT]"
)
def command(document: str) -> None:
    """Print a JSON Schema (2020-12).

    DOCUMENT is release (a release file, the default), config (gitops.yaml), plan (a plan), event (a
    line of apply's JSON output), log (an entry of the deploy log) or drift (what drift prints).

    \b
    Examples:
      gitops schema > release.schema.json
      gitops schema plan
    """
    click.echo(schema_text(document), nl=False)


def schema_text(document: str) -> str:
    """The schema as it is committed under ``schemas/``."""
    module, _, function = DOCUMENTS[document].partition(":")
    schema = getattr(import_module(module), function)()
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
