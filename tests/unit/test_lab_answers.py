"""How the lab writes and reads answers gives what moto and botocore write and read by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import xmltodict
from botocore import parsers
from botocore.parsers import BaseXMLResponseParser, create_parser
from moto.core import serialize
from moto.core.serialize import EC2Serializer, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response

from lab.moto import answers, cloud, xml
from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "body",
    [
        {
            "A": {
                "@xmlns": "http://aws/",
                "b": "1 < 2 & \"'>",
                "c": {"item": [{"d": 1, "e": True}, {"d": None, "f": ""}]},
            }
        },
        {"A": {"empty": [], "nothing": {}, "texts": ["x", "y"], "half": 0.5, "lines": "a\r\nb", "@id": 'a "b"'}},
        {"A": ""},
        {"A": None},
    ],
)
@pytest.mark.parametrize("full_document", [True, False])
def test_xml_is_what_xmltodict_writes(body: dict[str, Any], full_document: bool) -> None:
    written = xml.unparse(body, full_document=full_document)

    assert written == xmltodict.unparse(body, full_document=full_document, short_empty_elements=True)


def describe(result: object) -> tuple[str, Any]:
    """Return an answer to DescribeInstances as moto writes it, and as botocore reads that."""
    operation = get_service_model("ec2").operation_model("DescribeInstances")
    picker = XFormedAttributePicker(response_transformers=EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER)
    written = str(EC2Serializer(operation, value_picker=picker).serialize(result)["body"])
    shape = cloud.client("ec2").meta.service_model.operation_model("DescribeInstances").output_shape
    return written, create_parser("ec2").parse({"body": written.encode(), "headers": {}, "status_code": 200}, shape)


def test_instances_are_written_and_read_as_by_moto_and_botocore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bare_lab(tmp_path) as lab:
        lab.fleet.launch(tags={"Name": "a & b"})
        lab.fleet.attach_interface(lab.fleet.launch(), ipv6=["2001:db8::1"])
        result = {"Reservations": list(ec2_backends[cloud.ACCOUNT][cloud.REGION].reservations.values())}
        by_the_lab = describe(result)
        monkeypatch.setattr(ResponseSerializer, "get_value", answers._value_as_moto)
        monkeypatch.setattr(serialize, "xmltodict", xmltodict)
        monkeypatch.setattr(BaseXMLResponseParser, "_handle_structure", answers._structure_as_botocore)
        monkeypatch.setattr(parsers, "DEFAULT_TIMESTAMP_PARSER", parsers.parse_timestamp)
        by_themselves = describe(result)

    assert by_the_lab == by_themselves
    first, second = (each["Instances"][0] for each in by_the_lab[1]["Reservations"])
    assert {"Key": "Name", "Value": "a & b"} in first["Tags"]
    assert len(second["NetworkInterfaces"]) == 2
