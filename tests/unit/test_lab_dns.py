from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from lab.route53.api import Route53
from lab.route53.dns import NameServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.route53.answers import Answer


@pytest.fixture
def route53() -> Route53:
    account = Route53()
    account.call("CreateHostedZone", {"Name": "example.com", "CallerReference": "zone"})
    return account


def zone_id(account: Route53) -> str:
    (zone,) = account.call("ListHostedZones", {})["HostedZones"]
    return str(zone["Id"].removeprefix("/hostedzone/"))


def put(account: Route53, name: str, values: list[str], kind: str = "A", **settings: Any) -> None:
    put_set(account, name, kind, TTL=60, ResourceRecords=[{"Value": v} for v in values], **settings)


def put_alias(account: Route53, name: str, target: str, **settings: Any) -> None:
    alias = {"HostedZoneId": zone_id(account), "DNSName": target, "EvaluateTargetHealth": False} | settings
    put_set(account, name, "A", AliasTarget=alias)


def put_set(account: Route53, name: str, kind: str, **settings: Any) -> None:
    change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": kind, **settings}}]}
    account.call("ChangeResourceRecordSets", {"HostedZoneId": zone_id(account), "ChangeBatch": change})


def member(
    account: Route53, number: int, *, healthy: bool | None = True, name: str = "app.example.com", **policy: Any
) -> None:
    address = f"52.95.0.{number}"
    config = {"Type": "HTTP", "IPAddress": address, "Port": 80}
    created = account.call("CreateHealthCheck", {"CallerReference": address, "HealthCheckConfig": config})
    check = created["HealthCheck"]["Id"]
    if healthy is not None:
        account.observe(check, "us-east-1", healthy, "Success" if healthy else "Failure")
    put(account, name, [address], SetIdentifier=address, HealthCheckId=check, **policy or {"MultiValueAnswer": True})


def ask(account: Route53, name: str = "app.example.com", kind: str = "A") -> Answer:
    return account.answer(name, kind, random.Random(1))


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
    answers = {frozenset(route53.answer("app.example.com", "A", random.Random(n)).values) for n in range(5)}
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


def drawn(account: Route53, count: int = 300) -> list[tuple[str, ...]]:
    source = random.Random(1)
    return [account.answer("app.example.com", "A", source).values for _ in range(count)]


def test_weighted_records_are_answered_in_proportion_to_their_weights(route53: Route53) -> None:
    for number, weight in ((1, 30), (2, 10), (3, 0)):
        member(route53, number, Weight=weight)
    answers = drawn(route53)
    assert {*answers} == {("52.95.0.1",), ("52.95.0.2",)}
    assert 200 < answers.count(("52.95.0.1",)) < 250


@pytest.mark.parametrize(
    ("healthy", "answered"),
    [
        ({1: True, 2: False, 3: True}, {1}),
        ({1: False, 2: False, 3: True}, {3}),
        ({1: False, 2: False, 3: False}, {1, 2}),
    ],
)
def test_an_unhealthy_weighted_record_is_left_out_while_another_is_healthy(
    route53: Route53, healthy: dict[int, bool], answered: set[int]
) -> None:
    for number, weight in ((1, 10), (2, 10), (3, 0)):
        member(route53, number, healthy=healthy[number], Weight=weight)
    assert {*drawn(route53)} == {(f"52.95.0.{number}",) for number in answered}


@pytest.mark.parametrize(
    ("primary", "secondary", "answered"), [(True, True, 1), (True, False, 1), (False, True, 2), (False, False, 1)]
)
def test_the_primary_answers_unless_it_alone_is_unhealthy(
    route53: Route53, answered: int, *, primary: bool, secondary: bool
) -> None:
    member(route53, 2, healthy=secondary, Failover="SECONDARY")
    member(route53, 1, healthy=primary, Failover="PRIMARY")
    assert ask(route53).values == (f"52.95.0.{answered}",)


def test_an_alias_is_answered_with_its_targets_values_and_ttl(route53: Route53) -> None:
    member(route53, 1)
    put_alias(route53, "www.example.com", "app.example.com")
    put_alias(route53, "old.example.com", "www.example.com.")
    found = ask(route53, "old.example.com")
    assert (found.record_type, found.values, found.ttl) == ("A", ("52.95.0.1",), 60)


