"""Uploaded archives: unpacked safely, and what makes a build fail."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitops.emulator.runtime.echo import Behaviour, BehaviourError

_MAX_BYTES = 4 * 1024**3


def unpack(archive: Path, target: Path) -> str | None:
    """Unpack a plain or gzipped tar into `target`; gives what is wrong with it, or None."""
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive, mode="r:*") as tar:
            total = 0
            for member in tar:
                total += member.size
                if total > _MAX_BYTES:
                    return "The archive is larger than 4 GiB unpacked."
                tar.extract(member, target, filter="data")
    except (tarfile.TarError, EOFError, OSError, ValueError) as problem:
        shutil.rmtree(target, ignore_errors=True)
        return f"The archive could not be unpacked: {problem}"
    return None


def problems_of(root: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Why a build of the unpacked truss fails; empty when it does not."""
    file = root / "config.yaml"
    if not file.is_file():
        return ("config.yaml is missing from the root of the archive.",)
    problem = _yaml_problem(file)
    if problem is not None:
        return (problem,)
    found = _config_problems(config)
    if not is_served_elsewhere(config) and not model_file(root, config).is_file():
        found.append(
            f"{model_file(root, config).relative_to(root)} is missing, and config.yaml has "
            "no docker_server."
        )
    try:
        Behaviour.of(config)
    except BehaviourError as wrong:
        found.append(str(wrong))
    return tuple(found)


def _config_problems(config: Mapping[str, Any]) -> list[str]:
    found = [
        f"config.yaml: {name} must be a mapping."
        for name in ("secrets", "environment_variables", "runtime", "model_metadata")
        if not isinstance(config.get(name) or {}, Mapping)
    ]
    runtime = config.get("runtime") or {}
    wanted = runtime.get("predict_concurrency") if isinstance(runtime, Mapping) else None
    if wanted is not None and not (isinstance(wanted, int) and wanted >= 1):
        found.append("config.yaml: runtime.predict_concurrency must be a whole number above 0.")
    return found


def _yaml_problem(file: Path) -> str | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        loaded = YAML(typ="safe", pure=True).load(file)
    except (YAMLError, UnicodeDecodeError) as problem:
        return f"config.yaml cannot be parsed: {problem}"
    if not isinstance(loaded, dict):
        return "config.yaml must hold a mapping."
    return None


def model_file(root: Path, config: Mapping[str, Any]) -> Path:
    """Where the truss's model class is."""
    folder = str(config.get("model_module_dir", "model"))
    return root / folder / str(config.get("model_class_filename", "model.py"))


def is_served_elsewhere(config: Mapping[str, Any]) -> bool:
    """Whether the truss's config names a server instead of a model class."""
    return config.get("docker_server") is not None or config.get("trt_llm") is not None
