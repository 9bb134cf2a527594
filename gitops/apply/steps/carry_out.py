"""From a step to the procedure that carries it out."""

from __future__ import annotations

from typing import assert_never

from gitops.apply.job import Ended, Job
from gitops.apply.steps.activate import activate, retry
from gitops.apply.steps.cancel import cancel_promotion
from gitops.apply.steps.check import check
from gitops.apply.steps.follow import follow
from gitops.apply.steps.promote import promote
from gitops.apply.steps.push import push
from gitops.apply.steps.ready import ready
from gitops.apply.steps.record import record
from gitops.apply.steps.roll_back import roll_back
from gitops.apply.steps.settings import create_environment, restore_settings, update_settings
from gitops.apply.steps.wait import wait
from gitops.apply.steps.watching import watch
from gitops.decide.steps import (
    Activate,
    CancelPromotion,
    Check,
    CreateEnvironment,
    Follow,
    Promote,
    Push,
    Ready,
    Record,
    RestoreSettings,
    Retry,
    RollBack,
    Step,
    UpdateSettings,
    Wait,
    Watch,
)


def carry_out(job: Job, step: Step) -> Ended | None:  # noqa: C901, PLR0912 - one case a step
    """Do one step. None: decide again; ``Ended``: this environment goes no further in this run."""
    match step:
        case Push():
            return push(job, step)
        case Ready():
            return ready(job, step)
        case Check():
            return check(job, step)
        case Activate():
            return activate(job, step)
        case Retry():
            return retry(job, step)
        case CreateEnvironment():
            return create_environment(job, step)
        case UpdateSettings():
            return update_settings(job, step)
        case RestoreSettings():
            return restore_settings(job, step)
        case CancelPromotion():
            return cancel_promotion(job, step)
        case Promote():
            return promote(job, step)
        case Follow():
            return follow(job, step)
        case Watch():
            return watch(job, step)
        case Record():
            return record(job, step)
        case RollBack():
            with job.even_without_lease():
                return roll_back(job, step)
        case Wait():
            return wait(job, step)
        case _:
            assert_never(step)
