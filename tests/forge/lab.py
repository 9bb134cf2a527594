"""A stand-in for GitLab's REST API on this machine, as far as `gitops forge` uses it.

What GitLab documents for each request is written down in `ROUTES`: parameters, the fields of a
body, their values. A request with anything else is answered with 400 and kept in `Lab.refused`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.forge.listening import listening

PROJECT = 42
TOKEN = "glpat-0123456789abcdefghij"
BOT = "project_42_bot_0123456789abcdef"
ENVIRONMENT = re.compile(r"[A-Za-z0-9_${}. -]([A-Za-z0-9_/${}. -]*[A-Za-z0-9_${}. -])?")


@dataclass
class Lab:
    """What the forge holds, and what it was asked."""

    url: str = ""
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """By merge request. A `hidden` one is counted on its page and not shown to our token."""
    issues: list[dict[str, Any]] = field(default_factory=list)
    merge_requests: list[dict[str, Any]] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    commits: dict[str, list[str]] = field(default_factory=dict)
    """Commits that are still there, each with its parents."""
    deployments: list[dict[str, Any]] = field(default_factory=list)
    default_branch: str | None = "main"
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    trouble: list[int] = field(default_factory=list)
    """Statuses to answer with first instead of the right ones."""
    broken: bool = False
    """Whether what writes is answered with 500."""
    _last: int = 1000

    def number(self) -> int:
        self._last += 1
        return self._last

    @property
    def writes(self) -> list[str]:
        return [each for each in self.requests if not each.startswith("GET ")]

    def note(self, merge_request: int, body: str, **more: Any) -> dict[str, Any]:
        made = {"id": self.number(), "author": {"username": BOT}, "system": False, "body": body}
        self.notes.setdefault(merge_request, []).append({**made, **more})
        return self.notes[merge_request][-1]

    def merged(self, number: int, head: str, *brought: str, **more: Any) -> None:
        """A merged merge request, and the commits that it brought."""
        self.merge_requests.append(
            {
                "iid": number,
                "sha": head,
                "state": "merged",
                "source_project_id": PROJECT,
                "target_project_id": PROJECT,
                "brought": brought,
                **more,
            }
        )

    def ran(
        self, merge_request: int, sha: str, content: bytes | None, *, ref: str = "", **more: Any
    ) -> dict[str, Any]:
        """A pipeline for a merge request, with the job that keeps the plan."""
        pipeline = {
            "id": self.number(),
            "project_id": PROJECT,
            "sha": sha,
            "ref": ref or f"refs/merge-requests/{merge_request}/head",
            "status": "success",
            "source": "merge_request_event",
            "of": merge_request,
            **more,
        }
        self.pipelines.append(pipeline)
        for name, kept in (("gitops-diff", None), ("gitops-plan", content)):
            job = {"id": self.number(), "name": name, "of": pipeline["id"], "content": kept}
            if kept is not None:
                job["artifacts_file"] = {"filename": "artifacts.zip", "size": len(kept)}
            self.jobs.append(job)
        return pipeline

    def environ(self, **more: str) -> dict[str, str]:
        """The variables of a job."""
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": f"{self.url}/api/v4",
            "CI_PROJECT_ID": str(PROJECT),
            "CI_COMMIT_SHA": "0" * 40,
            "CI_JOB_URL": f"{self.url}/acme/models/-/jobs/1",
            "GITLAB_TOKEN": TOKEN,
            **more,
        }


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request: what its path matched, its parameters and its body."""

    found: re.Match[str]
    query: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Page:
    """What `paginate` shows of a list."""

    items: list[dict[str, Any]]
    all: int


Answer = tuple[int, Any]
Route = Callable[[Lab, Asked], Answer]


def _pages(found: list[dict[str, Any]], query: Mapping[str, str]) -> Page:
    size, page = min(int(query.get("per_page", "20")), 100), int(query.get("page", "1"))
    shown = found[(page - 1) * size : page * size]
    private = {"of", "content", "brought", "hidden"}
    return Page(
        items=[
            {key: value for key, value in each.items() if key not in private}
            for each in shown
            if not each.get("hidden")
        ],
        all=len(found),
    )


def _user(_: Lab, __: Asked) -> Answer:
    return 200, {"id": 7, "username": BOT, "bot": True}


def _project(lab: Lab, _: Asked) -> Answer:
    return 200, {"id": PROJECT, "default_branch": lab.default_branch}


def _notes(lab: Lab, asked: Asked) -> Answer:
    found = list(lab.notes.get(int(asked.found[1]), []))
    if asked.query.get("sort", "desc") == "desc":
        found.reverse()
    return 200, _pages(found, asked.query)


def _note(lab: Lab, asked: Asked) -> Answer:
    return 201, lab.note(int(asked.found[1]), asked.body["body"])


def _of_note(lab: Lab, asked: Asked) -> dict[str, Any] | None:
    notes = lab.notes.get(int(asked.found[1]), [])
    return next((each for each in notes if each["id"] == int(asked.found[2])), None)


