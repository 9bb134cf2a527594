"""Baseten's own settings, by Baseten's names, units and ranges."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from gitops.release.scalars import Maybe, refuse
from gitops.release.words import shown


class Strict(BaseModel):
    """Nothing is converted, nothing unknown is let through."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


Weekday: TypeAlias = Literal[
    "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"
]


class Autoscaling(Strict):
    """Autoscaling settings of an environment. Only those that are written are managed."""

    min_replica: int = Field(
        default=0,
        ge=0,
        description=(
            "Replicas that always run. 0: scales to zero, and the first request waits for a start. "
            "Baseten's default: 0."
        ),
        examples=[0, 2],
    )
    max_replica: int = Field(
        default=1,
        ge=1,
        description="Replicas at most. Baseten's default: 1.",
        examples=[1, 20],
    )
    autoscaling_window: int = Field(
        default=60,
        ge=10,
        le=3600,
        description=(
            "Seconds of traffic that a scaling decision looks at, 10-3600. Baseten's default: 60."
        ),
        examples=[60],
    )
    scale_down_delay: int = Field(
        default=900,
        ge=0,
        le=3600,
        description=(
            "Seconds to wait before a replica is taken away, 0-3600. Baseten's default: 900."
        ),
        examples=[900],
    )
    concurrency_target: int = Field(
        default=1,
        ge=1,
        description=(
            "Requests that one replica handles at once before another is added. Baseten's default: "
            "1."
        ),
        examples=[1, 32],
    )
    target_utilization_percentage: int = Field(
        default=70,
        ge=1,
        le=100,
        description=(
            "Percent of concurrency_target at which scaling begins, 1-100. Baseten's default: 70."
        ),
        examples=[70],
    )
    target_in_flight_tokens: Maybe[int] = Field(
        default=None,
        ge=1,
        description=(
            "Tokens in flight that a replica should have (early access, BIS-LLM only). Cannot be "
            "unset on Baseten once it is set."
        ),
        examples=[40000],
    )
    max_scale_down_rate: int = Field(
        default=50,
        ge=1,
        le=50,
        description=(
            "Percent of replicas that may go in one window, 1-50. Cannot be unset on Baseten once "
            "it is set; its default is 50."
        ),
        examples=[20],
    )


class RollingDeployConfig(Strict):
    """How a rolling promotion exchanges replicas. One of surge and unavailable is above 0."""

    rolling_deploy_strategy: Literal["REPLICA"] = Field(
        default="REPLICA", description="Replica by replica, the only strategy there is."
    )
    max_surge_percent: int = Field(
        default=10,
        ge=0,
        le=50,
        description="Percent of replicas added before old ones go, 0-50.",
        examples=[25],
    )
    max_unavailable_percent: int = Field(
        default=0,
        ge=0,
        le=50,
        description="Percent of replicas taken away before new ones come, 0-50.",
        examples=[0],
    )
    stabilization_time_seconds: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds to wait between steps, 0-3600. Baseten's default: 0.",
        examples=[60],
    )
    replica_overhead_percent: int = Field(
        default=0,
        ge=0,
        le=500,
        description=(
            "Percent of replicas added as headroom while the rollout runs, 0-500. Baseten's "
            "default: 0."
        ),
        examples=[0],
    )


class Promotion(Strict):
    """Promotion settings of an environment. Only those that are written are managed."""

    redeploy_on_promotion: bool = Field(
        default=False,
        description=(
            "Whether every promotion makes a fresh deployment from the same image, with a new id. "
            "Baseten's default: false."
        ),
    )
    rolling_deploy: bool = Field(
        default=False,
        description=(
            "Whether a promotion moves traffic step by step. Newly made environments get this "
            "value sent explicitly, false where it is not written."
        ),
        examples=[True],
    )
    promotion_cleanup_strategy: Literal["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"] = Field(
        default="SCALE_TO_ZERO",
        description=(
            "What happens to the previous deployment: KEEP it running (and billed), SCALE_TO_ZERO, "
            "or DEACTIVATE. Never deleted. Baseten's default: SCALE_TO_ZERO."
        ),
    )
    rolling_deploy_config: RollingDeployConfig = Field(
        default_factory=RollingDeployConfig,
        description=(
            "How a rolling promotion exchanges replicas; idle while rolling_deploy is false."
        ),
    )
    ramp_up_while_promoting: Literal[False] = Field(
        default=False,
        description=(
            "The old canary ramp, which Baseten refuses for models: only false can be written. Use "
            "rolling_deploy."
        ),
    )
    ramp_up_duration_seconds: int = Field(
        default=600,
        ge=0,
        description="Seconds of the old canary ramp; without effect on models.",
    )


