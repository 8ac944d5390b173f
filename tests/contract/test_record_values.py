"""ChangeResourceRecordSets: which values a record set can have (Developer Guide, "Supported DNS record types")."""

import pytest

from tests.contract.account import Account, refused

VALUES = {
    "A": "52.95.110.1",
    "AAAA": "2600:1f18::1",
    "CAA": '0 issue "ca.example.net;account=230123"',
    "CNAME": "host.example.net",
    "DS": "12345 13 2 4F8A4B0B5A9F7D0C6E1B2A3948576655443322110FFEEDDCCBBAA99887766554",
    "HTTPS": "1 . alpn=h2",
    "MX": "10 mail.example.net",
    "NAPTR": '100 50 "s" "SIP+D2U" "" _sip._udp.example.net',
    "NS": "ns-1.example.net",
    "PTR": "host.example.net",
    "SPF": '"v=spf1 -all"',
    "SRV": "10 5 443 host.example.net",
    "SSHFP": "1 2 123456789ABCDEF67890123456789ABCDEF67890123456789ABCDEF123456789",
    "SVCB": "1 host.example.net alpn=h2",
    "TLSA": "3 1 1 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971",
    "TXT": '"v=DKIM1;k=rsa;" "p=a\\"b\\344"',
}


def _values(account: Account, record_type: str, *values: str) -> dict[str, object]:
    return account.simple(
        f"{record_type.lower()}", Type=record_type, ResourceRecords=[{"Value": value} for value in values]
    )


@pytest.mark.parametrize("record_type", VALUES)
def test_a_value_of_each_type_is_granted_and_answered_as_it_was_given(account: Account, record_type: str) -> None:
    account.create(_values(account, record_type, VALUES[record_type]))

    assert [record["ResourceRecords"] for record in account.records()] == [[{"Value": VALUES[record_type]}]]


@pytest.mark.parametrize(
    ("record_type", "value", "problem"),
    [
        ("A", "52.95.110.1 52.95.110.2", "ARRDATANotSingleField (Value contains spaces)"),
        ("A", "52.95.110.1;first", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
        ("A", "052.95.110.1", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
        ("TXT", "hello", "InvalidCharacterString (Value should be enclosed in quotation marks)"),
        ("TXT", '"hello" you', "InvalidCharacterString (Value should be enclosed in quotation marks)"),
        ("TXT", '""hello""', "InvalidCharacterString (Value should be enclosed in quotation marks)"),
        ("SPF", "v=spf1 -all", "InvalidCharacterString (Value should be enclosed in quotation marks)"),
        ("TXT", '"' + "x" * 256 + '"', "CharacterStringTooLong (Value is too long)"),
        ("MX", "mail.example.net", "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"),
        ("MX", "10 mail..example.net", "DomainLabelEmpty (Domain label is empty)"),
        ("CNAME", "host..example.net", "DomainLabelEmpty (Domain label is empty)"),
        ("NS", "n" * 64 + ".example.net", "DomainLabelTooLong (Domain label is too long)"),
    ],
)
def test_an_invalid_value_is_refused_with_its_problem(
    account: Account, record_type: str, value: str, problem: str
) -> None:
    with refused("InvalidChangeBatch", f"{problem} encountered with '{value}'"):
        account.create(_values(account, record_type, value))


@pytest.mark.parametrize(
    ("record_type", "value"),
    [
        ("CNAME", "host.example.net other.example.net"),
        ("PTR", "host example"),
        ("MX", "high mail.example.net"),
        ("MX", "65536 mail.example.net"),
        ("SRV", "10 443 host.example.net"),
        ("SRV", "10 5 65536 host.example.net"),
        ("CAA", "0 issue"),
        ("CAA", "0 issue ca.example.net"),
        ("CAA", '256 issue "ca.example.net"'),
        ("NAPTR", "100 50 s"),
        ("DS", "12345 13 2 short"),
        ("SSHFP", "\\# 3 010203"),
    ],
)
def test_an_invalid_value_of_any_type_is_refused(account: Account, record_type: str, value: str) -> None:
    with refused("InvalidChangeBatch", f"encountered with '{value}'"):
        account.create(_values(account, record_type, value))


@pytest.mark.parametrize(
    "value",
    [
        "ns-1.example.net. hostmaster.example.net. 1 7200 900 1209600",
        "ns-1.example.net. hostmaster.example.net. 1 two 900 1209600 86400",
    ],
)
def test_the_zones_soa_keeps_seven_fields(account: Account, value: str) -> None:
    soa = account.simple("", Name=account.zone_name, Type="SOA", ResourceRecords=[{"Value": value}])

    with refused("InvalidChangeBatch"):
        account.change(("UPSERT", soa))


@pytest.mark.parametrize(
    ("first", "second"),
    [("2600:1f18::1", "2600:1F18:0:0:0:0:0:1"), ("2600:1f18::1", "2600:1f18::0001")],
)
def test_an_address_in_another_spelling_is_the_same_value(account: Account, first: str, second: str) -> None:
    with refused("InvalidChangeBatch", f"Duplicate Resource Record: '{second}'"):
        account.create(_values(account, "AAAA", first, second))


def test_a_name_in_another_case_is_the_same_value(account: Account) -> None:
    with refused("InvalidChangeBatch", "Duplicate Resource Record: '10 MAIL.example.net.'"):
        account.create(_values(account, "MX", "10 mail.example.net", "10 MAIL.example.net."))


def test_a_cname_has_one_value(account: Account) -> None:
    with refused("InvalidChangeBatch"):
        account.create(_values(account, "CNAME", "a.example.net", "b.example.net"))


def test_a_set_has_400_values_at_most(account: Account) -> None:
    addresses = [f"52.95.{number // 200}.{number % 200 + 1}" for number in range(401)]

    with refused("InvalidChangeBatch", "400"):
        account.create(_values(account, "A", *addresses))
    account.create(_values(account, "A", *addresses[:400]))

    assert [len(record["ResourceRecords"]) for record in account.records()] == [400]


@pytest.mark.parametrize("ttl", [-1, 2147483648])
def test_a_ttl_is_from_0_to_2147483647(account: Account, ttl: int) -> None:
    with refused(
        "InvalidInput", f"Value '{ttl}' at 'changeBatch.changes.1.member.resourceRecordSet.tTL' failed to satisfy"
    ):
        account.create(account.member("web", "i-1", TTL=ttl))


@pytest.mark.parametrize("ttl", [0, 2147483647])
def test_a_ttl_at_its_limit_is_granted(account: Account, ttl: int) -> None:
    account.create(account.member("web", "i-1", TTL=ttl))

    assert [record["TTL"] for record in account.records()] == [ttl]


def test_a_value_has_4000_characters_at_most(account: Account) -> None:
    with refused("InvalidInput", "Member must have length less than or equal to 4000"):
        account.create(_values(account, "TXT", " ".join(['"' + "x" * 254 + '"'] * 17)))
