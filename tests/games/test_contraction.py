"""Contractions against einsum, in NumPy and by the compiled plan, at unequal numbers of actions."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from equipoise.games import contraction

SHAPES = [
    (3,),
    (1, 2),
    (2, 3),
    (4, 1),
    (2, 3, 4),
    (3, 1, 2),
    (1, 1, 3),
    (2, 3, 2, 4),
    (2, 1, 3, 1, 2),
    (2, 2, 3, 2, 2, 3),
]


def drawn(shape: tuple[int, ...]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(shape)
    return [rng.normal(size=shape) for _ in shape], [rng.dirichlet(np.ones(count)) for count in shape]


def summed(tensor: np.ndarray, blocks: list[np.ndarray], kept: tuple[int, ...]) -> np.ndarray:
    """The tensor with every axis but some summed against its block, by einsum."""
    operands: list[Any] = [tensor, list(range(tensor.ndim))]
    for axis, block in enumerate(blocks):
        if axis not in kept:
            operands += [block, [axis]]
    return np.einsum(*operands, list(kept))


@pytest.mark.parametrize("shape", SHAPES)
def test_payoffs_of_one_agent_and_of_all(shape: tuple[int, ...]) -> None:
    tensors, blocks = drawn(shape)
    for agent, tensor in enumerate(tensors):
        np.testing.assert_allclose(
            contraction.expected(tensor, blocks, agent), summed(tensor, blocks, (agent,)), rtol=0, atol=1e-14
        )
    for agent, found in enumerate(contraction.all_expected(tensors[0], blocks)):
        np.testing.assert_allclose(found, summed(tensors[0], blocks, (agent,)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("cached", [1, 7, 50])
def test_a_common_tensor_taken_in_parts_is_the_same(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors, blocks = drawn((2, 3, 2, 4))
    monkeypatch.setattr(contraction, "CACHED", cached)
    for agent, found in enumerate(contraction.all_expected(tensors[0], blocks)):
        np.testing.assert_allclose(found, summed(tensors[0], blocks, (agent,)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_compiled_plan_gives_payoffs_and_derivatives(shape: tuple[int, ...]) -> None:
    pytest.importorskip("numba", reason="numba is not installed: pip install equipoise[fast]", exc_type=ImportError)
    from numba import njit

    from equipoise.games.kernels import derivatives

    tensors, blocks = drawn(shape)
    n, entries, ends = sum(shape), prod(shape), np.cumsum([0, *shape])
    work = np.full(2 * entries + n * n + n, np.nan)
    work[2 * entries : -n] = 0.0

    @njit
    def sweep(packed, plan, policy, work):
        derivatives(packed, plan, policy, work)

    sweep(contraction.packed(tensors), contraction.plan(shape), np.concatenate(blocks), work)
    matrix = work[2 * entries : -n].reshape(n, n)
    for i, tensor in enumerate(tensors):
        own = slice(ends[i], ends[i + 1])
        np.testing.assert_allclose(work[-n:][own], summed(tensor, blocks, (i,)), rtol=0, atol=1e-14)
        for p, count in enumerate(shape):
            block = matrix[ends[p] : ends[p + 1], own]
            expected = summed(tensor, blocks, (p, i)) if p != i and count > 1 else np.zeros_like(block)
            np.testing.assert_allclose(block, expected, rtol=0, atol=1e-14)


def test_the_plan_never_writes_where_it_still_reads() -> None:
    """A step's source and result overlap nowhere, and the work space is large enough."""
    shape = (2, 3, 2, 4)
    n, entries = sum(shape), prod(shape)
    for inside, at, to, outer, count, inner, stride, first in contraction.plan(shape):
        read = range(at, at + outer * max(count, 1) * inner)
        assert to + (outer - 1) * stride + inner <= 2 * entries + n * n + n
        assert first + count <= n
        if inside:
            assert read.stop <= 2 * entries
            assert to >= read.stop or to + (outer - 1) * stride + inner <= read.start
        else:
            assert read.stop <= len(shape) * entries
