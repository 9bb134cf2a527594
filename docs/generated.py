"""What reference pages hold that the code says best: written anew whenever the site is built.

A page has a line `<!-- generated: NAME -->`, and NAME is one of `PARTS`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import click

import gitops
from gitops.cli.main import gitops as program
from gitops.cli.schema import DOCUMENTS, schema_text

_MARK: Final = re.compile(r"^<!-- generated: (?P<name>[\w-]+) -->$", re.MULTILINE)
_WIDTH: Final = 90
_ENDING: Final = re.compile(r"\n{3,}")


def filled(page: str) -> str:
    """A page's text with its generated parts. Raises ``KeyError`` for a part that is unknown."""
    return _MARK.sub(lambda found: PARTS[found["name"]](), page)


def commands() -> str:
    """Every command's help, from the commands themselves."""
    return "\n\n".join(_commands(program, "gitops", None))


def _commands(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    # The width of a terminal is not the page's.
    context = click.Context(
        command,
        info_name=path.rpartition(" ")[2],
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
    )
    level = "##" if path.count(" ") <= 1 else "###"
    yield f"{level} {path}\n\n```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _commands(inner, f"{path} {name}", context)


def python() -> str:
    """Every public name of the package: its signature and what it says of itself."""
    parts = []
    for name in gitops.__all__:
        value = getattr(gitops, name)
        if not callable(value):
            continue
        kind = "class" if inspect.isclass(value) else "def"
        signature = "" if _is_error(value) else str(inspect.signature(value)).replace("'", "")
        text = _ENDING.sub("\n\n", inspect.getdoc(value) or "").replace("``", "`")
        parts.append(f"### {name}\n\n```text\n{kind} {name}{_wrapped(signature)}\n```\n\n{text}")
    return "\n\n".join(parts)


def _is_error(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseException)


def _wrapped(signature: str) -> str:
    """One parameter a line where they are many; commas inside of brackets stay."""
    if len(signature) < 60:
        return signature
    inside, behind = signature[1:].rsplit(")", 1)
    parameters, depth = [""], 0
    for letter in inside:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth == 0:
            parameters.append("")
        else:
            parameters[-1] += letter
    return "(\n" + "".join(f"    {each.strip()},\n" for each in parameters) + ")" + behind


def schema(document: str) -> str:
    """A document's fields, from its JSON Schema."""
    found = json.loads(schema_text(document))
    defined = found.get("$defs", {})
    parts = [_fields(found, defined)]
    for name, each in sorted(defined.items()):
        if "properties" in each:
            parts.append(f"### {document}: {name}\n\n{_said(each)}\n\n{_fields(each, defined)}")
    if "oneOf" in found:
        kinds = [each["$ref"].rpartition("/")[2] for each in found["oneOf"]]
        links = ", ".join(f"[{kind}](#{document}-{kind.lower()})" for kind in kinds)
        parts[0] = f"One of {links}."
    return f"{_said(found)}\n\n" + "\n\n".join(parts)


def _said(node: Mapping[str, Any]) -> str:
    return " ".join(str(node.get("description", "")).split())


def _fields(node: Mapping[str, Any], defined: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of an object's properties."""
    properties: Mapping[str, Mapping[str, Any]] = node.get("properties", {})
    if not properties:
        return ""
    needed = set(node.get("required", ()))
    rows = ["| field | value | what it is |", "| --- | --- | --- |"]
    for name, each in properties.items():
        mark = "" if name in needed else " (optional)"
        rows.append(f"| `{name}`{mark} | {_cell(_kind(each))} | {_cell(_meaning(each, defined))} |")
    return "\n".join(rows)


def _meaning(node: Mapping[str, Any], defined: Mapping[str, Mapping[str, Any]]) -> str:
    text = _said(node) or _said(defined.get(str(node.get("$ref", "")).rpartition("/")[2], {}))
    if node.get("default") not in (None, [], {}) and "efault" not in text:
        text += f" Default: {json.dumps(node['default'], ensure_ascii=False)}."
    return text.strip()


def _kind(node: Mapping[str, Any] | bool) -> str:
    """The values that a schema allows, in a few words."""
    if isinstance(node, bool) or not node:
        return "any"
    if "$ref" in node:
        return str(node["$ref"]).rpartition("/")[2]
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{json.dumps(each, ensure_ascii=False)}`" for each in node["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in node:
            return " or ".join(dict.fromkeys(_kind(each) for each in node[several]))
    kind = node.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_kind(node.get('items', {}))}"
    values = _values(node)
    if values:
        return f"map of {values}"
    return str(node.get("format", kind))


def _values(node: Mapping[str, Any]) -> str:
    """What an object with names of one's own holds; empty for any other."""
    of_any_name = node.get("additionalProperties")
    of_names = list(node.get("patternProperties", {}).values())
    kinds = [*of_names, of_any_name] if isinstance(of_any_name, dict) else of_names
    return " or ".join(map(_kind, kinds))


def _cell(text: str) -> str:
    """Text as one cell of a table: nothing in it can end the cell or begin markup of its own."""
    return re.sub(r"([|<>\[\]*])", r"\\\1", text) if "`" not in text else text.replace("|", "\\|")


def documents() -> str:
    """What commands print as JSON, one section a document."""
    sections = [
        f"## {name}\n\n{schema(name)}" for name in DOCUMENTS if name not in {"release", "config"}
    ]
    return "\n\n".join(sections)


def decisions() -> str:
    """The decision records, below the page that lists them."""
    return "```{toctree}\n:hidden:\n:glob:\n\n0*\n```"


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands,
    "config": lambda: schema("config"),
    "decisions": decisions,
    "documents": documents,
    "python": python,
    "release": lambda: schema("release"),
}
"""What a page can ask for."""
