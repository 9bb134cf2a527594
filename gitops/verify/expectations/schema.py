"""``expect.schema``: the output fits a JSON Schema."""

from __future__ import annotations

from gitops.state.desired import Expect
from gitops.verify import excerpt
from gitops.verify.output import Output


def problem(expect: Expect, output: Output) -> str | None:
    """What is wrong with the output, or None: the error that explains most, with its place.

    A ``$ref`` to another document is never fetched; it is a problem of the schema.
    """
    schema = expect.schema
    if schema is None:
        return None
    import referencing
    from jsonschema import exceptions, validators

    if not output.is_json:
        return f"not JSON: {excerpt.of_text(output.text)}"
    if not isinstance(schema, dict | bool):
        return "the schema is neither an object nor a boolean"
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        if isinstance(schema, dict):
            kind.check_schema(schema)
        checker = kind(schema, registry=referencing.Registry())
        worst = exceptions.best_match(checker.iter_errors(output.value))
    except exceptions.SchemaError as error:
        return f"the schema itself is wrong: {excerpt.of_text(error.message)}"
    except (referencing.exceptions.Unresolvable, RecursionError) as error:
        return f"the schema cannot be followed: {excerpt.of_text(str(error))}"
    if worst is None:
        return None
    return f"{excerpt.of_text(worst.json_path)}: {excerpt.of_text(worst.message)}"