def _edit_note(lab: Lab, asked: Asked) -> Answer:
    note = _of_note(lab, asked)
    if note is None:
        return 404, {"message": "404 Not found"}
    note["body"] = asked.body["body"]
    return 200, note


def _remove_note(lab: Lab, asked: Asked) -> Answer:
    note = _of_note(lab, asked)
    if note is None:
        return 404, {"message": "404 Not found"}
    lab.notes[int(asked.found[1])].remove(note)
    return 204, None


def _brought(lab: Lab, asked: Asked) -> Answer:
    found = [each for each in lab.merge_requests if asked.found[1] in each["brought"]]
    wanted = asked.query.get("state")
    return 200, _pages([each for each in found if wanted in {None, each["state"]}], asked.query)


def _merge_request(lab: Lab, asked: Asked) -> Answer:
    for each in lab.merge_requests:
        if each["iid"] == int(asked.found[1]):
            return 200, {key: value for key, value in each.items() if key != "brought"}
    return 404, {"message": "404 Not found"}


def _pipelines(lab: Lab, asked: Asked) -> Answer:
    found = [each for each in reversed(lab.pipelines) if each["of"] == int(asked.found[1])]
    return 200, _pages(found, asked.query)


def _commit(lab: Lab, asked: Asked) -> Answer:
    if asked.found[1] not in lab.commits:
        return 404, {"message": "404 Commit Not Found"}
    return 200, {"id": asked.found[1], "parent_ids": lab.commits[asked.found[1]]}


def _jobs(lab: Lab, asked: Asked) -> Answer:
    found = [each for each in lab.jobs if each["of"] == int(asked.found[1])]
    return 200, _pages(found, asked.query)


def _file(lab: Lab, asked: Asked) -> Answer:
    [job] = [each for each in lab.jobs if each["id"] == int(asked.found[1])]
    if job["content"] is None or unquote(asked.found[2]) != "gitops-plan.json":
        return 404, {"message": "404 Not Found"}
    return 200, job["content"]


def _issues(lab: Lab, asked: Asked) -> Answer:
    wanted = asked.query.get("state")
    found = [each for each in reversed(lab.issues) if wanted in {None, "all", each["state"]}]
    return 200, _pages(found, asked.query)


def _issue(lab: Lab, asked: Asked) -> Answer:
    made = {"iid": len(lab.issues) + 1, "state": "opened", "author": {"username": BOT}}
    lab.issues.append({**made, "description": None, **asked.body})
    return 201, lab.issues[-1]


def _edit_issue(lab: Lab, asked: Asked) -> Answer:
    issue = lab.issues[int(asked.found[1]) - 1]
    change = dict(asked.body)
    if event := change.pop("state_event", None):
        issue["state"] = {"close": "closed", "reopen": "opened"}[event]
    issue.update(change)
    return 200, issue


def _deployments(lab: Lab, asked: Asked) -> Answer:
    wanted = asked.query.get("environment")
    found = [each for each in lab.deployments if wanted in {None, each["environment"]["name"]}]
    found.sort(key=lambda each: each["id"], reverse=asked.query.get("sort", "asc") == "desc")
    return 200, _pages(found, asked.query)


def _deployment(lab: Lab, asked: Asked) -> Answer:
    name = asked.body["environment"]
    if len(name) > 255 or not ENVIRONMENT.fullmatch(name):
        return 500, {"message": "500 Internal Server Error"}
    made = {"id": lab.number(), "deployable": None, **asked.body, "environment": {"name": name}}
    lab.deployments.append(made)
    return 201, made


def _edit_deployment(lab: Lab, asked: Asked) -> Answer:
    [deployment] = [each for each in lab.deployments if each["id"] == int(asked.found[1])]
    if deployment["deployable"]:
        return 403, {"message": "403 Forbidden"}
    if deployment["status"] == asked.body["status"]:
        return 400, {"message": {"status": ["cannot transition"]}}
    deployment["status"] = asked.body["status"]
    return 200, deployment


