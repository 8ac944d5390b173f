from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet53.config.claims import read_pools
from fleet53.config.pools import Allowed, PoolFault, normal_name, read_pool, record_type_of
from fleet53.domain.alarm import AlarmSettings
from fleet53.domain.finding import FindingKind
from fleet53.domain.health_check import CheckSettings
from fleet53.domain.ids import IPAddress, PoolName, ZoneId
from fleet53.domain.pool import AddressType, AdmitWhen, Pool
from fleet53.domain.record import RecordType

WEB = "/fleet53/fleet53/pools/web"
PLAIN: dict[str, Any] = {"hosted_zone_id": "Z0123456789ABC", "record_name": "app.example.com"}
NAME_FORM = "Input should be a DNS name such as app.example.com or *.example.com"
URL_FORMS = "Input should be one of http://[host][:port][/path], https://[host][:port][/path], tcp://:port"
REGIONS = (
    "Input should be at least 3 different regions of ap-northeast-1, ap-southeast-1, ap-southeast-2, eu-west-1, "
    "sa-east-1, us-east-1, us-west-1, us-west-2"
)


def allowed(*names: str) -> Allowed:
    return Allowed(frozenset({ZoneId("Z0123456789ABC")}), frozenset(names))


def declare(**keys: Any) -> str:
    return json.dumps(PLAIN | keys)


def read(text: str) -> Pool:
    pool = read_pool(WEB, text)
    assert isinstance(pool, Pool), pool
    return pool


def fault(text: str) -> str:
    found = read_pool(WEB, text)
    assert isinstance(found, PoolFault), found
    assert (found.name, found.kind) == ("web", FindingKind.INVALID_POOL)
    return found.because


def test_the_least_a_pool_says_is_its_zone_and_its_name() -> None:
    assert read(declare()) == Pool(
        name=PoolName("web"),
        zone_id=ZoneId("Z0123456789ABC"),
        record_name="app.example.com",
        ttl=60,
        address=AddressType.PUBLIC_IPV4,
        interface=None,
        check=CheckSettings("http", 80, None, "/", interval=30, failure_threshold=3, search_string=None, regions=None),
        admit_when=AdmitWhen.HEALTHY,
        fallback=None,
    )


def test_the_example_of_the_contract_is_the_same_pool() -> None:
    text = """
    {"hosted_zone_id": "Z0123456789ABC", "record_name": "app.example.com", "ttl": 60, "address": "public-ipv4",
     "health_check": {"url": "http://:80/", "interval": 30, "failure_threshold": 3, "search_string": null,
                      "regions": null},
     "admit_when": "healthy", "fallback": null}
    """
    assert read(text) == read(declare())


def test_every_setting_is_read() -> None:
    regions = ["us-east-1", "eu-west-1", "sa-east-1"]
    asks = {
        "url": "https://app.example.com:8443/health?deep=1",
        "interval": 10,
        "failure_threshold": 1,
        "search_string": "ready",
        "regions": regions,
    }
    text = declare(
        ttl=5, address="dualstack", interface=1, health_check=asks, admit_when="running", fallback="2001:db8::9"
    )
    assert read(text) == Pool(
        name=PoolName("web"),
        zone_id=ZoneId("Z0123456789ABC"),
        record_name="app.example.com",
        ttl=5,
        address=AddressType.DUALSTACK,
        interface=1,
        check=CheckSettings("https", 8443, "app.example.com", "/health?deep=1", 10, 1, "ready", frozenset(regions)),
        admit_when=AdmitWhen.RUNNING,
        fallback=IPv6Address("2001:db8::9"),
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("App.Example.COM.", "app.example.com"),
        ("*.example.com", "*.example.com"),
        ("example.com", "example.com"),
        ("_sip.example.com", "_sip.example.com"),
        ("xn--bcher-kva.example.com", "xn--bcher-kva.example.com"),
        (f"{'a' * 63}.example.com", f"{'a' * 63}.example.com"),
    ],
)
def test_a_record_name_is_compared_lower_case_and_without_the_trailing_dot(written: str, meant: str) -> None:
    assert read(declare(record_name=written)).record_name == meant
    assert normal_name(written) == meant


