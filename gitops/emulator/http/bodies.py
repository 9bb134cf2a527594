"""Request bodies.

Where Baseten refuses unknown keys these forbid them, elsewhere they are ignored. What July
did not know is dropped or refused in that mode by the handlers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _near(moment: datetime) -> datetime:
    """Within what every clock and timezone here can show."""
    if not 1970 <= moment.year <= 9000:
        raise ValueError("the year is out of range")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_near)]


class _Lax(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AutoscalingUpdate(_Strict):
    """Every field optional; null is as omitted."""

    min_replica: int | None = None
    max_replica: int | None = None
    autoscaling_window: int | None = None
    scale_down_delay: int | None = None
    concurrency_target: int | None = None
    target_utilization_percentage: int | None = None
    target_in_flight_tokens: int | None = None
    max_scale_down_rate: int | None = Field(default=None, ge=1, le=50)


class RollingUpdate(_Lax):
    """Every field optional."""

    rolling_deploy_strategy: str | None = None
    max_surge_percent: int | None = None
    max_unavailable_percent: int | None = None
    stabilization_time_seconds: int | None = None
    replica_overhead_percent: int | None = None


class PromotionUpdate(_Lax):
    """Every field optional."""

    redeploy_on_promotion: bool | None = None
    rolling_deploy: bool | None = None
    promotion_cleanup_strategy: str | None = None
    rolling_deploy_config: RollingUpdate | None = None
    ramp_up_while_promoting: bool | None = None
    ramp_up_duration_seconds: int | None = None


class BackpressureUpdate(_Strict):
    """Here an explicit null clears the policy."""

    policy: Literal["QUEUE_ON_FULL", "REJECT_ON_FULL"] | None = None


class ScheduleValues(_Strict):
    """The settings of a schedule: all eight are required, null inherits."""

    min_replica: int
    max_replica: int
    autoscaling_window: int | None
    scale_down_delay: int | None
    concurrency_target: int | None
    target_utilization_percentage: int | None
    target_in_flight_tokens: int | None
    max_scale_down_rate: int | None


class RecurringSchedule(_Strict):
    """A schedule that comes back, daily or hourly."""

    id: str | None = None
    name: str
    enabled: bool
    autoscaling_settings: ScheduleValues
    cadence: Literal["DAILY", "HOURLY"]
    weekdays: list[str]
    start_hour: int | None = None
    start_minute: int
    end_hour: int | None = None
    end_minute: int


class OneTimeSchedule(_Strict):
    """A schedule with one window."""

    id: str | None = None
    name: str
    enabled: bool
    autoscaling_settings: ScheduleValues
    cadence: Literal["ONE_TIME"]
    start_at: Moment
    end_at: Moment


class ScheduleUpdate(_Strict):
    """Changes to an environment's schedules; what is not mentioned stays."""

    timezone: str | None = None
    schedules: (
        list[Annotated[RecurringSchedule | OneTimeSchedule, Field(discriminator="cadence")]] | None
    ) = None
    delete_schedules: list[str] | None = None


class RuleTarget(_Lax):
    """A deployment or an environment."""

    deployment_id: str | None = None
    environment: str | None = None


class RoutingRule(_Strict):
    """A rule as it is to be."""

    id: str | None = None
    type: str
    targets: list[RuleTarget]
    percent_traffic: int = Field(ge=1, le=100)
    expires_at: Moment
    sampling_mode: str
    propagate_client_cancellation: bool


class RoutingUpdate(_Strict):
    """Changes to an environment's traffic routing; deletes come first."""

    rules: list[RoutingRule] | None = None
    delete_rules: list[str] | None = None


class CreateEnvironment(_Lax):
    """`POST …/environments`."""

    name: str
    autoscaling_settings: AutoscalingUpdate | None = None
    promotion_settings: PromotionUpdate | None = None
    request_backpressure_settings: BackpressureUpdate | None = None


class UpdateEnvironment(_Strict):
    """`PATCH …/environments/{env}`."""

    autoscaling_settings: AutoscalingUpdate | None = None
    promotion_settings: PromotionUpdate | None = None
    request_backpressure_settings: BackpressureUpdate | None = None
    autoscaling_schedule_settings: ScheduleUpdate | None = None
    traffic_routing_settings: RoutingUpdate | None = None


