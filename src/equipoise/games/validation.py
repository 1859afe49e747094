"""Checks of arrays that a user wrote; every message names the entry that is wrong.

Checks run once, when a game is built. They cost one pass over the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError

SUM_TOLERANCE = 1e-9
"""How far probabilities may sum from 1: above the rounding of decimal text, far below a mistake."""

LARGEST = 1e60
"""Size above which numbers are refused: products of payoffs over temperatures would overflow on the way."""


def as_array(numbers: Any, what: str) -> NDArray[np.float64]:
    """The numbers as a contiguous float64 array, all of them finite and none above `LARGEST` in size.

    Raises:
        InputError: ragged, not numbers, or an entry that is not finite or too large; says which.
    """
    try:
        array = np.ascontiguousarray(numbers, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} is not an array of numbers: {error}. Every row must have the same length.") from error
    check_finite(array, what)
    return array


def per_agent(numbers: Any, what: str) -> list[NDArray[np.float64]]:
    """One array per agent.

    Raises:
        InputError: no list, or one of its arrays is wrong; says which entry of which.
    """
    try:
        rows = list(numbers)
    except TypeError:
        raise InputError(f"{what} is {numbers!r}; it needs a list with one array per agent.") from None
    return [as_array(row, f"{what}[{agent}]") for agent, row in enumerate(rows)]


def check_finite(array: NDArray[np.float64], what: str) -> None:
    """Nothing, where every entry is finite and none above `LARGEST` in size.

    Raises:
        InputError: says which entry is NaN, infinite or too large.
    """
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(axis[0]) for axis in np.nonzero(~finite))
        raise InputError(f"{what}{subscript(where)} is {array[where]}; every entry must be finite.")
    large = np.abs(array) > LARGEST
    if large.any():
        where = tuple(int(axis[0]) for axis in np.nonzero(large))
        raise InputError(f"{what}{subscript(where)} is {array[where]:g}, above {LARGEST:g}. Use larger units.")


def check_distribution(array: NDArray[np.float64], what: str, *, axes: int = 1) -> None:
    """Nothing, where the last `axes` axes of the array hold probability distributions.

    Raises:
        InputError: says which entry is negative or which row does not sum to 1.
    """
    if (array < 0).any():
        where = tuple(int(axis[0]) for axis in np.nonzero(array < 0))
        raise InputError(f"{what}{subscript(where)} is {array[where]:g}; probabilities must not be negative.")
    sums = array.sum(axis=tuple(range(array.ndim - axes, array.ndim)))
    wrong = np.abs(sums - 1.0) > SUM_TOLERANCE
    if wrong.any():
        where = tuple(int(axis[0]) for axis in np.nonzero(np.atleast_1d(wrong)))[: array.ndim - axes]
        found = float(np.atleast_1d(sums)[where or (0,)])
        raise InputError(f"{what}{subscript(where)} sums to {found:.12g}; probabilities must sum to 1.")


def check_shape(array: NDArray[np.float64], shape: tuple[int, ...], what: str) -> None:
    """Nothing, where the array has the shape.

    Raises:
        InputError: says both shapes.
    """
    if array.shape != shape:
        raise InputError(f"{what} has shape {list(array.shape)}; it needs {list(shape)}.")


def check_discount(discount: float) -> float:
    """The discount factor, in [0, 1).

    Raises:
        InputError: outside.
    """
    if not isinstance(discount, (int, float, np.number)) or not 0.0 <= discount < 1.0:
        raise InputError(f"the discount is {discount}; it must lie in [0, 1).")
    return float(discount)


def subscript(where: tuple[int, ...]) -> str:
    """An index as it is written in code: "[1][0]"."""
    return "".join(f"[{index}]" for index in where)