def test_an_alias_that_evaluates_its_target_is_as_healthy_as_that(route53: Route53) -> None:
    member(route53, 1, healthy=False, name="east.example.com")
    member(route53, 2, name="west.example.com")
    for role, name in (("PRIMARY", "east"), ("SECONDARY", "west")):
        alias = {
            "HostedZoneId": zone_id(route53),
            "DNSName": f"{name}.example.com",
            "EvaluateTargetHealth": True,
        }
        put_set(route53, "app.example.com", "A", SetIdentifier=name, Failover=role, AliasTarget=alias)
    assert ask(route53).values == ("52.95.0.2",)


def test_a_cname_is_followed_within_its_zone(route53: Route53) -> None:
    member(route53, 1)
    put(route53, "www.example.com", ["App.example.com"], "CNAME")
    put(route53, "old.example.com", ["www.example.com"], "CNAME")
    found = ask(route53, "old.example.com")
    assert (found.record_type, found.values) == ("A", ("52.95.0.1",))
    assert [(str(each.owner), each.target) for each in found.cnames] == [
        ("old.example.com.", "www.example.com"),
        ("www.example.com.", "App.example.com"),
    ]
    assert ask(route53, "old.example.com", "CNAME").values == ("www.example.com",)


def test_a_cname_that_leaves_its_zone_is_answered_alone(route53: Route53) -> None:
    put(route53, "www.example.com", ["www.example.net"], "CNAME")
    found = ask(route53, "www.example.com")
    assert (found.record_type, found.values, found.cnames) == ("CNAME", ("www.example.net",), ())


def test_a_cname_to_a_missing_name_is_answered_with_nxdomain(route53: Route53) -> None:
    put(route53, "www.example.com", ["gone.example.com"], "CNAME")
    found = ask(route53, "www.example.com")
    assert (found.rcode, found.values, len(found.cnames)) == ("NXDOMAIN", (), 1)
    assert found.soa


def test_cnames_that_lead_to_each_other_end(route53: Route53) -> None:
    put(route53, "a.example.com", ["b.example.com"], "CNAME")
    put(route53, "b.example.com", ["a.example.com"], "CNAME")
    assert ask(route53, "a.example.com").record_type == "CNAME"


@pytest.fixture
def server(route53: Route53) -> Iterator[NameServer]:
    with NameServer(route53, random.Random(1)) as server:
        yield server


def query(name: str = "app.example.com", kind: str = "A", **settings: Any) -> dns.message.Message:
    return dns.message.make_query(name, kind, **settings)


def over_udp(server: NameServer, asked: dns.message.Message) -> dns.message.Message:
    return dns.query.udp(asked, server.host, port=server.port, timeout=5)


def test_the_server_writes_each_cname_with_its_owner(route53: Route53, server: NameServer) -> None:
    member(route53, 1)
    put(route53, "*.old.example.com", ["app.example.com"], "CNAME")
    reply = over_udp(server, query("Any.old.example.com"))
    assert [each.to_text() for each in reply.answer] == [
        "Any.old.example.com. 60 IN CNAME app.example.com.",
        "app.example.com. 60 IN A 52.95.0.1",
    ]


def test_octal_escapes_are_answered_as_the_bytes_that_they_are(route53: Route53, server: NameServer) -> None:
    put(route53, "app.example.com", ['"\\344" "a"'], "TXT")
    (found,) = over_udp(server, query(kind="TXT")).answer
    assert next(iter(found)).strings == (b"\xe4", b"a")


def test_what_the_server_cannot_answer_is_servfail(route53: Route53, server: NameServer) -> None:
    alias = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": "d1.cloudfront.net", "EvaluateTargetHealth": False}
    put_set(route53, "app.example.com", "A", AliasTarget=alias)
    assert over_udp(server, query()).rcode() == dns.rcode.SERVFAIL


