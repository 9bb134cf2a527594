"""``expect.at``: a JSONPath that selects the part of the output which is judged."""

from __future__ import annotations

from typing import cast

from gitops.state.json import Json
from gitops.verify.output import Output, of_value


def select(path: str, output: Output) -> Output | str:
    """The selected part, or what is wrong. A path that selects several values gives their list."""
    from jsonpath import JSONPathError, findall

    if not output.is_json:
        return f"the output is not JSON, so {path} selects nothing"
    if not isinstance(output.value, dict | list):
        # A JSONPath library takes a bare string for JSON text; only "$" can select a scalar.
        return of_value(output.value) if path.strip() == "$" else f"{path} selects nothing"
    try:
        found = cast("list[Json]", findall(path, output.value))
    except (JSONPathError, RecursionError) as error:
        return f"{path} cannot be applied to the output: {error}"
    if not found:
        return f"{path} selects nothing"
    return of_value(found[0] if len(found) == 1 else found)
