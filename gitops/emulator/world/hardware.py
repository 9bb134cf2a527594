"""The instance types that the emulator offers, their prices, and which one a config asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitops.emulator.world.refusal import invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One kind of machine; `price` is invented, in USD per minute."""

    id: str
    name: str
    memory_limit_mib: int
    millicpu_limit: int
    gpu_count: int = 0
    gpu_type: str | None = None
    gpu_memory_limit_mib: int | None = None
    price: float

    def to_json(self) -> dict[str, Any]:
        """The object as the API shows it, without the price."""
        body: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        del body["price"]
        return body


def _cpu(vcpu: int, gib: int, price: float) -> InstanceType:
    return InstanceType(
        id=f"{vcpu}x{gib}",
        name=f"{vcpu}x{gib} - {vcpu} vCPU, {gib} GiB RAM",
        memory_limit_mib=gib * 1024,
        millicpu_limit=vcpu * 1000,
        price=price,
    )


def _gpu(kind: str, count: int, shape: tuple[int, int], vram: int, price: float) -> InstanceType:
    vcpu, gib = shape
    prefix = kind if count == 1 else f"{kind}:{count}"
    return InstanceType(
        id=f"{prefix}x{vcpu}x{gib}",
        name=f"{prefix}x{vcpu}x{gib} - {count} {kind}, {vcpu} vCPU, {gib} GiB RAM",
        memory_limit_mib=gib * 1024,
        millicpu_limit=vcpu * 1000,
        gpu_count=count,
        gpu_type=kind,
        gpu_memory_limit_mib=vram * 1024 * count,
        price=price,
    )


INSTANCE_TYPES: dict[str, InstanceType] = {
    item.id: item
    for item in (
        _cpu(1, 2, 0.0006),
        _cpu(1, 4, 0.0009),
        _cpu(2, 8, 0.0018),
        _cpu(4, 16, 0.0035),
        _cpu(8, 32, 0.0070),
        _cpu(16, 64, 0.0140),
        _gpu("T4", 1, (4, 16), 16, 0.0105),
        _gpu("L4", 1, (4, 16), 24, 0.0142),
        _gpu("L4", 4, (48, 192), 24, 0.0669),
        _gpu("A10G", 1, (4, 16), 24, 0.0202),
        _gpu("A100", 1, (12, 144), 80, 0.0667),
        _gpu("H100", 1, (26, 234), 80, 0.1083),
        _gpu("H100", 8, (208, 1872), 80, 0.8667),
    )
}
DEFAULT_INSTANCE_TYPE = "1x2"
_MEMORY = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(Ki|Mi|Gi|Ti|K|M|G|T)?B?\s*$")
_MIB = {
    None: 1 / 2**20,
    "Ki": 1 / 1024,
    "Mi": 1.0,
    "Gi": 1024.0,
    "Ti": 1024.0**2,
    "K": 1e3 / 2**20,
    "M": 1e6 / 2**20,
    "G": 1e9 / 2**20,
    "T": 1e12 / 2**20,
}


def instance_type(identifier: str) -> InstanceType:
    """The instance type of that id.

    Raises:
        Refusal: there is none.
    """
    found = INSTANCE_TYPES.get(identifier)
    if found is None:
        raise invalid(f"Unknown instance type {identifier!r}.")
    return found


def for_config(config: Mapping[str, Any]) -> InstanceType:
    """The smallest instance type that holds a truss config's `resources`.

    Raises:
        Refusal: no instance type is large enough, or a value cannot be read.
    """
    resources = config.get("resources") or {}
    if not isinstance(resources, Mapping):
        raise invalid("config.resources must be a mapping.")
    wanted = resources.get("instance_type")
    if wanted:
        return instance_type(str(wanted))
    kind, count = _accelerator(resources.get("accelerator"))
    millicpu = _millicpu(resources.get("cpu", "1"))
    memory = _mebibytes(resources.get("memory", "2Gi"))
    for item in sorted(INSTANCE_TYPES.values(), key=lambda each: each.price):
        if (
            item.gpu_type == kind
            and item.gpu_count == count
            and (kind is not None or item.millicpu_limit >= millicpu)
            and (kind is not None or item.memory_limit_mib >= memory)
        ):
            return item
    raise invalid(f"No instance type satisfies the resources {dict(resources)!r}.")


def _accelerator(value: object) -> tuple[str | None, int]:
    if not value:
        return None, 0
    kind, _, count = str(value).partition(":")
    if count and not count.isdigit():
        raise invalid(f"config.resources.accelerator {value!r} cannot be read.")
    return kind, int(count or 1)


def _millicpu(value: object) -> int:
    text = str(value)
    try:
        return int(text[:-1]) if text.endswith("m") else round(float(text) * 1000)
    except ValueError:
        raise invalid(f"config.resources.cpu {value!r} cannot be read.") from None


def _mebibytes(value: object) -> float:
    match = _MEMORY.match(str(value))
    if match is None:
        raise invalid(f"config.resources.memory {value!r} cannot be read.")
    return float(match[1]) * _MIB[match[2]]
