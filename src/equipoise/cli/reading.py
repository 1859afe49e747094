"""What users write on the command line, read into Python values."""

from __future__ import annotations

import json
from typing import Any

from equipoise.errors import InputError


def split_methods(text: str) -> list[str]:
    """The methods of a comma-separated list, whose parameters may hold commas: "single,debate(rounds=3,agents=2)".

    Raises:
        InputError: parentheses do not match, or an item is empty.
    """
    items, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
        if character == "," and depth == 0:
            items.append("")
        else:
            items[-1] += character
    if depth != 0:
        raise InputError(f"parentheses do not match in the methods '{text}'. Write them as: single,debate(rounds=3)")
    items = [item.strip() for item in items]
    if not all(items):
        raise InputError(f"an empty item in the methods '{text}'. Write them as: single,debate(rounds=3)")
    return items


def split_columns(columns: str | None) -> list[str] | None:
    """The columns of a comma-separated list; None where none is written.

    Raises:
        InputError: an item is no column.
    """
    if columns is None:
        return None
    names = [name.strip() for name in columns.split(",")]
    for name in names:
        if "|" not in name:
            raise InputError(f"'{name}' is no column. Write agent|strategy, in quotes: --columns \"mini|direct,…\"")
    return names


def task_args(written: list[str]) -> dict[str, Any]:
    """Task arguments written as "name=value"; a value is JSON where it can be, and text otherwise.

    Raises:
        InputError: an item has no name or no "=".
    """
    found: dict[str, Any] = {}
    for item in written:
        name, equals, value = item.partition("=")
        if not name.strip() or not equals:
            raise InputError(f"cannot read the task argument '{item}'. Write it as name=value, such as split=test.")
        found[name.strip()] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
