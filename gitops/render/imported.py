"""An import as a person reads it, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gitops.plan.imported import Import, ImportedEnvironment, ImportedFile, LeftOut, Pin
from gitops.render.layout import WIDTH, lines, safe
from gitops.render.text import harmless, printable
from gitops.state.json import Json
from gitops.state.recognise import called
from gitops.wording import sentence

FORMAT_VERSION = "1"
_PROOF = {
    "label": "proved by its label",
    "log": "proved by the deploy log",
    "files": "proved by its files",
}


def text(done: Import, width: int = WIDTH) -> str:
    """What was written, what was not, and what to do next; ``width`` in columns."""
    found = [line for file in done.files for line in _file(file, width, shown=done.dry_run)]
    if done.left_out:
        code = f" (exit {done.exit_code})" if done.exit_code else ""
        found += [
            f"Left out{code}:",
            *(it for each in done.left_out for it in _left_out(each, width)),
            "",
        ]
    found += _end(done, width)
    return "".join(f"{line}\n" for line in found)


def _file(file: ImportedFile, width: int, *, shown: bool) -> Iterator[str]:
    yield printable(f"{file.path}  {file.key}")
    longest = max((len(printable(each.name)) for each in file.environments), default=0)
    beside = " " * (longest + 4)
    for each in file.environments:
        name = f"  {printable(each.name):<{longest}}  "
        yield from lines(_pin(each.pin), width, first=name, rest=f"{beside}  ")
        for note in each.notes:
            yield from lines(safe(note), width, first=beside, rest=f"{beside}  ")
    for note in file.notes:
        yield from lines(safe(note), width, first="  ", rest="    ")
    if shown:
        yield ""
        for line in file.data.decode("utf-8", "replace").splitlines():
            yield f"    {printable(line)}".rstrip()
    yield ""


def _pin(pin: Pin) -> str:
    if pin.commit is None:
        return safe(called(pin.deployment_id, pin.deployment_name))
    proof = _PROOF[pin.by] if pin.by is not None else ""
    subject = printable(pin.commit.subject)
    return f"commit {pin.commit.id[:12]} “{subject}” of {printable(str(pin.truss))}: {proof}"


def _left_out(each: LeftOut, width: int) -> Iterator[str]:
    yield from lines(safe(f"{each.model}: {each.why}"), width, first="  ", rest="    ")
    if each.remedy:
        yield from lines(safe(sentence(each.remedy)), width, first="    ", rest="      ")


def _end(done: Import, width: int) -> Iterator[str]:
    count = len(done.files)
    files = f"{count} release file{'s' if count != 1 else ''}"
    if not count:
        every = "nothing was written" if done.left_out else "every model has a release file"
        yield f"Nothing to import: {every}."
        return
    if done.dry_run:
        yield f"Would write {files}; nothing was written."
        yield from _paused(done)
        return
    if done.left:
        yield f"Wrote {files}. A plan of them is not empty:"
        for each in done.left:
            yield from lines(safe(each), width, first="  ", rest="    ")
    elif done.left is not None:
        yield f"Wrote {files}. A plan of them is empty: nothing would change."
    else:
        yield f"Wrote {files}. They are not planned, since the deploy log could not be read."
    yield from _paused(done)
    yield "Read them, commit them, and `gitops plan` speaks of them from now on."


def _paused(done: Import) -> Iterator[str]:
    number = sum(each.paused for file in done.files for each in file.environments)
    if number:
        are = "environments are" if number > 1 else "environment is"
        yield f"{number} {are} paused: take `mode` out of the file once it may start."


def as_json(done: Import) -> str:
    """The same as one JSON document."""
    document: dict[str, Json] = {
        "format_version": FORMAT_VERSION,
        "dry_run": done.dry_run,
        "files": [_file_json(each) for each in done.files],
        "exit_code": done.exit_code,
        "left_out": [
            {"model": each.model, "why": each.why, "remedy": each.remedy} for each in done.left_out
        ],
        "plan": None if done.left is None else {"empty": not done.left, "left": [*done.left]},
    }
    return harmless(json.dumps(document, indent=2)) + "\n"


def _file_json(file: ImportedFile) -> Json:
    return {
        "path": file.path,
        "model": file.key.name,
        "team": file.key.team,
        "text": file.data.decode("utf-8", "replace"),
        "environments": [_environment_json(each) for each in file.environments],
        "notes": [*file.notes],
    }


def _environment_json(environment: ImportedEnvironment) -> Json:
    pin = environment.pin
    return {
        "environment": environment.name,
        "paused": environment.paused,
        "deployment_id": pin.deployment_id,
        "deployment_name": pin.deployment_name,
        "commit": pin.commit.id if pin.commit is not None else None,
        "truss": pin.truss,
        "rebuild": pin.rebuild,
        "digest": pin.digest,
        "proved_by": pin.by,
        "why_not": pin.why,
        "nearest": None
        if pin.near is None
        else {
            "commit": pin.near.commit.id,
            "truss": pin.near.truss,
            "differs": [*pin.near.differs],
            "more": pin.near.more,
        },
        "notes": [*environment.notes],
    }
