"""What `make package BUCKET=…` uploads and writes, in the lab's S3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from samtranslator.yaml_helper import yaml_parse

from lab.world import Lab
from tools.package import gather

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "releases"
LOCATIONS = ("CodeUri", "ContentUri")


def locations(template: Path) -> Iterator[str]:
    """Yield where a template's functions and layers have their code."""
    for resource in yaml_parse(template.read_text(encoding="utf-8"))["Resources"].values():
        yield from (resource["Properties"][key] for key in LOCATIONS if key in resource.get("Properties", {}))


def test_the_release_holds_all_that_its_template_names(built: Path, tmp_path: Path) -> None:
    gather(built.parent, tmp_path / "fleet53")
    folder = tmp_path / "fleet53"
    named = {folder / each for each in locations(folder / "template.yaml")}
    assert len(named) == 5
    assert all(each.is_dir() and any(each.iterdir()) and folder in each.resolve().parents for each in named)


def test_the_packaged_template_names_code_that_is_in_the_bucket_and_so_are_licence_and_readme(
    built: Path, tmp_path: Path
) -> None:
    packaged = tmp_path / "fleet53.yaml"
    gather(built.parent, tmp_path / "fleet53")
    with Lab(http=True) as lab:
        s3 = lab.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        words = [
            "package",
            "--template-file",
            "fleet53/template.yaml",
            "--s3-bucket",
            BUCKET,
            "--s3-prefix",
            "fleet53/0.1.0",
        ]
        subprocess.run(  # noqa: S603 - no shell, and the sam of this environment
            [str(Path(sys.executable).with_name("sam")), *words, "--output-template-file", str(packaged)],
            cwd=tmp_path,
            env=os.environ | lab.environment | {"SAM_CLI_TELEMETRY": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=120,
        )
        there = {f"s3://{BUCKET}/{each['Key']}" for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    named = set(locations(packaged))
    assert len(named) == 5
    told = yaml_parse(packaged.read_text(encoding="utf-8"))["Metadata"]["AWS::ServerlessRepo::Application"]
    assert named | {told["LicenseUrl"], told["ReadmeUrl"]} <= there
    assert all(each.startswith(f"s3://{BUCKET}/fleet53/0.1.0/") for each in there)
