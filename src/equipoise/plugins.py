"""Plug-ins are the files of a folder: `names` lists them without importing, `load` imports one.

A new method, task or family is one new file; no table names it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from equipoise.errors import UnknownName


def names(package: ModuleType, *, contract: str | None = None) -> list[str]:
    """Names of the plug-ins in a package's folder, sorted; the contract's own file and `_private` files left out."""
    assert package.__file__ is not None
    files = Path(package.__file__).parent.glob("[!_]*.py")
    return sorted(file.stem for file in files if file.stem != contract)


def load(package: ModuleType, name: str, *, what: str, contract: str | None = None) -> ModuleType:
    """The plug-in's module.

    Raises:
        UnknownName: the folder has no such file; `what` says what was looked for.
    """
    available = names(package, contract=contract)
    if name not in available:
        raise UnknownName(what, name, available)
    return import_module(f"{package.__name__}.{name}")