class JulyUpdateEnvironment(_Strict):
    """The same, as July knew it."""

    autoscaling_settings: AutoscalingUpdate | None = None
    promotion_settings: PromotionUpdate | None = None


class EnvironmentSettings(_Lax):
    """`environment_settings_update` of both promotes."""

    region: str | None = None
    instance_type_id: str | None = None
    autoscaling_settings: AutoscalingUpdate | None = None
    request_backpressure_settings: BackpressureUpdate | None = None
    autoscaling_schedule_settings: ScheduleUpdate | None = None
    promotion_settings: PromotionUpdate | None = None


class Promote(_Lax):
    """`POST …/deployments/{id}/promote`: to production."""

    scale_down_previous_production: bool = True
    preserve_env_instance_type: bool = True
    environment_settings_update: EnvironmentSettings | None = None
    promotion_settings_override: PromotionUpdate | None = None


class PromoteToEnvironment(_Lax):
    """`POST …/environments/{env}/promote`."""

    deployment_id: str
    scale_down_previous_deployment: bool = True
    preserve_env_instance_type: bool = True
    environment_settings_update: EnvironmentSettings | None = None
    promotion_settings_override: PromotionUpdate | None = None


class DeploymentPayload(_Lax):
    """The `deployment` object of prepare and of both creates."""

    config: dict[str, Any]
    raw_config: str | None = None
    user_env: dict[str, Any] | None = None
    environment_name: str | None = None
    create_environment_if_missing: bool | None = None
    region: str | None = None
    preserve_env_instance_type: bool = True
    deploy_timeout_minutes: int | None = None
    deployment_name: str | None = None
    labels: dict[str, Any] | None = None
    is_development: bool = False
    autoscaling_settings: AutoscalingUpdate | None = None
    request_backpressure_settings: BackpressureUpdate | None = None
    autoscaling_schedule_settings: ScheduleUpdate | None = None
    promotion_settings_override: PromotionUpdate | None = None
    instance_type_id: str | None = None


class PrepareUpload(_Lax):
    """`POST /v1/prepare_model_upload`."""

    deployment: DeploymentPayload
    name: str | None = None
    team_id: str | None = None
    model_id: str | None = None
    dry_run: bool = False


class ModelSource(_Lax):
    """The source of a new model."""

    kind: Literal["model_archive"] = "model_archive"
    name: str
    deployment: DeploymentPayload
    s3_key: str | None = None
    disable_archive_download: bool = False


class CreateModel(_Lax):
    """`POST /v1/models`."""

    source: ModelSource


class DeploymentSource(_Lax):
    """The source of a new deployment."""

    kind: Literal["model_archive"] = "model_archive"
    deployment: DeploymentPayload
    s3_key: str | None = None


class CreateDeployment(_Lax):
    """`POST …/deployments`."""

    source: DeploymentSource


class Rename(_Strict):
    """`PATCH` of a model or a deployment."""

    name: str | None = Field(default=None, min_length=1, max_length=255)


class UpsertSecret(_Lax):
    """`POST …/secrets`."""

    name: str
    value: str


class CreateKey(_Lax):
    """`POST /v1/api_keys`, of a team or not."""

    type: str
    name: str | None = None
    model_ids: list[str] | None = None
    team_id: str | None = None


class ManageAccess(_Lax):
    """Who may manage a group; `user_ids` replaces the list, where it is sent."""

    is_restricted: bool
    user_ids: list[str] | None = None


class UpdateGroup(_Lax):
    """`PATCH …/environment_groups/{env}`."""

    manage_access: ManageAccess | None = None


class LogsRequest(_Lax):
    """The deprecated `POST …/logs`; the query of the GET has the same names."""

    start_epoch_millis: int | None = None
    end_epoch_millis: int | None = None
    direction: Literal["asc", "desc"] | None = None
    limit: int | None = Field(default=500, ge=1, le=1000)
    min_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    replica: str | None = Field(default=None, max_length=256)
    request_id: str | None = Field(default=None, max_length=256)
    component: str | None = Field(default=None, max_length=256)
    search_pattern: str | None = Field(default=None, max_length=256)
    includes: list[str] = Field(default_factory=list, max_length=8)
    excludes: list[str] = Field(default_factory=list, max_length=8)


def given(block: BaseModel | None) -> dict[str, Any] | None:
    """The fields of a block that were sent, or None where the block was not."""
    return None if block is None else block.model_dump(exclude_unset=True)