@pytest.mark.parametrize(
    ("url", "protocol", "host", "port", "path"),
    [
        ("http://:80/", "http", None, 80, "/"),
        ("http://", "http", None, 80, "/"),
        ("http://:8080", "http", None, 8080, "/"),
        ("http://app.example.com", "http", "app.example.com", 80, "/"),
        ("http://App.Example.com:8080/a/b?c=d", "http", "app.example.com", 8080, "/a/b?c=d"),
        ("https://", "https", None, 443, "/"),
        ("https://app.example.com/health", "https", "app.example.com", 443, "/health"),
        ("https://:8443/?x", "https", None, 8443, "/?x"),
        ("tcp://:5432", "tcp", None, 5432, None),
        ("tcp://:65535", "tcp", None, 65535, None),
    ],
)
def test_a_url_is_a_protocol_a_host_header_a_port_and_a_path(
    url: str, protocol: str, host: str | None, port: int, path: str | None
) -> None:
    asks = read(declare(health_check={"url": url})).check
    assert isinstance(asks, CheckSettings)
    assert (asks.protocol, asks.host, asks.port, asks.path) == (protocol, host, port, path)


@pytest.mark.parametrize("address", ["private-ipv4", "public-ipv4", "dualstack"])
@pytest.mark.parametrize(
    ("alarm", "meant"),
    [("ec2-status", None), ("app-{instance_id}-down", "app-{instance_id}-down"), ("{instance_id}", "{instance_id}")],
)
def test_a_health_check_may_follow_an_alarm_with_every_type_of_address(
    alarm: str, meant: str | None, address: str
) -> None:
    found = read(declare(address=address, health_check={"alarm": alarm}))
    assert found.check == AlarmSettings(meant)


def test_an_alarm_that_is_null_is_none() -> None:
    assert read(declare(health_check={"url": "http://:80/", "alarm": None})) == read(declare())