def test_a_name_in_no_zone_is_refused_without_authority(server: NameServer) -> None:
    for name in (".", "example.org"):
        reply = over_udp(server, query(name))
        assert (reply.rcode(), reply.flags & dns.flags.AA) == (dns.rcode.REFUSED, 0)


def test_the_server_speaks_edns_to_clients_that_do(route53: Route53, server: NameServer) -> None:
    member(route53, 1)
    assert over_udp(server, query()).edns == -1
    reply = over_udp(server, query(use_edns=0, payload=1232))
    assert (reply.edns, reply.payload, reply.rcode()) == (0, 4096, dns.rcode.NOERROR)
    assert over_udp(server, query(use_edns=1)).rcode() == dns.rcode.BADVERS


def test_an_answer_that_is_too_long_for_the_client_is_truncated_and_whole_over_tcp(
    route53: Route53, server: NameServer
) -> None:
    put(route53, "app.example.com", [f"52.95.0.{number}" for number in range(1, 101)])
    short = over_udp(server, query())
    assert short.flags & dns.flags.TC
    assert len(short.to_wire()) <= 512
    assert over_udp(server, query(use_edns=0, payload=1232)).flags & dns.flags.TC
    assert len(over_udp(server, query(use_edns=0, payload=4096)).answer[0]) == 100
    assert len(dns.query.tcp(query(), server.host, port=server.port, timeout=5).answer[0]) == 100


def test_several_questions_are_answered_on_one_connection(route53: Route53, server: NameServer) -> None:
    member(route53, 1)
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        replies = [
            dns.query.tcp(query(name), server.host, sock=connection, timeout=5)
            for name in ("app.example.com", "gone.example.com", "app.example.com")
        ]
    assert [each.rcode() for each in replies] == [dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.NOERROR]


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        (b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05ab", dns.rcode.FORMERR),
        (b"\x12\x34\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", dns.rcode.FORMERR),
        (b"\x12\x34\x10\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01", dns.rcode.NOTIMP),
        (b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x03", dns.rcode.REFUSED),
    ],
    ids=["cut short", "no question", "a status request", "class CHAOS"],
)
def test_a_message_of_another_class_than_in_is_answered_with_an_error(
    server: NameServer, wire: bytes, rcode: int
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(wire, (server.host, server.port))
        reply = client.recv(512)
    assert (reply[:2], reply[2] & 0x80, reply[3] & 0xF) == (b"\x12\x34", 0x80, rcode)


@pytest.mark.parametrize("protocol", [dns.query.udp, dns.query.tcp])
def test_the_server_answers_with_authority_and_without_recursion(route53: Route53, protocol: Any) -> None:
    member(route53, 1)
    with NameServer(route53, random.Random(1)) as server:
        reply = protocol(dns.message.make_query("app.example.com", "A"), server.host, port=server.port, timeout=5)
    assert reply.flags & dns.flags.AA
    assert not reply.flags & dns.flags.RA
    assert reply.answer[0].to_text() == "app.example.com. 60 IN A 52.95.0.1"


@pytest.mark.parametrize(("name", "kind"), [("x.sub.example.com", "A"), ("sub.example.com", "NS")])
def test_a_delegated_name_is_answered_with_the_name_servers_to_ask(
    route53: Route53, server: NameServer, name: str, kind: str
) -> None:
    put(route53, "sub.example.com", ["ns1.example.net", "ns2.example.net"], "NS")
    put(route53, "deep.x.sub.example.com", ["ns3.example.net"], "NS")
    reply = over_udp(server, query(name, kind))
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert not reply.flags & dns.flags.AA
    (servers,) = reply.authority
    assert (servers.name.to_text(), servers.ttl) == ("sub.example.com.", 60)
    assert {each.to_text() for each in servers} == {"ns1.example.net.", "ns2.example.net."}


def test_the_server_sends_the_soa_with_a_negative_answer(route53: Route53) -> None:
    with NameServer(route53, random.Random(1)) as server:
        query = dns.message.make_query("app.example.com", "A")
        reply = dns.query.udp(query, server.host, port=server.port, timeout=5)
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.authority[0].to_text().startswith("example.com. 900 IN SOA ")
