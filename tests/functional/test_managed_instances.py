"""Instances that a service of AWS manages, such as the nodes of EKS Auto Mode, which EC2 hides by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.moto import ec2
from tests.functional.views import admitted, audit, calls, in_dns, kinds, see_healthy, wait

if TYPE_CHECKING:
    from lab.world import Lab


def test_a_managed_instance_with_the_pool_tag_is_a_member_like_any_other(lab: Lab) -> None:
    node = lab.fleet.launch()
    ec2.put_operator(node, "eks.amazonaws.com")
    lab.settle()
    see_healthy(lab, [node])
    assert in_dns(lab) == {node}

    lab.fleet.terminate(node)
    lab.settle()

    assert in_dns(lab) == set()


def test_a_member_that_its_account_hides_stays_in_dns(lab: Lab) -> None:
    (node,) = admitted(lab, 1)
    ec2.put_operator(node, "ecs.amazonaws.com")

    report = audit(lab, {"repair": True})
    wait(lab, 600)

    assert (in_dns(lab), kinds(report)) == ({node}, {})


def test_the_events_of_a_managed_instance_without_the_pool_tag_cost_no_call(lab: Lab) -> None:
    admitted(lab, 1)
    lab.route53.reset_calls()

    node = lab.fleet.launch(pools=())
    ec2.put_operator(node, "eks.amazonaws.com")
    wait(lab, 150)
    lab.fleet.terminate(node)
    lab.settle()

    assert calls(lab) == {}
