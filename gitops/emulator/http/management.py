"""One management request: key, route, limit, permission, handler; refusals in Baseten's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from gitops.emulator.http import absent, routes
from gitops.emulator.http.auth import actor_of, authenticate
from gitops.emulator.http.call import Call
from gitops.emulator.options import Options
from gitops.emulator.world.refusal import Refusal, not_found

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitops.emulator.emulator import Emulator


def answer(emulator: Emulator, request: Request, body: bytes) -> Response:
    """Answer a request below `/v1/`."""
    options = emulator.options
    try:
        return JSONResponse(_result(emulator, request, body))
    except TooMany as problem:
        return JSONResponse({"error": str(problem), "retry_after": problem.wait}, 429)
    except Refusal as refusal:
        status = options.invalid_status if refusal.status == 400 else refusal.status
        return JSONResponse(_error(refusal), status)


class TooMany(Exception):
    """A request above the limit; `wait` in seconds."""

    def __init__(self, wait: int) -> None:
        """Keep the time to wait."""
        super().__init__("Rate limit exceeded.")
        self.wait = wait


def _result(emulator: Emulator, request: Request, body: bytes) -> dict[str, Any]:
    options = emulator.options
    secret, identity = authenticate(request, emulator.world)
    raw = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
    found = routes.find(request.method, raw, july=not options.newest)
    if isinstance(found, bool):
        if not found:
            return _absent(options, request.method, raw)
        raise Refusal(405, "METHOD_NOT_ALLOWED", "Method not allowed.")
    route, params = found
    if options.rate_limits:
        slot = params.get("deployment_id", "")
        endpoint = f"{route.method} {route.path}" + (f" {slot}" if slot in route.aliases else "")
        wait = emulator.limiter.wait(secret, endpoint, route.limit)
        if wait is not None:
            raise TooMany(wait)
    call = Call(
        world=emulator.world,
        uploads=emulator.uploads,
        base_url=f"http://{request.headers.get('host', '')}",
        actor=actor_of(request, identity),
        identity=identity,
        params=params,
        query=request.query_params,
        body=body,
    )
    route.authorize(call)
    return route.handler(call)


def _absent(options: Options, method: str, path: str) -> dict[str, Any]:
    found = absent.find(method, path) if options.newest else None
    if found is None:
        raise not_found("The requested path was")
    return found


def _error(refusal: Refusal) -> dict[str, str]:
    if refusal.status in {401, 403}:
        return {"error": refusal.message}
    return {"code": refusal.code, "message": refusal.message}
