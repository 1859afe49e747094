"""What a rating in words is worth: "sure", "likely" and "impossible" as numbers.

The values are those of Yao et al. (2023), Tree of Thoughts, in the released code for the Game of 24: one "sure"
outweighs any few of "likely", and "impossible" is almost nothing. They are ranks, not probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WORTH: Mapping[str, float] = {"sure": 20.0, "likely": 1.0, "impossible": 0.001}


def worth(rating: str | None) -> float:
    """The value of a rating; 0 where a response held none."""
    return 0.0 if rating is None else WORTH[rating]


def best(values: Sequence[float], n: int) -> list[int]:
    """Positions of the n largest values, the largest first; equal values keep their order.

    Args:
        values: one number per candidate.
        n: how many are kept, ≥ 0; all when there are fewer.
    """
    return sorted(range(len(values)), key=lambda i: -values[i])[:n]
