"""A model as Baseten lists it, managed by a release file or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops.state.json import JsonObject
from gitops.state.live import LiveModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A model with its environments.

    ``beyond`` holds by environment what the release-file language has no word for, by Baseten's
    own names: regions, shadow traffic, and whatever is newer than this version.
    """

    model: LiveModel
    beyond: Mapping[str, JsonObject] = field(default_factory=dict)