def test_all_eight_regions_are_the_same_as_none() -> None:
    every = ["us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "sa-east-1"]
    asks = read(declare(health_check={"regions": [*every, "ap-northeast-1"]})).check
    assert isinstance(asks, CheckSettings)
    assert asks.regions is None


def test_a_pool_without_a_health_check_admits_running_members() -> None:
    pool = read(declare(health_check=None, admit_when="running", address="private-ipv4"))
    assert (pool.check, pool.admit_when, pool.address) == (None, AdmitWhen.RUNNING, AddressType.PRIVATE_IPV4)


@pytest.mark.parametrize(
    ("address", "fallback", "meant"),
    [
        ("public-ipv4", "198.51.100.9", IPv4Address("198.51.100.9")),
        ("ipv6", "2001:db8::9", IPv6Address("2001:db8::9")),
        ("dualstack", "198.51.100.9", IPv4Address("198.51.100.9")),
        ("dualstack", "2001:DB8::9", IPv6Address("2001:db8::9")),
    ],
)
def test_a_fallback_is_an_address_of_a_family_the_pool_has(address: str, fallback: str, meant: IPAddress) -> None:
    assert read(declare(address=address, fallback=fallback)).fallback == meant


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "not JSON (Invalid JSON: EOF while parsing a value at line 1 column 0)"),
        ("web", "not JSON (Invalid JSON: expected value at line 1 column 1)"),
        ("[]", "Input should be an object"),
        ("null", "Input should be an object"),
        ('"Z1"', "Input should be an object"),
        ("{}", "hosted_zone_id is missing; record_name is missing"),
        (declare(colour="red"), "colour is an unknown key"),
        (declare(TTL=60), "TTL is an unknown key"),
        (declare(health_check={"port": 80}), "health_check.port is an unknown key"),
        (
            declare(hosted_zone_id="/hostedzone/Z1"),
            "hosted_zone_id='/hostedzone/Z1' is refused: String should match pattern '^[A-Za-z0-9]{1,32}$'",
        ),
        (
            declare(hosted_zone_id="Z" + "1" * 32),
            f"hosted_zone_id='Z{'1' * 32}' is refused: String should match pattern '^[A-Za-z0-9]{{1,32}}$'",
        ),
        (declare(hosted_zone_id=None), "hosted_zone_id=None is refused: Input should be a valid string"),
        (
            declare(record_name="a..example.com"),
            f"record_name='a..example.com' is refused: {NAME_FORM}",
        ),
        (
            declare(record_name="a.*.example.com"),
            f"record_name='a.*.example.com' is refused: {NAME_FORM}",
        ),
        (
            declare(record_name=""),
            f"record_name='' is refused: {NAME_FORM}",
        ),
        (
            declare(record_name=f"{'a' * 64}.example.com"),
            (f"record_name is refused: {NAME_FORM}"),
        ),
        (
            declare(record_name="a." * 127 + "ab"),
            "record_name is refused: String should have at most 255 characters",
        ),
        (declare(ttl="60"), "ttl='60' is refused: Input should be a valid integer"),
        (declare(ttl=60.5), "ttl=60.5 is refused: Input should be a valid integer"),
        (declare(ttl=True), "ttl=True is refused: Input should be a valid integer"),
        (declare(ttl=None), "ttl=None is refused: Input should be a valid integer"),
        (declare(ttl=0), "ttl=0 is refused: Input should be greater than or equal to 1"),
        (declare(ttl=86_401), "ttl=86401 is refused: Input should be less than or equal to 86400"),
        (
            declare(address="public"),
            "address='public' is refused: Input should be 'public-ipv4', 'ipv6', 'dualstack' or 'private-ipv4'",
        ),
        (
            declare(health_check="http://:80/"),
            "health_check='http://:80/' is refused: Input should be an object",
        ),
        (
            declare(health_check={"url": "ftp://:21/"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (declare(health_check={"url": ":80"}), f"health_check.url is refused: {URL_FORMS}"),
        (declare(health_check={"url": "http://:0/"}), f"health_check.url is refused: {URL_FORMS}"),
        (
            declare(health_check={"url": "http://:65536/"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (
            declare(health_check={"url": "http://:http/"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (
            declare(health_check={"url": "http://user@app.example.com/"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (
            declare(health_check={"url": "http://:80/#top"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (
            declare(health_check={"url": "http://[::1]/"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (declare(health_check={"url": "http://[/"}), f"health_check.url is refused: {URL_FORMS}"),
        (declare(health_check={"url": "tcp://"}), f"health_check.url is refused: {URL_FORMS}"),
        (declare(health_check={"url": "tcp://:80/"}), f"health_check.url is refused: {URL_FORMS}"),
        (
            declare(health_check={"url": "tcp://app.example.com:80"}),
            f"health_check.url is refused: {URL_FORMS}",
        ),
        (
            declare(health_check={"url": "http://:80/" + "a" * 255}),
            "health_check.url is refused: Input should have a path of at most 255 characters",
        ),
        (
            declare(health_check={"url": "http://:80/" + "a" * 502}),
            "health_check.url is refused: String should have at most 512 characters",
        ),
        (declare(health_check={"interval": 20}), "health_check.interval=20 is refused: Input should be 10 or 30"),
        (
            declare(health_check={"failure_threshold": 0}),
            "health_check.failure_threshold=0 is refused: Input should be greater than or equal to 1",
        ),
        (
            declare(health_check={"failure_threshold": 11}),
            "health_check.failure_threshold=11 is refused: Input should be less than or equal to 10",
        ),
        (
            declare(health_check={"search_string": ""}),
            "health_check.search_string is refused: String should have at least 1 character",
        ),
        (
            declare(health_check={"search_string": "a" * 256}),
            "health_check.search_string is refused: String should have at most 255 characters",
        ),
        (
            declare(health_check={"regions": ["us-east-1", "us-west-1", "us-east-1"]}),
            f"health_check.regions is refused: {REGIONS}",
        ),
        (
            declare(health_check={"regions": ["us-east-1", "us-west-1", "eu-central-1"]}),
            f"health_check.regions is refused: {REGIONS}",
        ),
        (
            declare(health_check={"regions": "all"}),
            "health_check.regions='all' is refused: Input should be a valid array",
        ),
        (
            declare(health_check={"url": "tcp://:80", "search_string": "ready"}),
            ("health_check is refused: search_string needs an http or https url: a tcp health check reads no body"),
        ),
        (declare(interface="1"), "interface='1' is refused: Input should be a valid integer"),
        (declare(interface=True), "interface=True is refused: Input should be a valid integer"),
        (declare(interface=-1), "interface=-1 is refused: Input should be greater than or equal to 0"),
        (declare(interface=64), "interface=64 is refused: Input should be less than or equal to 63"),
        (declare(admit_when="soon"), "admit_when='soon' is refused: Input should be 'healthy' or 'running'"),
        (
            declare(health_check=None),
            (
                'admit_when must be "running" where health_check is null: '
                "without a health check nothing shows whether a member is healthy"
            ),
        ),
        (
            declare(health_check={"alarm": "app-down"}),
            (
                "health_check.alarm='app-down' is refused: "
                'Input should be "ec2-status", or the name of an alarm with {instance_id} in it'
            ),
        ),
        (
            declare(health_check={"alarm": "fleet53/{instance_id}"}),
            (
                "health_check.alarm='fleet53/{instance_id}' is refused: "
                "Input should not start with fleet53/: fleet53 deletes alarms of such names"
            ),
        ),
        (
            declare(health_check={"alarm": "{instance_id}" * 14}),
            "health_check.alarm is refused: Input should have at most 255 characters with an instance id in it",
        ),
        (
            declare(health_check={"alarm": "a\n{instance_id}"}),
            (
                "health_check.alarm='a\\n{instance_id}' is refused: "
                'Input should be "ec2-status", or the name of an alarm with {instance_id} in it'
            ),
        ),
        (
            declare(health_check={"alarm": "ec2-status", "url": "http://:80/", "interval": 10}),
            ("health_check is refused: alarm cannot be combined with other keys: interval, url"),
        ),
        (
            declare(address="private-ipv4"),
            (
                'health_check must be null or have an alarm where address is "private-ipv4": '
                "Route 53's checkers are outside the VPC"
            ),
        ),
        (
            declare(fallback="sorry.example.com"),
            "fallback='sorry.example.com' is refused: Input should be an IPv4 or IPv6 address",
        ),
        (declare(fallback=7), "fallback=7 is refused: Input should be a valid string"),
        (declare(fallback="2001:db8::9"), "fallback must be an address for A, as public-ipv4 has"),
        (
            declare(address="ipv6", fallback="198.51.100.9"),
            "fallback must be an address for AAAA, as ipv6 has",
        ),
        (
            declare(ttl=0, health_check={"interval": 5}, colour="red"),
            (
                "colour is an unknown key; ttl=0 is refused: Input should be greater than or equal to 1; "
                "health_check.interval=5 is refused: Input should be 10 or 30"
            ),
        ),
    ],
)
def test_every_fault_names_the_parameter_and_the_key_and_a_value_that_is_not_a_secret(text: str, because: str) -> None:
    assert fault(text) == f"{WEB}: {because}"


SECRET = "hunter2-hunter2"  # noqa: S105 - not a real one


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f'{{"hosted_zone_id": {SECRET}',
        f'"{SECRET}"',
        declare(password=SECRET),
        declare(health_check={"password": SECRET}),
        declare(health_check={"url": f"http://admin:{SECRET}@:80/"}),
        declare(health_check={"url": "tcp://:80", "search_string": SECRET}),
        declare(health_check={"search_string": [SECRET]}),
        declare(health_check={"regions": [SECRET]}),
        declare(ttl={"password": SECRET}),
        declare(hosted_zone_id=SECRET * 5),
    ],
)
def test_a_secret_that_was_put_there_by_mistake_is_not_in_the_message(text: str) -> None:
    assert "hunter2" not in fault(text)


@pytest.mark.parametrize(
    "url", ["http://:80/a b", " http://:80/", "http://:80/\n", "ht\ttp://:80/", "http://:80/\u200b"]
)
def test_a_url_with_what_is_not_seen_is_refused(url: str) -> None:
    assert fault(declare(health_check={"url": url})) == (
        f"{WEB}: health_check.url is refused: {URL_FORMS}, without spaces, line ends and characters that are not seen"
    )


@pytest.mark.parametrize(
    "fallback",
    [
        *("127.0.0.1", str(IPv4Address(0)), "0.1.2.3", "169.254.169.254", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "ff02::1", "::ffff:52.95.110.1", "64:ff9b::1", "fec0::1"),
    ],
)
def test_a_fallback_that_can_be_no_other_host_is_refused(fallback: str) -> None:
    assert fault(declare(address="dualstack", fallback=fallback)) == (
        f"{WEB}: fallback={fallback!r} is refused: "
        "Input should be the address of another host, not of this host or link or of a group"
    )


@pytest.mark.parametrize("fallback", ["52.95.110.1", "10.0.0.1", "100.64.0.1", "2600:1f18::53", "fd00::53"])
def test_a_fallback_can_be_any_hosts_address(fallback: str) -> None:
    assert str(read(declare(address="dualstack", fallback=fallback)).fallback) == fallback


def test_an_ipv6_address_of_one_link_cannot_be_a_fallback() -> None:
    assert fault(declare(address="ipv6", fallback="fe80::1%eth0")) == (
        f"{WEB}: fallback='fe80::1%eth0' is refused: Input should be an IPv4 or IPv6 address"
    )


def test_a_long_text_is_cut_in_the_message() -> None:
    assert len(fault("x" * 4000)) < 200


@pytest.mark.parametrize("name", ["Web", "web_1", "", "a" * 33, "wéb", "web\n"])
def test_a_pools_name_has_its_own_alphabet(name: str) -> None:
    found = read_pool(f"/fleet53/fleet53/pools/{name}", declare())
    assert isinstance(found, PoolFault)
    assert found.because == (
        f"/fleet53/fleet53/pools/{name}: a pool's name is 1 to 32 of a-z, 0-9 and '-', not {name!r}"
    )


@pytest.mark.parametrize("name", ["a", "0", "-", "web-1", "a" * 32])
def test_a_pools_name_may_be_as_short_as_one_character(name: str) -> None:
    pool = read_pool(f"/fleet53/fleet53/pools/{name}", declare())
    assert isinstance(pool, Pool)
    assert pool.name == name


def test_a_faulty_pool_stops_no_other_and_holds_no_name() -> None:
    declared = read_pools({"/p/api": declare(ttl=0), "/p/web": declare()}, allowed("app.example.com")).resolved({})
    assert [pool.name for pool in declared.pools] == ["web"]
    assert [found.name for found in declared.faults] == ["api"]


def test_no_parameter_is_no_pool() -> None:
    assert read_pools({}, allowed()).pools == ()


@pytest.mark.parametrize(
    ("address", "record_type"),
    [(IPv4Address("192.0.2.1"), RecordType.A), (IPv6Address("2001:db8::1"), RecordType.AAAA)],
)
def test_a_record_type_holds_a_family(address: IPAddress, record_type: RecordType) -> None:
    assert record_type_of(address) is record_type


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
URLS = st.from_regex(r"(https?|tcp)://[a-z\[\]:.%@0-9]{0,8}(:[0-9]{1,6})?(/[^#]{0,4})?", fullmatch=True)
ADDRESSES = st.ip_addresses().map(str)
CHECKS = st.fixed_dictionaries(
    {},
    optional={
        "url": URLS | JSON,
        "interval": st.sampled_from([10, 30]) | JSON,
        "failure_threshold": st.integers(0, 11) | JSON,
        "search_string": st.text() | JSON,
        "regions": st.lists(st.sampled_from(["us-east-1", "us-west-1", "us-west-2", "mars"])) | JSON,
    },
)
DECLARATIONS = st.fixed_dictionaries(
    {},
    optional={
        "hosted_zone_id": st.just("Z1ABC") | JSON,
        "record_name": st.from_regex(r"(\*\.)?[a-zA-Z.]{1,12}", fullmatch=True) | JSON,
        "ttl": st.integers(-1, 90_000) | JSON,
        "address": st.sampled_from(AddressType) | JSON,
        "health_check": CHECKS | JSON,
        "admit_when": st.sampled_from(AdmitWhen) | JSON,
        "fallback": ADDRESSES | JSON,
        "more": JSON,
    },
)


def pool_or_reason(text: str) -> Pool | str:
    found = read_pool(WEB, text)
    return found if isinstance(found, Pool) else found.because


@given(st.text() | JSON.map(json.dumps) | DECLARATIONS.map(json.dumps))
@example("[" * 100_000)
@example('{"ttl": NaN}')
@example('"\\ud800"')
def test_any_text_gives_a_pool_or_a_fault(text: str) -> None:
    assert pool_or_reason(text)


@given(DECLARATIONS)
def test_a_pool_that_is_read_keeps_the_rules_between_its_settings(keys: dict[str, Any]) -> None:
    pool = pool_or_reason(json.dumps(PLAIN | keys))
    if isinstance(pool, str):
        return
    assert pool.check is not None or pool.admit_when is AdmitWhen.RUNNING
    assert pool.address is not AddressType.PRIVATE_IPV4 or pool.check is None
    assert pool.fallback is None or record_type_of(pool.fallback) in pool.address.record_types
    assert pool.record_name == normal_name(pool.record_name)


def test_a_pool_at_a_place_that_the_stack_does_not_allow_is_a_fault_that_names_the_parameters_to_extend() -> None:
    parameters = {
        "/p/name": declare(record_name="api.example.com"),
        "/p/zone": declare(hosted_zone_id="Z9"),
        "/p/both": declare(record_name="*.example.com", hosted_zone_id="Z9"),
        "/p/none": declare(),
    }
    declared = read_pools(parameters, allowed("app.example.com")).resolved({})
    assert [pool.name for pool in declared.pools] == ["none"]
    assert [fault.because for fault in declared.faults] == [
        (
            "/p/both: hosted_zone_id='Z9' is not allowed: add it to AllowedZoneIds and record_name='*.example.com' is "
            "not allowed: add it to AllowedRecordNames of the stack"
        ),
        "/p/name: record_name='api.example.com' is not allowed: add it to AllowedRecordNames of the stack",
        "/p/zone: hosted_zone_id='Z9' is not allowed: add it to AllowedZoneIds of the stack",
    ]


def test_a_pool_that_is_not_allowed_holds_no_place() -> None:
    parameters = {"/p/api": declare(hosted_zone_id="Z9"), "/p/web": declare()}
    declared = read_pools(parameters, allowed("app.example.com")).resolved({})
    assert [pool.name for pool in declared.pools] == ["web"]