class Backpressure(Strict):
    """What happens to requests when every replica is full."""

    policy: Literal["QUEUE_ON_FULL", "REJECT_ON_FULL"] | None = Field(
        description=(
            "QUEUE_ON_FULL: they wait. REJECT_ON_FULL: they get 429. null: Baseten's own way, and "
            "a policy set before is taken away."
        ),
        examples=["REJECT_ON_FULL"],
    )


class ScheduledAutoscaling(Strict):
    """Autoscaling while a schedule is in force; what is not written follows the environment."""

    min_replica: int = Field(ge=0, description="Replicas that always run.", examples=[4])
    max_replica: int = Field(ge=1, description="Replicas at most.", examples=[20])
    autoscaling_window: Maybe[int] = Field(
        default=None, ge=10, le=3600, description="Seconds of traffic looked at, 10-3600."
    )
    scale_down_delay: Maybe[int] = Field(
        default=None, ge=0, le=3600, description="Seconds before a replica goes, 0-3600."
    )
    concurrency_target: Maybe[int] = Field(
        default=None, ge=1, description="Requests that one replica handles at once."
    )
    target_utilization_percentage: Maybe[int] = Field(
        default=None, ge=1, le=100, description="Percent at which scaling begins, 1-100."
    )
    target_in_flight_tokens: Maybe[int] = Field(
        default=None, ge=1, description="Tokens in flight per replica (early access)."
    )
    max_scale_down_rate: Maybe[int] = Field(
        default=None,
        ge=1,
        le=50,
        description="Percent of replicas that may go in one window, 1-50.",
    )


def _moment(value: Any) -> str:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return value
    return refuse(f"must be a time with its zone such as 2026-12-24T18:00:00Z, not {shown(value)}")


Moment: TypeAlias = Annotated[
    str,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
_ZONE: Final = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"


class _Schedule(Strict):
    enabled: bool = Field(
        default=True, description="Whether the schedule is in force. Default: true."
    )
    autoscaling: ScheduledAutoscaling = Field(description="Autoscaling while it is in force.")
    timezone: str = Field(
        default="UTC",
        pattern=_ZONE,
        description="IANA time zone, the same in all schedules of an environment. Default: UTC.",
        examples=["Europe/Berlin"],
    )


class Daily(_Schedule):
    """A window on some weekdays, from a time of day to another."""

    cadence: Literal["DAILY"] = Field(description="A window a day, on the weekdays named.")
    weekdays: list[Weekday] = Field(min_length=1, description="The weekdays, in capitals.")
    start_hour: int = Field(ge=0, le=23, description="Hour at which the window opens, 0-23.")
    start_minute: int = Field(default=0, ge=0, le=59, description="Minute at which it opens, 0-59.")
    end_hour: int = Field(ge=0, le=23, description="Hour at which the window closes, 0-23.")
    end_minute: int = Field(default=0, ge=0, le=59, description="Minute at which it closes, 0-59.")


class Hourly(_Schedule):
    """A window of minutes in every hour of some weekdays."""

    cadence: Literal["HOURLY"] = Field(description="A window every hour, on the weekdays named.")
    weekdays: list[Weekday] = Field(min_length=1, description="The weekdays, in capitals.")
    start_hour: Maybe[int] = Field(
        default=None, ge=0, le=23, description="First hour; absent: all."
    )
    start_minute: int = Field(ge=0, le=59, description="Minute at which the window opens, 0-59.")
    end_hour: Maybe[int] = Field(default=None, ge=0, le=23, description="Last hour; absent: all.")
    end_minute: int = Field(ge=0, le=59, description="Minute at which it closes, 0-59.")


class OneTime(_Schedule):
    """One window; skipped once it is past."""

    cadence: Literal["ONE_TIME"] = Field(description="Once.")
    start_at: Moment = Field(description="When the window opens (inclusive), with a time zone.")
    end_at: Moment = Field(description="When it closes (exclusive), with a time zone.")


Schedule: TypeAlias = Annotated[Daily | Hourly | OneTime, Field(discriminator="cadence")]