PAGED: Final = {"page": r"[1-9]\d*", "per_page": r"[1-9]\d?|100"}
STATUS: Final = {"status": r"running|success|failed|canceled"}
TEXT: Final = r"(?s).+"
BASE: Final = f"/api/v4/projects/{PROJECT}"
NOTES: Final = rf"{BASE}/merge_requests/(\d+)/notes"
Known = Mapping[str, str]
ROUTES: Final[tuple[tuple[str, str, Route, Known, Known, frozenset[str]], ...]] = (
    # Method, path, answer; parameters, fields of the body, and which of those are needed.
    ("GET", "/api/v4/user", _user, {}, {}, frozenset()),
    ("GET", BASE, _project, {}, {}, frozenset()),
    (
        "GET",
        NOTES,
        _notes,
        {**PAGED, "sort": "asc|desc", "order_by": "created_at|updated_at"},
        {},
        frozenset(),
    ),
    ("POST", NOTES, _note, {}, {"body": TEXT}, frozenset({"body"})),
    ("PUT", rf"{NOTES}/(\d+)", _edit_note, {}, {"body": TEXT}, frozenset({"body"})),
    ("DELETE", rf"{NOTES}/(\d+)", _remove_note, {}, {}, frozenset()),
    (
        "GET",
        rf"{BASE}/repository/commits/([0-9a-f]+)/merge_requests",
        _brought,
        {**PAGED, "state": "opened|closed|locked|merged"},
        {},
        frozenset(),
    ),
    ("GET", rf"{BASE}/repository/commits/([0-9a-f]+)", _commit, {}, {}, frozenset()),
    ("GET", rf"{BASE}/merge_requests/(\d+)", _merge_request, {}, {}, frozenset()),
    ("GET", rf"{BASE}/merge_requests/(\d+)/pipelines", _pipelines, PAGED, {}, frozenset()),
    ("GET", rf"{BASE}/pipelines/(\d+)/jobs", _jobs, PAGED, {}, frozenset()),
    ("GET", rf"{BASE}/jobs/(\d+)/artifacts/(.+)", _file, {}, {}, frozenset()),
    ("GET", rf"{BASE}/issues", _issues, {**PAGED, "state": "all|opened|closed"}, {}, frozenset()),
    (
        "POST",
        rf"{BASE}/issues",
        _issue,
        {},
        {"title": TEXT, "description": TEXT},
        frozenset({"title"}),
    ),
    (
        "PUT",
        rf"{BASE}/issues/(\d+)",
        _edit_issue,
        {},
        {"title": TEXT, "description": TEXT, "state_event": "close|reopen"},
        frozenset(),
    ),
    (
        "GET",
        rf"{BASE}/deployments",
        _deployments,
        {
            **PAGED,
            "environment": TEXT,
            "order_by": "id|iid|created_at|updated_at|finished_at|ref",
            "sort": "asc|desc",
        },
        {},
        frozenset(),
    ),
    (
        "POST",
        rf"{BASE}/deployments",
        _deployment,
        {},
        {**STATUS, "environment": TEXT, "sha": "[0-9a-f]{40}", "ref": TEXT, "tag": "False|True"},
        frozenset({"status", "environment", "sha", "ref", "tag"}),
    ),
    (
        "PUT",
        rf"{BASE}/deployments/(\d+)",
        _edit_deployment,
        {},
        STATUS,
        frozenset({"status"}),
    ),
)


def _problem(what: Mapping[str, Any], known: Known, needed: frozenset[str]) -> str | None:
    for name, value in what.items():
        if name not in known:
            return f"{name} is not documented"
        if not re.fullmatch(known[name], str(value)):
            return f"{name} does not have a valid value"
    missing = sorted(needed - set(what))
    return f"{missing[0]} is missing" if missing else None


def answer(lab: Lab, method: str, target: str, authorization: str, body: Any) -> Answer:
    """Status and body for one request."""
    parts = urlsplit(target)
    if authorization != f"Bearer {TOKEN}":
        return 401, {"message": "401 Unauthorized"}
    for verb, pattern, route, parameters, fields, needed in ROUTES:
        if verb == method and (found := re.fullmatch(pattern, parts.path)):
            asked = Asked(found=found, query=dict(parse_qsl(parts.query)), body=body or {})
            wrong = _problem(asked.query, parameters, frozenset())
            wrong = wrong or _problem(asked.body, fields, needed)
            if wrong:
                lab.refused.append(f"{method} {target}: {wrong}")
                return 400, {"error": wrong}
            return route(lab, asked)
    lab.refused.append(f"{method} {target}")
    return 404, {"error": "404 Not Found"}


def _links(url: str, target: str, page: Page) -> dict[str, str]:
    """The headers of one page, of which a Link names the next one where there is one."""
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query))
    size, number = int(query.get("per_page", "20")), int(query.get("page", "1"))
    links = [f'<{url}{parts.path}?page=1&per_page={size}>; rel="first"']
    more = number * size < page.all
    if more:
        links.insert(0, f'<{url}{parts.path}?page={number + 1}&per_page={size}>; rel="next"')
    return {
        "Link": ", ".join(links),
        "X-Page": str(number),
        "X-Per-Page": str(size),
        "X-Total": str(page.all),
        "X-Next-Page": str(number + 1) if more else "",
    }


@contextmanager
def running() -> Iterator[Lab]:
    """A stand-in that listens on this machine until the end."""
    lab = Lab()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            authorization = self.headers.get("Authorization", "")
            with lock:
                lab.requests.append(f"{self.command} {self.path}")
                if lab.trouble or (lab.broken and self.command != "GET"):
                    status = lab.trouble.pop(0) if lab.trouble else 500
                    self.reply(status, b'{"message": "trouble"}', {})
                    return
                body = json.loads(sent) if sent else None
                status, told = answer(lab, self.command, self.path, authorization, body)
                headers: dict[str, str] = {}
                if isinstance(told, Page):
                    headers = _links(lab.url, self.path, told)
                    told = told.items
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.reply(status, content, headers)

        do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815

        def reply(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status == 204:
                content = b""
            else:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Tests print what matters."""

    with listening(Handler) as lab.url:
        yield lab
