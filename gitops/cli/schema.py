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
    "status": "gitops.render.document_schemas:status",
    "diff": "gitops.render.document_schemas:diff",
    "compile": "gitops.render.document_schemas:desired",
    "validate": "gitops.render.document_schemas:validation",
    "check": "gitops.render.document_schemas:check",
    "import": "gitops.render.document_schemas:imported",
    "prune": "gitops.render.document_schemas:prune",
    "logs": "gitops.render.document_schemas:logs",
    "standing": "gitops.render.document_schemas:standing",
}
"""Every document with a schema, and the function that gives it."""


@click.command()
@click.argument(
    "document", type=click.Choice(list(DOCUMENTS)), default="release", metavar="[DOCUMENT]"
)
def command(document: str) -> None:
    """Print a JSON Schema: 2020-12, or for what editors check, draft-07.

    \b
    DOCUMENT is one of
      release   a release file (the default)
      config    gitops.yaml
      plan      what plan prints and saves
      event     one line of what apply prints
      log       an entry of the deploy log, as Git keeps it
      logs      what log prints; standing: what it prints with --at
      status, diff, drift, compile, validate, check, import, prune
                what the command of that name prints

    \b
    Examples:
      gitops schema > release.schema.json
      gitops schema plan
    """
    click.echo(schema_text(document), nl=False)


def schema_text(document: str) -> str:
    """The schema as it is committed under ``schemas/``."""
    module, _, function = DOCUMENTS[document].partition(":")
    # Relative: wherever the files lie together, each is known by its own name.
    schema = {"$id": f"{document}.schema.json", **getattr(import_module(module), function)()}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
