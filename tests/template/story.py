"""A story in which the functions make every call that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scaling.hooks import launch_hook, terminate_hook
from tests.functional.views import admitted, allowed_zone, launched, see_healthy, signal

if TYPE_CHECKING:
    from lab.world import Lab


def tell(lab: Lab) -> None:
    """Do what makes the functions use every call they have."""
    lab.put_pool("api", hosted_zone_id=allowed_zone(lab, "example.net"), record_name="api.example.net")
    lab.fleet.create_group("web")
    first, _, spot = (*admitted(lab, 1), *admitted(lab, 1, group="web"), *admitted(lab, 1, spot=True))
    asked, late = launched(lab, 2)
    lab.fleet.terminate(first)
    lab.settle()
    lab.clock.advance(31)
    lab.settle()
    see_healthy(lab, [asked, late, spot])
    lab.send("no event")
    lab.settle()
    groups = lab.fleet.security_groups
    office = groups.create_prefix_list("office", ["203.0.113.0/24"])
    lab.fleet.launch(events=False, security_groups=[groups.create("office", [office])])
    lab.put_pool("changed", hosted_zone_id=lab.zone_id, health_check={"alarm": "ec2-status"})
    going, _ = launched(lab, 2, pools=("changed",))
    lab.fleet.terminate(going)
    lab.settle()
    lab.invoke("WidgetFunction", {"action": "repair"})
    lab.audit({"repair": True})
    lab.settle()
    tell_of_hooks(lab)
    lab.custom_resources["StackLifecycle"].update({**lab.deployment.custom["StackLifecycle"], "Settings": "others"})
    precondition = lab.custom_resources["StackPrecondition"]
    precondition.update({**lab.deployment.custom["StackPrecondition"], "PoolTagKey": "another"})
    lab.clock.advance(301)  # by then no run can be at work on the message that was returned
    assert lab.delete_stack() == "DELETE_COMPLETE"


def tell_of_hooks(lab: Lab) -> None:
    """Do what makes the functions complete, keep alive and look for lifecycle actions, and mark a member."""
    lab.fleet.create_group("hooked", 3, hooks=(launch_hook(heartbeat=30), terminate_hook(heartbeat=30)))
    for _ in range(20):
        lab.run(5, step=5)
        lab.report_serving()
    one, broken, _ = lab.fleet.members("hooked")
    lab.serving.break_(broken)
    lab.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=one, ShouldDecrementDesiredCapacity=False
    )
    lab.run(10, step=5)
    lab.audit()
    lab.invoke("WidgetFunction", {})
    signal(lab)
    for turn in range(60):
        lab.run(15, step=15)
        lab.report_serving()
        if turn % 10 == 0:
            lab.invoke("WidgetFunction", {})  # one of them sees the broken member before a repair marks it
