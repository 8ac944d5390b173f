"""Imports a function's module as a cold start does."""

from __future__ import annotations

import functools
import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from lab.stack.deploy import Function


class _Loader(SourceFileLoader):
    """Runs a module anew that this process compiles once.

    No byte code is written: the functions' folders are uploaded as they are.
    """

    @override
    def get_code(self, fullname: str) -> CodeType:
        return _compiled(self.path, Path(self.path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _compiled(path: str, _modified: int) -> CodeType:
    return compile(Path(path).read_bytes(), path, "exec")


def imported(function: Function) -> Callable[[Any, Any], Any]:
    """Import the handler's module afresh, under its own name, as a new Lambda environment does."""
    module_name, _, handler = function.handler.rpartition(".")
    path = function.folder / f"{module_name.replace('.', '/')}.py"
    spec = importlib.util.spec_from_file_location(module_name, path, loader=_Loader(module_name, str(path)))
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"{function.logical_id}: no module {module_name!r} in {function.folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return getattr(module, handler)  # type: ignore[no-any-return]
