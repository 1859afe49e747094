"""Plug-ins are the files of a folder: `names` lists them without importing, `load` imports one.

A new method, task or family is one new file; no table names it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from equipoise.errors import UnknownName


def names(package: ModuleType, *, contracts: Collection[str] = ()) -> list[str]:
    """Names of the plug-ins in a package's folder, sorted; the files of its contracts and `_private` ones left out."""
    return [name for name in _listed(package) if name not in contracts]


def load(package: ModuleType, name: str, *, what: str, contracts: Collection[str] = ()) -> ModuleType:
    """The plug-in's module.

    Raises:
        UnknownName: the folder has no such file; `what` says what was looked for.
    """
    available = names(package, contracts=contracts)
    if name not in available:
        raise UnknownName(what, name, available)
    return import_module(f"{package.__name__}.{name}")


@cache
def _listed(package: ModuleType) -> tuple[str, ...]:
    """The folder is read once: every question looks up a grader."""
    assert package.__file__ is not None
    return tuple(sorted(file.stem for file in Path(package.__file__).parent.glob("[!_]*.py")))
