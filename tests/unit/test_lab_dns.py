from __future__ import annotations

import random
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from lab.route53.api import Route53
from lab.route53.dns import Answer, NameServer, answer


@pytest.fixture
def route53() -> Route53:
    account = Route53()
    account.call("CreateHostedZone", {"Name": "example.com", "CallerReference": "zone"})
    return account


def put(account: Route53, name: str, values: list[str], kind: str = "A", **settings: Any) -> None:
    (zone,) = account.call("ListHostedZones", {})["HostedZones"]
    record = {
        "Name": name,
        "Type": kind,
        "TTL": 60,
        "ResourceRecords": [{"Value": v} for v in values],
        **settings,
    }
    change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    zone_id = zone["Id"].removeprefix("/hostedzone/")
    account.call("ChangeResourceRecordSets", {"HostedZoneId": zone_id, "ChangeBatch": change})


def member(account: Route53, number: int, *, healthy: bool | None = True, name: str = "app.example.com") -> None:
    address = f"52.95.0.{number}"
    config = {"Type": "HTTP", "IPAddress": address, "Port": 80}
    created = account.call("CreateHealthCheck", {"CallerReference": address, "HealthCheckConfig": config})
    check = created["HealthCheck"]["Id"]
    if healthy is not None:
        account.observe(check, "us-east-1", healthy, "Success" if healthy else "Failure")
    put(account, name, [address], SetIdentifier=address, MultiValueAnswer=True, HealthCheckId=check)


def ask(account: Route53, name: str = "app.example.com", kind: str = "A") -> Answer:
    return answer(account, name, kind, random.Random(1))


def test_an_answer_holds_every_healthy_record_with_its_ttl(route53: Route53) -> None:
    for number in (1, 2):
        member(route53, number)
    found = ask(route53)
    assert (set(found.values), found.ttl, found.rcode) == ({"52.95.0.1", "52.95.0.2"}, 60, "NOERROR")


def test_an_unhealthy_record_is_left_out(route53: Route53) -> None:
    member(route53, 1)
    member(route53, 2, healthy=False)
    assert ask(route53).values == ("52.95.0.1",)


def test_a_check_without_data_counts_as_healthy(route53: Route53) -> None:
    member(route53, 1, healthy=None)
    assert ask(route53).values == ("52.95.0.1",)


def test_all_records_are_answered_when_none_is_healthy(route53: Route53) -> None:
    for number in (1, 2):
        member(route53, number, healthy=False)
    assert set(ask(route53).values) == {"52.95.0.1", "52.95.0.2"}


def test_an_answer_holds_eight_random_records_of_many(route53: Route53) -> None:
    for number in range(1, 13):
        member(route53, number)
    answers = {frozenset(answer(route53, "app.example.com", "A", random.Random(n)).values) for n in range(5)}
    assert {len(each) for each in answers} == {8}
    assert len(answers) > 1


def test_a_simple_record_is_answered_whole(route53: Route53) -> None:
    put(route53, "old.example.com", ["52.95.1.1", "52.95.1.2"])
    assert ask(route53, "old.example.com").values == ("52.95.1.1", "52.95.1.2")


def test_a_wildcard_answers_for_names_that_do_not_exist(route53: Route53) -> None:
    member(route53, 1, name="*.example.com")
    assert ask(route53, "anything.example.com").values == ("52.95.0.1",)
    assert ask(route53, "any.thing.example.com").values == ("52.95.0.1",)


def test_a_wildcard_does_not_reach_below_a_name_that_exists(route53: Route53) -> None:
    member(route53, 1, name="*.example.com")
    put(route53, "old.example.com", ["52.95.1.1"])
    assert ask(route53, "below.old.example.com").rcode == "NXDOMAIN"


def test_a_name_without_records_does_not_exist(route53: Route53) -> None:
    found = ask(route53)
    assert (found.rcode, found.values, found.ttl) == ("NXDOMAIN", (), 900)
    assert found.soa


def test_a_name_without_records_of_the_type_exists(route53: Route53) -> None:
    member(route53, 1)
    found = ask(route53, kind="AAAA")
    assert (found.rcode, found.values) == ("NOERROR", ())
    assert found.soa


def test_a_name_in_no_hosted_zone_is_refused(route53: Route53) -> None:
    assert ask(route53, "www.example.org").rcode == "REFUSED"


@pytest.mark.parametrize("protocol", [dns.query.udp, dns.query.tcp])
def test_the_server_answers_with_authority_and_without_recursion(route53: Route53, protocol: Any) -> None:
    member(route53, 1)
    with NameServer(route53, random.Random(1)) as server:
        reply = protocol(dns.message.make_query("app.example.com", "A"), server.host, port=server.port, timeout=5)
    assert reply.flags & dns.flags.AA
    assert not reply.flags & dns.flags.RA
    assert reply.answer[0].to_text() == "app.example.com. 60 IN A 52.95.0.1"


def test_the_server_sends_the_soa_with_a_negative_answer(route53: Route53) -> None:
    with NameServer(route53, random.Random(1)) as server:
        query = dns.message.make_query("app.example.com", "A")
        reply = dns.query.udp(query, server.host, port=server.port, timeout=5)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.authority[0].to_text().startswith("example.com. 900 IN SOA ")
