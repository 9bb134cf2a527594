"""A model that echoes, as files: its truss, which misbehaves as it is told, and its release.

repository.commit({**truss("two", "fails_after_requests: 6"), **release(STAGING, PRODUCTION)})
"""

from __future__ import annotations

from typing import Final

CHAT: Final = "/v1/chat/completions"
STAGING: Final = """\
  staging:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    checks: [smoke]
"""
PRODUCTION: Final = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    checks: [smoke]
    watch: {for: 600ms, error_rate: 0.05, min_requests: 5}
"""
_RELEASE: Final = """\
version: 1
model: {model}
truss: trusses/{truss}
environments:
{environments}
checks:
  smoke:
    request: {{text: hello}}
    expect: {{equals: {{text: hello}}}}
"""
_TRUSS: Final = """\
model_name: {name}
resources: {{cpu: "1", memory: 2Gi}}
base_image: {{image: "example.invalid/echo@sha256:{digest}"}}
docker_server:
  start_command: serve
  predict_endpoint: {route}
  readiness_endpoint: /ready
  liveness_endpoint: /live
  server_port: 8000
model_metadata:
  note: {note}
  emulator: {{{behaviour}}}
"""


def truss(
    note: str = "one", behaviour: str = "", *, name: str = "triage", route: str = "/predict"
) -> dict[str, str]:
    """A truss that answers with what it is asked.

    `note` tells versions apart. `behaviour` is what the emulator reads in `model_metadata`: how
    this one misbehaves.
    """
    config = _TRUSS.format(name=name, note=note, behaviour=behaviour, route=route, digest="0" * 64)
    return {f"trusses/{name}/config.yaml": config}


def release(
    *environments: str, model: str = "triage", truss: str | None = None, extra: str = ""
) -> dict[str, str]:
    """A release file with these environments, and `extra` lines at its end.

    `truss` is the name of a truss that is not the model's own.
    """
    text = _RELEASE.format(model=model, truss=truss or model, environments="".join(environments))
    return {f"releases/{model}.yaml": text + extra}
