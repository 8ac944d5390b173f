"""The model of Route 53's API: botocore's, with the operations on protections, which botocore may lack.

fleet53 brings the listing, which it uses; the lab adds what makes and deletes protections.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.loaders import create_loader

if TYPE_CHECKING:
    from botocore.loaders import Loader

_HERE: Final = Path(__file__).resolve().parent
_MODELS: Final = (_HERE.parents[1] / "layers/shared/fleet53/aws/models", _HERE / "models")


def extend(loader: Loader) -> Loader:
    """Make botocore's loader find all of Route 53's operations, and return the loader."""
    loader.search_paths.extend(map(str, _MODELS))
    loader.extras_types.append("lab")
    return loader


def load() -> dict[str, Any]:
    """Return the model of Route 53, in botocore's form."""
    return dict(extend(create_loader()).load_service_model("route53", "service-2"))
