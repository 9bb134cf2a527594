"""Which artifact a live deployment is, and which of several deployments of one artifact to take.

A deployment is recognised by its labels; else by its name, which a promotion's copy inherits with a
dot and digits behind it; else by its id, where the deploy log knows it. Where these disagree, or a
name of ours is on something that nobody can vouch for, the answer is a conflict and never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gitops.state.artifact import (
    DEPLOYMENT_NAME_DIGITS,
    DEPLOYMENT_NAME_PREFIX,
    LABEL_COMMIT,
    LABEL_DIGEST,
)
from gitops.state.health import Health, health_of
from gitops.state.live import Deployment

_OURS: Final = re.compile(
    rf"{DEPLOYMENT_NAME_PREFIX}(?P<digits>[0-9a-f]{{{DEPLOYMENT_NAME_DIGITS}}})"
    r"(?:-[1-9][0-9]*)?(?P<copies>(?:\.[0-9]+)*)"
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_COPY: Final = re.compile(r"(?:\.[0-9]+)+")
# Copies end in a Unix time; a shorter number may be a version in somebody's own name.
_COPY_TAIL: Final = re.compile(r"(?:\.[0-9]{9,})+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The artifact that a deployment is known to hold; ``commit`` None where nobody knows."""

    digest: str
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A deployment with what is known of its artifact. ``digest`` None: not pushed by this tool.

    ``conflict`` is a sentence where labels, name and log contradict each other; then ``digest`` is
    None too.
    """

    deployment: Deployment
    digest: str | None = None
    commit: str | None = None
    by: Literal["label", "name", "log"] | None = None
    conflict: str | None = None

    @property
    def health(self) -> Health:
        """The kind of the deployment's status."""
        return health_of(self.deployment.status)

    @property
    def called(self) -> str:
        """The deployment as all output names it."""
        return called(self.deployment.id, self.deployment.name)


def called(deployment_id: str, name: str | None) -> str:
    """``deployment w5d8x2q``: the id, and behind it a name that somebody else gave it.

    A name of ours says no more than the commit, and copies of one deployment share it.
    """
    given = f" ({name})" if name and own_name(name) is None else ""
    return f"deployment {deployment_id}{given}"


def own_name(name: str) -> str | None:
    """The digits of the digest in a name that this tool gives, or in a copy's; None for others."""
    match = _OURS.fullmatch(name)
    return match["digits"] if match else None


def is_copy(name: str, source: str) -> bool:
    """Whether ``name`` is what promotions call a copy of ``source``, or a copy of such a copy."""
    return name.startswith(source) and _COPY.fullmatch(name, len(source)) is not None


def same_name(one: str, other: str) -> bool:
    """Whether two names are one deployment's and its copy's, or two copies of one deployment."""
    return one == other or is_copy(one, other) or is_copy(other, one) or _root(one) == _root(other)


def _root(name: str) -> str:
    return _COPY_TAIL.sub("", name)


def recognise(
    deployment: Deployment,
    *,
    logged: Mapping[str, Identity],
    siblings: Iterable[Deployment] = (),
) -> Recognised:
    """Say which artifact a deployment holds.

    ``logged`` maps deployment ids to what the deploy log says they are. ``siblings`` are other
    deployments of the model, whose labels vouch for their copies.
    """
    known = logged.get(deployment.id)
    if LABEL_DIGEST in deployment.labels:
        return _by_label(deployment, known)
    digits = own_name(deployment.name)
    if known is not None:
        return _by_log(deployment, known, digits)
    if digits is None:
        return Recognised(deployment=deployment)
    source = _source_of_copy(digits, logged, siblings) if "." in deployment.name else None
    if source is not None:
        return Recognised(
            deployment=deployment, digest=source.digest, commit=source.commit, by="name"
        )
    return _conflict(
        deployment,
        "is called like one of this tool's, but has no labels and is not in the deploy log: "
        "whether it holds those files cannot be told",
    )


def _by_label(deployment: Deployment, known: Identity | None) -> Recognised:
    label, digits = deployment.labels[LABEL_DIGEST], own_name(deployment.name)
    if not isinstance(label, str) or not _DIGEST.fullmatch(label):
        return _conflict(deployment, f"has a label {LABEL_DIGEST} that is not a digest")
    if digits is not None and not label.startswith(digits):
        return _conflict(deployment, f"is labelled {_short(label)}, but named {_short(digits)}")
    if known is not None and known.digest != label:
        return _conflict(
            deployment,
            f"is labelled {_short(label)}, but the deploy log knows it as {_short(known.digest)}",
        )
    commit = deployment.labels.get(LABEL_COMMIT)
    if not isinstance(commit, str):
        commit = known.commit if known is not None else None
    return Recognised(deployment=deployment, digest=label, commit=commit, by="label")


def _by_log(deployment: Deployment, known: Identity, digits: str | None) -> Recognised:
    if digits is not None and not known.digest.startswith(digits):
        return _conflict(
            deployment,
            f"has another artifact's name: the deploy log knows it as {_short(known.digest)}",
        )
    return Recognised(
        deployment=deployment,
        digest=known.digest,
        commit=known.commit,
        by="log" if digits is None else "name",
    )


def _conflict(deployment: Deployment, what: str) -> Recognised:
    return Recognised(
        deployment=deployment, conflict=f"deployment {deployment.id} ({deployment.name}) {what}"
    )


def _source_of_copy(
    digits: str, logged: Mapping[str, Identity], siblings: Iterable[Deployment]
) -> Identity | None:
    found = {each.digest: each for each in logged.values() if each.digest.startswith(digits)}
    for sibling in siblings:
        label, commit = sibling.labels.get(LABEL_DIGEST), sibling.labels.get(LABEL_COMMIT)
        if isinstance(label, str) and own_name(sibling.name) == digits and label.startswith(digits):
            found.setdefault(
                label, Identity(digest=label, commit=commit if isinstance(commit, str) else None)
            )
    return next(iter(found.values())) if len(found) == 1 else None


def _short(digest: str) -> str:
    return digest[:12]


def choose(
    deployments: Sequence[Recognised],
    *,
    environment: str,
    current: str | None = None,
    candidate: str | None = None,
    served_here: frozenset[str] = frozenset(),
) -> Recognised | None:
    """Of several deployments of one artifact, the one to use for ``environment``.

    In order: the current one, the candidate, one that served here, unattached and ready,
    unattached and inactive, attached elsewhere (a promotion of it makes a copy), unattached and
    still starting, unattached and unhealthy, failed; then the newest, then by id. One whose build
    a person stopped can never be used. ``current`` and ``candidate`` are deployment ids, and
    ``served_here`` those of deployments that the log saw serving here.
    """

    def rank(each: Recognised) -> int:
        deployment, health = each.deployment, each.health
        attached = deployment.environment
        elsewhere = attached is not None and attached.lower() != environment.lower()
        if deployment.id == current:
            return 0
        if deployment.id == candidate:
            return 1
        if deployment.id in served_here:
            return 2
        if health is Health.FAILED:
            return 8
        if elsewhere:
            return 5
        return {Health.READY: 3, Health.INACTIVE: 4, Health.TRANSITION: 6}.get(health, 7)

    usable = [
        each
        for each in deployments
        if each.health is not Health.STOPPED and not each.deployment.is_development
    ]
    newest_first = sorted(
        sorted(usable, key=lambda each: each.deployment.id),
        key=lambda each: each.deployment.created_at,
        reverse=True,
    )
    return min(newest_first, key=rank, default=None)
