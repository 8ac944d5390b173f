from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.domain.health_check import CheckConfig, CheckSettings
from fleet53.domain.identity import ATTEMPTS, FALLBACK, Owner, Reference
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.record import RecordType
from tests.unit.build import HTTP, LAUNCHED, OWNER

WEB = PoolName("web")
ID = InstanceId("i-0a1b2c3d4e5f60001")
ADDRESS = IPv4Address("192.0.2.1")
CONFIG = CheckConfig.of(HTTP, ADDRESS)


def first(config: CheckConfig = CONFIG, record_type: RecordType = RecordType.A, later: int = 0) -> str:
    return next(OWNER.references(WEB, ID, LAUNCHED + timedelta(seconds=later), record_type, config))


def test_a_set_identifier_is_the_owner_and_the_instance() -> None:
    assert OWNER.identifier(ID) == "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60001"
    assert OWNER.identifier(FALLBACK) == "fleet53.eu-west-1.123456789012/fallback"


def test_the_longest_owner_that_settings_accept_fits_into_a_set_identifier() -> None:
    assert len(Owner("s" * 108).identifier(ID)) == 128


def test_a_set_identifier_reads_back() -> None:
    assert OWNER.holder("fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60001") == ID
    assert OWNER.holder("fleet53.eu-west-1.123456789012/fallback") == FALLBACK


@pytest.mark.parametrize(
    "identifier",
    [
        None,
        "",
        "blue",
        "fleet53.eu-west-1.123456789012",
        "fleet53.eu-west-1.1234567890120/i-0a",
        "fleet53-2.eu-west-1.123456789012/i-0a",
        "my-fleet53.eu-west-1.123456789012/i-0a",
        "fleet53.eu-west-2.123456789012/i-0a",
    ],
)
def test_another_set_identifier_is_not_ours(identifier: str | None) -> None:
    assert OWNER.holder(identifier) is None


def test_a_caller_reference_has_the_form_of_the_contract() -> None:
    form = re.compile(r"fleet53/[0-9a-f]{8}/[0-9a-f]{8}/i-0a1b2c3d4e5f60001/[0-9a-f]{12}")
    references = list(OWNER.references(WEB, ID, LAUNCHED, RecordType.A, CONFIG))
    assert len(references) == ATTEMPTS
    assert all(form.fullmatch(reference) and len(reference) <= 64 for reference in references)


def test_hashes_are_prefixes_of_sha_256() -> None:
    assert OWNER.pool_hash(WEB) == "4b5e57f6"
    assert first().startswith("fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60001/")


def test_a_caller_reference_reads_back() -> None:
    assert OWNER.read_reference("fleet53/6c75d264/4b5e57f6/i-0a/0123456789ab") == Reference(
        "4b5e57f6", InstanceId("i-0a"), "0123456789ab"
    )


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "made by hand",
        "fleet53/00000000/4b5e57f6/i-0a/0123456789ab",
        "fleet53/6c75d264/4b5e57f6/i-0a",
        "fleet53/6c75d264/4b5e57f6/i-0a/0123456789ab/more",
        "terraform/6c75d264/4b5e57f6/i-0a/0123456789ab",
    ],
)
def test_another_caller_reference_is_not_ours(reference: str) -> None:
    assert OWNER.read_reference(reference) is None


def test_another_owner_has_other_references() -> None:
    theirs = next(Owner("fleet53.eu-west-2.123456789012").references(WEB, ID, LAUNCHED, RecordType.A, CONFIG))
    assert OWNER.read_reference(theirs) is None


def test_the_same_need_gives_the_same_references() -> None:
    again = CheckConfig.of(CheckSettings(protocol="http", port=80, path="/"), IPv4Address("192.0.2.1"))
    assert list(OWNER.references(WEB, ID, LAUNCHED, RecordType.A, CONFIG)) == list(
        OWNER.references(WEB, ID, LAUNCHED, RecordType.A, again)
    )


def test_each_attempt_gives_another_reference() -> None:
    references = list(OWNER.references(WEB, ID, LAUNCHED, RecordType.A, CONFIG))
    assert len(set(references)) == len(references)


@pytest.mark.parametrize(
    "other",
    [
        CheckConfig.of(HTTP, IPv4Address("192.0.2.2")),
        CheckConfig.of(replace(HTTP, protocol="https"), ADDRESS),
        CheckConfig.of(replace(HTTP, port=8080), ADDRESS),
        CheckConfig.of(replace(HTTP, host="app.example.com"), ADDRESS),
        CheckConfig.of(replace(HTTP, path="/health"), ADDRESS),
        CheckConfig.of(replace(HTTP, interval=10), ADDRESS),
        CheckConfig.of(replace(HTTP, failure_threshold=2), ADDRESS),
        CheckConfig.of(replace(HTTP, search_string="ready"), ADDRESS),
        CheckConfig.of(replace(HTTP, regions=frozenset({"us-east-1", "us-west-1", "us-west-2"})), ADDRESS),
        replace(CONFIG, enable_sni=True),
    ],
)
def test_each_setting_of_the_check_is_part_of_the_generation(other: CheckConfig) -> None:
    assert first(other) != first()


def test_the_family_is_part_of_the_generation() -> None:
    assert first(record_type=RecordType.AAAA) != first()
    assert first(CheckConfig.of(HTTP, IPv6Address("2001:db8::1"))) != first()


def test_a_restart_changes_the_generation() -> None:
    assert first(later=1) != first()


def test_regions_have_no_order() -> None:
    one = replace(HTTP, regions=frozenset(["us-east-1", "us-west-1", "us-west-2"]))
    two = replace(HTTP, regions=frozenset(["us-west-2", "us-west-1", "us-east-1"]))
    assert first(CheckConfig.of(one, ADDRESS)) == first(CheckConfig.of(two, ADDRESS))


@given(st.text(min_size=1).filter(lambda name: "/" not in name), st.from_regex(r"i-[0-9a-f]{8,17}", fullmatch=True))
def test_an_owner_reads_every_id_that_it_writes(name: str, instance_id: str) -> None:
    owner, needs = Owner(name), (WEB, InstanceId(instance_id), LAUNCHED, RecordType.A, CONFIG)
    assert owner.holder(owner.identifier(instance_id)) == instance_id
    for reference in islice(owner.references(*needs), 2):
        read = owner.read_reference(reference)
        assert read is not None
        assert (read.pool_hash, read.instance_id) == (owner.pool_hash(WEB), instance_id)
