"""What a plan or an apply meets outside of this process, and how it is reached."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gitops.apply.clock import StopFlag, SystemClock
from gitops.errors import RemoteUnreachable, RepositoryError
from gitops.render.text import printable
from gitops.wiring.opening import git_of

if TYPE_CHECKING:
    from gitops.apply.locking import Claim
    from gitops.apply.run import FactSource, Ports
    from gitops.baseten.client import Baseten
    from gitops.git.cirun import CiRun
    from gitops.git.deploylog import DeployLog
    from gitops.git.locks import Locks
    from gitops.git.repository import Repository
    from gitops.pipeline.opened import Project
    from gitops.record.entry import Entry
    from gitops.record.lock import Applied, Lock
    from gitops.state.desired import Desired
    from gitops.state.names import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything outside of this process that a plan or an apply meets. A context manager.

    ``applies`` says what a lock names as applied once this run has it, given what it is, and
    whether an older commit counts too. ``ci`` is the CI run that runs us.
    ``remote`` is where the deploy log lives, None: in local refs. ``branch`` is the deploy branch
    where the applied commit is on it; ``tip`` gives its commit on the remote as last fetched, None
    where there is none, or nobody else shares this clone's log. ``by`` and ``where`` name who
    runs this, and on what.
    """

    ports: Ports
    facts: FactSource
    log: DeployLog
    locks: Locks
    applies: Callable[[Lock | None, bool], Applied | None]
    baseten: Baseten
    stop: StopFlag
    remote: str | None
    branch: str | None
    by: str
    where: str
    ci: CiRun
    tip: Callable[[], str | None] = lambda: None
    has_lost_branch: Callable[[], bool] = lambda: False
    lacking: RemoteUnreachable | None = None

    def fetch(self) -> None:
        """Bring the deploy log and the locks. Raises ``RemoteUnreachable``.

        ``RepositoryError`` where the remote's default branch is another one by now: what is
        released from there would be replaced by what is older.
        """
        if self.lacking is not None:
            raise self.lacking
        try:
            self.log.fetch()
        finally:
            self.locks.reload()
        if self.has_lost_branch():
            remote, branch = shlex.quote(str(self.remote)), printable(str(self.branch))
            raise RepositoryError(
                f"The Git remote {printable(remote)} has no branch {branch} any more, which this"
                " clone takes for its default.",
                hint=f"where it was renamed, `git fetch {remote}` and `git remote set-head {remote}"
                " --auto` learn its new name: then go on from there",
            )

    def claim(
        self,
        keys: Sequence[ModelKey],
        *,
        run: str,
        commit: str,
        timeout: float,
        say: Callable[[str], None],
        applies: Callable[[Lock | None], Applied | None],
    ) -> Claim:
        """The locks of these models, to be held by a run of that id for that commit.

        ``timeout`` is how many seconds to wait for other runs; ``say`` hears whom we wait for;
        ``applies`` says what a lock is to name as applied, given what it is. Raises
        ``RemoteUnreachable`` where this clone does not know where they are.
        """
        from gitops.apply.locking import Claim
        from gitops.record.lock import Holder

        if self.lacking is not None:
            raise self.lacking
        clock = self.ports.clock
        holder = Holder(
            run=run,
            by=self.by,
            where=self.where,
            commit=commit,
            since=clock.now(),
            ci=self.ci.id,
            attempt=self.ci.attempt,
            runner=self.ci.runner,
        )
        return Claim(
            store=self.locks,
            clock=clock,
            holder=holder,
            # Under its old name, somebody may still work on a model that was renamed.
            keys=[*keys, *(each for key in keys if (each := self.log.former(key)) is not None)],
            applies=applies,
            timeout=timeout,
            say=say,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.baseten.close()


def connect(project: Project, desired: Desired, *, no_log: bool = False) -> Outside:
    """Reach Baseten with the key in the environment, and the deploy log on the Git remote.

    Raises ``UsageError`` for variables that cannot be right, ``BasetenError`` where the workspace
    cannot be read. Nothing is written.
    """
    from gitops.apply.run import Ports
    from gitops.baseten.client import Baseten
    from gitops.baseten.endpoint import from_environment
    from gitops.git.archive import Archives
    from gitops.git.cirun import ci_run
    from gitops.git.deploylog import DeployLog
    from gitops.git.failures import Failures
    from gitops.git.locks import Locks
    from gitops.git.releasetags import ReleaseTags
    from gitops.git.remote import is_loopback, lacking
    from gitops.git.superseded import applied_now, superseded
    from gitops.judging import apart
    from gitops.pipeline.facts import GitFacts

    repository = git_of(project)
    endpoint = from_environment(project.environ)
    stop = StopFlag()
    clock = SystemClock(stop)
    baseten = Baseten(endpoint, clock, tell=project.say, attend=stop.check)
    workspace = baseten.reader.workspace()
    remote = desired.remote if repository.remote(desired.remote) is not None else None
    branch = _deploy_branch(repository, desired, remote, reach_remote=not no_log)
    writer = repository.identity(project.environ)
    api_is_loopback = is_loopback(workspace.host.rpartition(":")[0] or workspace.host)
    missing = None
    if not no_log:
        missing = lacking(repository.git, desired.remote, api_is_loopback=api_is_loopback)
    log = DeployLog(
        repository,
        workspace,
        remote,
        team_of=lambda key: key.team or baseten.reader.default_team(),
        writer=writer,
        api_is_loopback=api_is_loopback,
        branch=branch,
        reach_remote=not no_log,
        id_of=baseten.reader.model_id,
        managed=[model.key for model in desired.models],
    )
    locks = Locks(
        repository,
        workspace,
        # Without the Git host, what is left is to keep the runs of this clone apart.
        log.remote if not no_log else None,
        team_of=lambda key: key.team or baseten.reader.default_team(),
        writer=writer,
        branch=branch,
    )

    def judge(entries: Sequence[Entry], locked: Applied | None) -> bool:
        return superseded(
            repository, entries, desired.commit, remote=remote, branch=branch, locked=locked
        )

    def applies(lock: Lock | None, older: bool) -> Applied | None:
        locked = lock.applied if lock is not None else None
        if desired.dirty:
            return locked
        return applied_now(
            repository, desired.commit, locked, remote=remote, branch=branch, older=older
        )

    def locked(key: ModelKey) -> Applied | None:
        former = log.former(key)
        return locks.applied(key) or (locks.applied(former) if former is not None else None)

    def tip() -> str | None:
        if branch is None or log.remote is None:
            return None
        return repository.branches.tip(branch, log.remote)

    def has_lost_branch() -> bool:
        if branch is None or desired.branch is not None or log.remote is None:
            return False
        there = repository.remote(log.remote)
        return there is not None and there.has_lost(branch)

    # Only a model without a log of its own asks, and what it asks for is the same for all.
    left_behind = cache(lambda: log.left_behind(model.key for model in desired.models))
    return Outside(
        ports=Ports(
            reader=baseten.reader,
            writer=baseten.writer,
            prober=baseten.prober,
            log=log,
            archives=Archives(repository),
            clock=clock,
            failures=Failures(repository.common_dir, repository.root),
            tags=ReleaseTags(repository, log.remote) if desired.log_tags and not no_log else None,
            judge=partial(apart, attend=stop.check),
        ),
        facts=GitFacts(repository, desired.commit, judge, locked, left_behind),
        log=log,
        locks=locks,
        applies=applies,
        baseten=baseten,
        stop=stop,
        remote=remote,
        branch=branch,
        by=str(writer),
        where=_place(project.environ),
        ci=ci_run(project.environ),
        tip=tip,
        has_lost_branch=has_lost_branch,
        lacking=missing,
    )


def deploy_branch(project: Project, desired: Desired) -> str | None:
    """A revision that names the deploy branch as last fetched; None where none is known."""
    repository = git_of(project)
    remote = desired.remote if repository.remote(desired.remote) is not None else None
    branch = _deploy_branch(repository, desired, remote, reach_remote=True)
    return repository.branches.tip(branch, remote) if branch is not None else None


def _deploy_branch(
    repository: Repository, desired: Desired, remote: str | None, *, reach_remote: bool
) -> str | None:
    if desired.branch is not None:
        return desired.branch
    if not reach_remote:
        return None
    try:
        return repository.branches.default(remote)
    except RemoteUnreachable:
        # The fetch of the log meets the same remote, and says what is wrong with it.
        return None


def _place(environ: Mapping[str, str]) -> str:
    """The CI run's page where the runner says it, else this machine's name."""
    server, name = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if server and name and environ.get("GITHUB_RUN_ID"):
        return f"{server}/{name}/actions/runs/{environ['GITHUB_RUN_ID']}"
    for variable in ("CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL"):
        if environ.get(variable):
            return environ[variable]
    return platform.node()
