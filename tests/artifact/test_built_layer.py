"""The layer as `sam build` makes it: its byte code, what it leaves out, and that each build of a source is equal."""

from __future__ import annotations

import importlib.util
import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Final

import pytest

from tools.import_built import late_import_faults, zipped_size

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = {
    *{"annotated_types", "aws_lambda_powertools", "dns", "fleet53", "jinja2", "jmespath", "markupsafe", "pydantic"},
    *{"pydantic_core", "tabulate", "typing_extensions", "typing_inspection"},
}
IMPORT_ALL: Final = """
import sys
compiled = []
sys.addaudithook(lambda event, args: compiled.append(str(args[1])) if event == "compile" else None)
import fleet53.audit.run, fleet53.reconcile.run, fleet53.report.text, fleet53.stack.request, fleet53.widget
import dns.resolver, tabulate  # fleet53 imports these when it first needs them
print(*(path for path in compiled if path.startswith(sys.argv[1])), sep="\\n", end="")
"""


@pytest.fixture(scope="module")
def layer(built: Path) -> Path:
    return built.parent / "Shared" / "python"


@pytest.fixture(scope="module")
def sources(layer: Path) -> list[Path]:
    found = sorted(layer.rglob("*.py"))
    assert {path.relative_to(layer).parts[0].removesuffix(".py") for path in found} == PACKAGES
    return found


def byte_code_of(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_module_has_its_byte_code_beside_it_and_there_is_no_other(layer: Path, sources: list[Path]) -> None:
    assert sorted(layer.rglob("*.pyc")) == sorted(map(byte_code_of, sources))


def test_python_3_13_uses_the_byte_code_without_a_look_at_the_source(sources: list[Path]) -> None:
    heads = {byte_code_of(source).read_bytes()[:8] for source in sources}
    assert heads == {importlib.util.MAGIC_NUMBER + b"\x01\x00\x00\x00"}  # PEP 552: hash-based, and not checked


def test_the_byte_code_is_of_the_source_beside_it(sources: list[Path]) -> None:
    for source in sources:
        assert byte_code_of(source).read_bytes()[8:16] == importlib.util.source_hash(source.read_bytes()), source


def test_the_byte_code_names_each_source_where_lambda_has_it(layer: Path, sources: list[Path]) -> None:
    for source in sources:
        code = marshal.loads(byte_code_of(source).read_bytes()[16:])  # noqa: S302 - our own build
        assert {each.co_filename for each in codes(code)} == {f"/opt/python/{source.relative_to(layer)}"}


def test_importing_compiles_nothing_of_the_layer_and_writes_nothing(layer: Path) -> None:
    before = contents(layer)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(layer), *sys.path]),
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    ran = subprocess.run(  # noqa: S603 - no shell, and our own command
        [sys.executable, "-S", "-P", "-c", IMPORT_ALL, layer],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout == ""
    assert contents(layer) == before


def test_no_test_and_no_type_stub_is_carried(layer: Path) -> None:
    names = {path.name for path in layer.rglob("*")}
    assert names & {"py.typed", "test", "tests", "test_cases.py", "locale"} == set()
    assert {path.suffix for path in layer.rglob("*") if path.is_file()} == {
        *{"", ".css", ".html", ".json", ".py", ".pyc", ".so", ".txt"}
    }


def test_each_dependency_keeps_its_licence_and_its_metadata(layer: Path) -> None:
    folders = sorted(layer.glob("*.dist-info"))
    assert {each.name.split("-")[0] for each in folders} == PACKAGES - {"fleet53", "dns"} | {"dnspython"}
    for folder in folders:
        names = {path.name for path in folder.rglob("*") if path.is_file()}
        assert names in ({"METADATA", "LICENSE"}, {"METADATA", "LICENSE.txt"}), folder.name


def test_the_zipped_layer_weighs_at_most_eight_megabytes(layer: Path) -> None:
    assert zipped_size(layer.parent) <= 8_000_000


def test_an_import_of_what_the_layer_leaves_out_is_found_in_a_function_too(tmp_path: Path) -> None:
    package = tmp_path / "pydantic"
    package.mkdir()
    (package / "__init__.py").write_text("def late():\n    from pydantic.left_out import thing\n", encoding="utf-8")
    assert list(late_import_faults(tmp_path, ["pydantic"])) == [
        "pydantic imports pydantic.left_out, which is not in the layer"
    ]


def test_the_same_sources_make_the_same_layer_in_another_folder(layer: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "layers/shared", tmp_path / "elsewhere")
    tools = Path(sys.executable).parent
    subprocess.run(
        ["make", "--silent", "build-Shared"],  # noqa: S607 - make is where the system has it
        cwd=tmp_path / "elsewhere",
        env=os.environ | {"ARTIFACTS_DIR": str(tmp_path / "layer"), "PATH": f"{tools}:{os.environ['PATH']}"},
        check=True,
        timeout=300,
    )
    assert contents(tmp_path / "layer") == contents(layer.parent)
