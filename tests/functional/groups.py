"""Auto Scaling groups in a test: letting time pass, acting as an operator, and reading states and requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from lab.moto.autoscaling import ScalingError
from lab.moto.bus import Bus
from lab.route53.check_config import REGIONS
from lab.scaling.hooks import Hooks, launch_hook, terminate_hook
from tests.functional.views import checks, in_dns

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lab.scaling.fleet import WarmPool
    from lab.scaling.hooks import Hook
    from lab.world import Lab

GROUP: Final = "fleet"
LAUNCH: Final = "EC2 Instance-launch Lifecycle Action"
TERMINATE: Final = "EC2 Instance-terminate Lifecycle Action"
may_deny: Final = pytest.mark.filterwarnings("ignore:.* with code AccessDenied does not match:UserWarning")
"""For tests in which Auto Scaling answers AccessDenied: moto warns that no service model has that error."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request about a lifecycle action; `refusal` is Auto Scaling's error, None if the request succeeded."""

    at: datetime
    hook: str
    token: str | None
    instance_id: str | None
    result: str | None
    refusal: str | None


# -- letting time pass


def observe(lab: Lab) -> None:
    """Make every region's checker see whether each instance serves now, and publish the metrics once."""
    seen = {
        check_id: lab.serving.refusal(str(check["HealthCheckConfig"]["IPAddress"])) is None
        for check_id, check in checks(lab).items()
    }
    for check_id, serves in seen.items():
        status = "Success: HTTP Status Code 200, OK" if serves else "Failure: Connection timed out."
        for region in REGIONS:
            lab.route53.observe(check_id, region, serves, status)
    lab.health.publish()


def pass_time(lab: Lab, seconds: float, step: float = 5) -> None:
    """Let time pass, and make the checkers see at each step which instances serve."""
    for _ in range(round(seconds / step)):
        observe(lab)
        lab.run(step, step=step)


def in_service(
    lab: Lab, count: int, *hooks: Hook, name: str = GROUP, warm_pool: WarmPool | None = None, **options: Any
) -> list[str]:
    """Create a group with these hooks, by default fleet53's, and return its instances when all are in DNS."""
    hooked = hooks or (launch_hook(), terminate_hook())
    lab.fleet.create_group(name, count, hooks=hooked, warm_pool=warm_pool, **options)
    pass_time(lab, 120)
    members = [each for each, state in lab.fleet.members(name).items() if state == "InService"]
    assert len(members) == count
    assert set(members) <= in_dns(lab)
    return members


# -- acting as an operator


def terminate(lab: Lab, instance_id: str, *, replace: bool = False) -> None:
    """Terminate an instance through its group's hooks; with `replace` the group launches another."""
    lab.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=not replace
    )


def resize(lab: Lab, desired: int, name: str = GROUP) -> None:
    """Set a group's desired capacity."""
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=desired)


def complete(lab: Lab, hook: str, instance_id: str) -> None:
    """Complete a lifecycle action as an operator, with CONTINUE."""
    lab.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=GROUP,
        LifecycleHookName=hook,
        LifecycleActionResult="CONTINUE",
        InstanceId=instance_id,
    )


# -- states, events and requests


def state_of(lab: Lab, instance_id: str) -> str | None:
    """Return an instance's lifecycle state; None if it is in no group."""
    described = lab.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance_id])
    return next((str(each["LifecycleState"]) for each in described["AutoScalingInstances"]), None)


def events(lab: Lab, kind: str, instance_id: str | None = None) -> list[dict[str, Any]]:
    """Return the events of a detail-type that were sent, about one instance or about all."""
    return [
        event
        for event in lab.bus.sent
        if event["detail-type"] == kind and instance_id in (None, event["detail"].get("EC2InstanceId"))
    ]


def watch(monkeypatch: pytest.MonkeyPatch, operation: str, refuse: Callable[[], object]) -> list[Asked]:
    """Return a list that will hold each request to `complete` or `heartbeat`; `refuse` may refuse it first."""
    asked: list[Asked] = []
    as_the_lab = getattr(Hooks, operation)

    def answer(hooks: Hooks, group: str, name: str, *rest: str | None) -> None:
        result = rest[0] if operation == "complete" else None
        token, instance_id = rest[-2:]
        try:
            refuse()
            as_the_lab(hooks, group, name, *rest)
        except ScalingError as error:
            asked.append(Asked(hooks.now(), name, token, instance_id, result, str(error)))
            raise
        asked.append(Asked(hooks.now(), name, token, instance_id, result, None))

    monkeypatch.setattr(Hooks, operation, answer)
    return asked


def completions(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Return a list that will hold each request to complete a lifecycle action."""
    return watch(monkeypatch, "complete", object)


def heartbeats(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Return a list that will hold each heartbeat of a lifecycle action."""
    return watch(monkeypatch, "heartbeat", object)


def lose(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    """Lose every event of these detail-types from now on, as best-effort delivery may."""
    as_told = Bus.deliver

    def deliver(bus: Bus, event: dict[str, Any]) -> tuple[str, ...]:
        if event["detail-type"] not in kinds:
            return as_told(bus, event)
        bus.sent.append(event)
        return ()

    monkeypatch.setattr(Bus, "deliver", deliver)
