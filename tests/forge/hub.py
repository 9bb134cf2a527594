"""A stand-in for GitHub's REST API on this machine, as far as `gitops forge` uses it.

Every request is held against GitHub's published document where that is at hand; one that it does
not know is answered with 400 and kept in `Hub.refused`.
"""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.forge import published
from tests.forge.listening import listening

REPOSITORY = "acme/models"
TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
ACTIONS = "github-actions[bot]"


@dataclass
class Hub:
    """What the forge holds, and what it was asked."""

    url: str = ""
    login: str | None = None
    """Who `GET /user` says that we are; None: a job's own token, which may not ask."""
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    trouble: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers to give first instead of the right ones: status and headers."""
    strangers: list[str] = field(default_factory=list)
    """The `Authorization` of each request for a file where artifacts are stored."""
    _last: int = 1000

    def number(self) -> int:
        self._last += 1
        return self._last

    @property
    def writes(self) -> list[str]:
        return [each for each in self.requests if not each.startswith("GET ")]

    @property
    def author(self) -> dict[str, str]:
        return {"login": self.login or ACTIONS}

    def upload(
        self, name: str, files: Mapping[str, bytes], head: str, *, fork: bool = False
    ) -> int:
        """As `actions/upload-artifact` does in a run for the commit `head`."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        number = self.number()
        self.artifacts.append(
            {
                "id": number,
                "name": name,
                "expired": False,
                "created_at": f"2026-11-22T00:00:{len(self.artifacts):02}Z",
                "workflow_run": {
                    "head_sha": head,
                    "repository_id": 42,
                    "head_repository_id": 43 if fork else 42,
                },
                "content": packed.getvalue(),
            }
        )
        return number

    def files(self, name: str) -> list[dict[str, bytes]]:
        """The files of every artifact of a name, the newest last."""
        found = []
        for each in self.artifacts:
            if each["name"] == name:
                with zipfile.ZipFile(io.BytesIO(each["content"])) as archive:
                    found.append({path: archive.read(path) for path in archive.namelist()})
        return found

    def environ(self, **more: str) -> dict[str, str]:
        """The variables of a job."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.url,
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_RUN_ID": "77",
            "GITHUB_SHA": "0" * 40,
            **more,
        }


Route = Callable[[Hub, "re.Match[str]", dict[str, str], Any], tuple[int, Any]]


def _pages(found: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
    return found[(page - 1) * size : page * size]


def _user(hub: Hub, _: re.Match[str], __: dict[str, str], ___: Any) -> tuple[int, Any]:
    if hub.login is None:
        return 403, {"message": "Resource not accessible by integration"}
    return 200, {"login": hub.login}


def _comments(hub: Hub, found: re.Match[str], query: dict[str, str], _: Any) -> tuple[int, Any]:
    return 200, _pages(hub.comments.get(int(found[1]), []), query)


def _comment(hub: Hub, found: re.Match[str], _: dict[str, str], body: Any) -> tuple[int, Any]:
    made = {"id": hub.number(), "user": hub.author, "body": body["body"]}
    hub.comments.setdefault(int(found[1]), []).append(made)
    return 201, made


def _of_comment(hub: Hub, number: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    for comments in hub.comments.values():
        for each in comments:
            if each["id"] == number:
                return comments, each
    raise KeyError(number)


def _edit(hub: Hub, found: re.Match[str], _: dict[str, str], body: Any) -> tuple[int, Any]:
    comment = _of_comment(hub, int(found[1]))[1]
    comment["body"] = body["body"]
    return 200, comment


def _remove(hub: Hub, found: re.Match[str], _: dict[str, str], __: Any) -> tuple[int, Any]:
    comments, comment = _of_comment(hub, int(found[1]))
    comments.remove(comment)
    return 204, None


def _pulls(hub: Hub, found: re.Match[str], query: dict[str, str], _: Any) -> tuple[int, Any]:
    return 200, _pages([each for each in hub.pulls if found[1] in each["brought"]], query)


def _artifacts(hub: Hub, _: re.Match[str], query: dict[str, str], __: Any) -> tuple[int, Any]:
    found = [
        {key: value for key, value in each.items() if key != "content"}
        for each in hub.artifacts
        if each["name"] == query.get("name", each["name"])
    ]
    return 200, {"total_count": len(found), "artifacts": _pages(found, query)}


def _zip(hub: Hub, found: re.Match[str], _: dict[str, str], __: Any) -> tuple[int, Any]:
    # Artifacts lie somewhere else: another name of this machine is another host.
    elsewhere = hub.url.replace("127.0.0.1", "localhost")
    return 302, f"{elsewhere}/stored/{found[1]}"


def _issues(hub: Hub, _: re.Match[str], query: dict[str, str], __: Any) -> tuple[int, Any]:
    return 200, _pages([each for each in hub.issues if each["state"] == query["state"]], query)


def _issue(hub: Hub, _: re.Match[str], __: dict[str, str], body: Any) -> tuple[int, Any]:
    made = {"number": len(hub.issues) + 1, "state": "open", "user": hub.author, **body}
    hub.issues.append(made)
    return 201, made


def _edit_issue(hub: Hub, found: re.Match[str], _: dict[str, str], body: Any) -> tuple[int, Any]:
    issue = hub.issues[int(found[1]) - 1]
    issue.update(body)
    return 200, issue


def _deployments(hub: Hub, _: re.Match[str], query: dict[str, str], __: Any) -> tuple[int, Any]:
    newest = reversed(hub.deployments)
    found = [each for each in newest if each["environment"] == query["environment"]]
    return 200, _pages(found, query)


def _deployment(hub: Hub, _: re.Match[str], __: dict[str, str], body: Any) -> tuple[int, Any]:
    made = {"id": hub.number(), "statuses": [], **body}
    hub.deployments.append(made)
    return 201, made


def _status(hub: Hub, found: re.Match[str], _: dict[str, str], body: Any) -> tuple[int, Any]:
    [deployment] = [each for each in hub.deployments if each["id"] == int(found[1])]
    deployment["statuses"].append(body)
    return 201, {"id": hub.number(), **body}


def _statuses(hub: Hub, found: re.Match[str], query: dict[str, str], _: Any) -> tuple[int, Any]:
    [deployment] = [each for each in hub.deployments if each["id"] == int(found[1])]
    return 200, _pages([*reversed(deployment["statuses"])], query)


BASE = f"/repos/{re.escape(REPOSITORY)}"
ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", "/user", _user),
    ("GET", rf"{BASE}/issues/(\d+)/comments", _comments),
    ("POST", rf"{BASE}/issues/(\d+)/comments", _comment),
    ("PATCH", rf"{BASE}/issues/comments/(\d+)", _edit),
    ("DELETE", rf"{BASE}/issues/comments/(\d+)", _remove),
    ("GET", rf"{BASE}/commits/([0-9a-f]+)/pulls", _pulls),
    ("GET", rf"{BASE}/actions/artifacts", _artifacts),
    ("GET", rf"{BASE}/actions/artifacts/(\d+)/zip", _zip),
    ("GET", rf"{BASE}/issues", _issues),
    ("POST", rf"{BASE}/issues", _issue),
    ("PATCH", rf"{BASE}/issues/(\d+)", _edit_issue),
    ("GET", rf"{BASE}/deployments", _deployments),
    ("POST", rf"{BASE}/deployments", _deployment),
    ("POST", rf"{BASE}/deployments/(\d+)/statuses", _status),
    ("GET", rf"{BASE}/deployments/(\d+)/statuses", _statuses),
)


def answer(hub: Hub, method: str, target: str, authorization: str, body: Any) -> tuple[int, Any]:
    """Status and body for one request."""
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query))
    if problem := published.check(method, parts.path, query, body):
        hub.refused.append(problem)
        return 400, {"message": problem}
    if authorization != f"Bearer {TOKEN}":
        return 401, {"message": "Bad credentials"}
    for verb, pattern, route in ROUTES:
        if verb == method and (found := re.fullmatch(pattern, parts.path)):
            return route(hub, found, query, body)
    return 404, {"message": "Not Found"}


@contextmanager
def running() -> Iterator[Hub]:
    """A stand-in that listens on this machine until the end."""
    hub = Hub()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            authorization = self.headers.get("Authorization", "")
            with lock:
                if self.path.startswith("/stored/"):
                    hub.strangers.append(authorization)
                    number = int(self.path.rpartition("/")[2])
                    [found] = [each for each in hub.artifacts if each["id"] == number]
                    self.reply(200, found["content"])
                    return
                hub.requests.append(f"{self.command} {self.path}")
                if hub.trouble:
                    status, headers = hub.trouble.pop(0)
                    self.reply(status, b'{"message": "trouble"}', headers)
                    return
                body = json.loads(sent) if sent else None
                status, told = answer(hub, self.command, self.path, authorization, body)
            if status == 302:
                self.reply(302, b"", {"Location": told})
            else:
                self.reply(status, b"" if told is None else json.dumps(told).encode())

        do_GET = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815

        def reply(
            self, status: int, content: bytes, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Tests print what matters."""

    with listening(Handler) as hub.url:
        yield hub
