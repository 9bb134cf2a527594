"""What an emulator is started with: plain values, no behaviour but scaling of durations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Mode = Literal["newest", "july"]
KeyType = Literal[
    "PERSONAL",
    "WORKSPACE_MANAGE_ALL",
    "WORKSPACE_INVOKE",
    "WORKSPACE_EXPORT_METRICS",
    "WORKSPACE_MANAGE_API_KEYS",
    "ROUTES",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long things take, in seconds at speed 1. All are divided by the speed."""

    build: float = 90.0
    deploy: float = 40.0
    load: float = 20.0
    """LOADING_MODEL and WAKING_UP last at least this long, plus what the truss's own load takes."""
    wake: float = 10.0
    replica_start: float = 15.0
    deactivate: float = 12.0
    update: float = 30.0
    """UPDATING, before it loads again."""
    not_found: float = 2.0
    """A new deployment answers 404 by id for this long."""
    settings: float = 3.0
    """From an accepted settings PATCH to the settings being in force."""
    release: float = 5.0
    """From a healthy candidate to the first traffic on it."""
    step: float = 15.0
    """One rolling step, besides its stabilization time."""
    terminal_visible: float = 3.0
    """How long SUCCEEDED, FAILED and CANCELED can still be read from the environment."""
    metrics_lag: float = 60.0
    """Metrics end this long before now."""
    idle_out: float = 14 * 24 * 3600.0
    """What is scaled to zero for so long is deactivated by the platform; 0: never. Invented."""
    candidate_delay: float = 0.0
    """From a promote to the candidate showing on the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key that the emulator knows. `secret` is the whole key, `prefix.secret`."""

    secret: str
    type: KeyType = "PERSONAL"
    name: str = "emulator"
    user: str | None = None
    """Whose personal key it is, by e-mail address; None: the first user's."""
    team: str | None = None
    """The name of the team that a workspace key is for; None: all of them."""
    models: tuple[str, ...] | None = None
    """Ids of the models that a key for calling or exporting is limited to."""
    environments: tuple[str, ...] | None = None
    """Names of the environments that such a key is limited to."""


SWITCHES = (
    "accept_canary",
    "async_status",
    "audited_promotion",
    "conflict_status",
    "copies",
    "create_environments",
    "environment_case",
    "first_push",
    "invalid_status",
    "keep_previous",
    "labels_on_copies",
    "patch_reply",
    "promote_current",
    "promote_inactive",
    "rolling_by_default",
    "shuffle_lists",
    "sparse",
    "surge_by_default",
)
"""The options that choose where the sources disagree or are silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Switches of one emulator. Defaults are a Baseten of autumn 2026 at its own speed."""

    speed: float = 1.0
    mode: Mode = "newest"
    durations: Durations = field(default_factory=Durations)
    keys: tuple[Key, ...] = ()
    """Empty: any key is accepted, as a personal one."""
    rate_limits: bool = True
    workspace: str | None = None
    """None: `emulator-` and six random characters, so that a fresh emulator is a new workspace."""
    user_email: str = "emulator@example.com"
    users: tuple[str, ...] = ()
    """E-mail addresses of further users."""
    regions: tuple[tuple[str, str], ...] = (("us", "United States"), ("eu", "Europe"))
    """Slugs and display names; invented."""
    teams: tuple[str, ...] = ("default",)
    """The first is the default team."""
    first_push: Literal["production", "serving", "none"] = "production"
    """What becomes of a model's first deployment: promoted to production, serving there from
    the start, or in no environment. The sources disagree."""
    invalid_status: Literal[400, 422] = 400
    """Answered for what is not valid."""
    async_status: Literal[201, 202] = 201
    """Answered to `async_predict`: the specification and the guide disagree."""
    create_environments: bool | None = None
    """The default of `create_environment_if_missing`, which is announced to change; None: true."""
    rolling_by_default: bool | None = None
    """Whether new environments are rolling; None: as the mode has it."""
    surge_by_default: int | None = None
    """The default of `max_surge_percent`; None: as the mode has it."""
    accept_canary: bool | None = None
    """Whether `ramp_up_while_promoting: true` is taken; None: as the mode has it."""
    patch_reply: Literal["status", "environment", "both"] | None = None
    """What a PATCH of an environment answers with; None: as the mode has it."""
    environment_case: Literal["fold", "exact"] = "fold"
    """Whether names of environments compare without case."""
    conflict_status: int = 409
    """Answered for duplicates and for a promote while another one runs: the sources disagree."""
    labels_on_copies: bool = False
    audited_promotion: Literal["source", "candidate"] = "source"
    """Which deployment the audit log names where a promotion made a copy: not documented."""
    copies: Literal["needed", "always"] = "needed"
    """When a promotion makes a copy: where newer guides say so, or always, as older ones do."""
    promote_inactive: Literal["refused", "activates"] = "refused"
    """What promoting an inactive deployment does: older guides have it activated first."""
    promote_current: Literal["refused", "ignored"] = "refused"
    """What promoting what serves already does: not documented."""
    keep_previous: Literal["honoured", "ignored"] = "honoured"
    """Whether `scale_down_previous_…: false` counts beside the strategy: not documented."""
    sparse: bool = False
    """Leave null candidates, promotions and labels out of answers, as they may be."""
    shuffle_lists: bool = False
    control: bool = False
    traffic: float = 0.0
    """Requests per second that the emulator itself sends to every production environment."""
    traffic_ceiling: float = 40.0
    """Requests per second over all environments."""
    worker_limit: int = 12
    """Truss processes that may live at once; the longest idle one gives way."""
    worker_memory_mib: int = 4096
    worker_cpu_seconds: int = 900
    truss_network: Literal["auto", "off", "on"] = "auto"
    """Whether trusses may reach the network. `auto`: they are cut off where the system allows it;
    `off`: where it does not, they fail to load."""
    request_seconds: float = 60.0
    """Real seconds one request may take in a truss before its process is killed."""
    load_seconds: float = 300.0
    """Real seconds a truss's load may take."""
    faults: tuple[str, ...] = ()
    """What is to go wrong from the start, in the text form of `gitops.emulator.faults`."""
    state: Path | None = None
    """The file that the workspace is kept in; None: in memory."""
    seed: int | None = None
    """Makes ids and the chances of faults reproducible; None: random ones."""

    @property
    def newest(self) -> bool:
        """Whether the platform is that of autumn 2026."""
        return self.mode == "newest"

    @property
    def new_environments_roll(self) -> bool:
        """Whether new environments are rolling."""
        return self.newest if self.rolling_by_default is None else self.rolling_by_default

    @property
    def surge_percent(self) -> int:
        """The surge of a rolling configuration that does not name one."""
        if self.surge_by_default is not None:
            return self.surge_by_default
        return 25 if self.newest else 10

    @property
    def takes_canary(self) -> bool:
        """Whether canary promotions can be asked for."""
        return not self.newest if self.accept_canary is None else self.accept_canary

    @property
    def environment_reply(self) -> Literal["status", "environment", "both"]:
        """What a PATCH of an environment answers with."""
        return self.patch_reply or ("both" if self.newest else "status")

    def environment_name(self, given: str) -> str:
        """A name of an environment as it is kept and looked up."""
        return given.lower() if self.environment_case == "fold" else given

    def scaled(self, seconds: float) -> float:
        """`seconds` of Baseten's time in seconds of this machine's clock."""
        return seconds / self.speed
