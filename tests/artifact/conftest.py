"""What `make build` made, as `make artifact` hands it to the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

_BUILT: Final = Path(__file__).resolve().parents[2] / ".aws-sam/build/template.yaml"


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the template that `sam build` wrote beside what it built."""
    if not _BUILT.exists():
        pytest.fail("nothing is built; `make artifact` builds before it runs these tests", pytrace=False)
    return _BUILT
