"""Contractions of a payoff tensor with the agents' blocks of a profile.

    Q_i[x] = Σ_{others} U_i[…, x, …] Π_{j≠i} π_j[x_j],    J_ij[x, y] = Σ_{others} U_i[…, x, …, y, …] Π_{k≠i,j} π_k[x_k]

A tensor has M entries and one axis per agent. `expected` reads it once: two matrix–vector products. `pairs` gives J_ij
for all j at about 2 M (1 + 1/A + …)² operations, since each step contracts a tensor that one agent has already left.
`all_expected` gives the Q of every agent for one common tensor, read once, however many agents there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod

import numpy as np

from equipoise.games.layout import Index, Matrix, Vector

CACHED = 65_536
"""Numbers, 512 kB, that stay in the cache of a processor's core between two uses."""


def contract(tensor: np.ndarray, axis: int, weights: Vector) -> np.ndarray:
    """The tensor with one axis summed against weights; the axis stays, with length 1."""
    shape = tensor.shape
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
    if inner == 1:
        flat = tensor.reshape(outer, shape[axis]) @ weights
    else:
        flat = weights @ tensor.reshape(outer, shape[axis], inner)
    return flat.reshape(*shape[:axis], 1, *shape[axis + 1 :])


def expected(tensor: np.ndarray, blocks: Sequence[Vector], agent: int) -> Vector:
    """Q of one agent. Shapes [x1, …, xN], N × [x_j] → [x_agent].

    The tensor is read once, by a matrix–vector product with the longer of the agents before and behind; what is left is
    small. Matrices have few long rows, which linear algebra libraries read at nearly the memory's speed.
    """
    if len(blocks) == 1:
        return tensor.reshape(-1)
    sizes = [block.shape[0] for block in blocks]
    few = max(1, 3 * len(blocks) // 8)
    if agent == 0 or prod(sizes[agent + 1 :]) > prod(sizes[:agent]):
        split = max(agent + 1, few)
        return expected(tensor.reshape(prod(sizes[:split]), -1) @ _joint(blocks[split:]), blocks[:split], agent)
    split = min(agent, few)
    rest = _joint(blocks[:split]) @ tensor.reshape(prod(sizes[:split]), -1)
    return expected(rest, blocks[split:], agent - split)


def pairs(tensor: np.ndarray, blocks: Sequence[Vector], agent: int) -> dict[int, Matrix]:
    """J_ij of one agent i for every other agent j. Shapes [x1, …, xN], N × [x_j] → j: [x_i, x_j]."""
    others = [other for other in range(len(blocks)) if other != agent]
    found: dict[int, Matrix] = {}
    for position, other in enumerate(others):
        rest = tensor
        for later in reversed(others[position + 1 :]):
            rest = contract(rest, later, blocks[later])
        sizes = (blocks[min(agent, other)].shape[0], blocks[max(agent, other)].shape[0])
        matrix = rest.reshape(sizes)
        found[other] = matrix if agent < other else matrix.T
        if position + 1 < len(others):
            tensor = contract(tensor, other, blocks[other])
    return found


def packed(tensors: Sequence[np.ndarray]) -> Vector:
    """All tensors end to end as compiled code reads them: the axis of agent i at the end of U_i. Shape [N · M].

    Every contraction then sums rows of adjacent numbers, which processors add several at a time.
    """
    return np.concatenate([np.moveaxis(tensor, agent, -1).reshape(-1) for agent, tensor in enumerate(tensors)])


@cache
def plan(counts: tuple[int, ...]) -> Index:
    """The contractions that give every Q_i and dQ_i/dπ_p from packed tensors, as one sweep from the front per agent.

        P_0 = U_i[o_1, …, o_m, x],  P_p = Σ_{o_p} P_{p−1} π(o_p),  Q_i = P_m,  dQ_i/dπ_p = Σ_{o_{p+1} … o_m} P_{p−1} Π π

    o_1 < … < o_m are the other agents that have a choice. A row is a step on arrays of numbers [o, x, k]: whether its
    source is the work space or else the tensors, where it begins there, where its result begins in the work space, how
    many o, x and k, from each o to the next in the result, and where x begins in the policy; without x it is a copy.
    The work space is M numbers for P, M for what branches off, dQ/dπ [entry of π, entry of Q], then Q.

    Args:
        counts: number of entries of each agent.
    """
    size, entries, steps = sum(counts), prod(counts), []
    offsets = [sum(counts[:agent]) for agent in range(len(counts))]
    for i, own in enumerate(counts):
        others = [p for p in range(len(counts)) if p != i and counts[p] > 1]
        behind = [own * prod(counts[o] for o in others[place + 1 :]) for place in range(len(others))]
        source, at, free = 0, i * entries, 0
        payoff = 2 * entries + size * size + offsets[i]
        for place, p in enumerate(others):
            block = 2 * entries + offsets[p] * size + offsets[i]
            branch = (source, at, entries)
            for later in range(place + 1, len(others)):
                o, inner, last = others[later], behind[later], later == len(others) - 1
                to, stride = (block, size) if last else (branch[2], inner)
                steps.append((*branch[:2], to, counts[p], counts[o], inner, stride, offsets[o]))
                branch = (1, branch[2], branch[2] + counts[p] * inner)
            if p == others[-1]:
                steps.append((source, at, block, counts[p], 0, own, size, 0))
            inner = behind[place]
            to = payoff if p == others[-1] else free
            steps.append((source, at, to, 1, counts[p], inner, inner, offsets[p]))
            source, at, free = 1, free, free + inner
        if not others:
            steps.append((0, at, payoff, 1, 0, own, own, 0))
    return np.array(steps, dtype=np.int64)


def all_expected(tensor: np.ndarray, blocks: Sequence[Vector]) -> list[Vector]:
    """Q of every agent for one common tensor. Shapes [x1, …, xN], N × [x_j] → N × [x_j].

    Agents are halved; each half's marginal tensor is one matrix–vector product with the other half's joint policy, and
    all that follows is smaller than its square root where agents are alike. Both products take the same rows while
    these are in the processor's cache, so that memory is read once.
    """
    if len(blocks) == 1:
        return [tensor.reshape(-1)]
    half = len(blocks) // 2
    left, right = blocks[:half], blocks[half:]
    of_left, of_right = _joint(left), _joint(right)
    matrix = tensor.reshape(of_left.shape[0], -1)
    for_left, for_right = np.empty(of_left.shape[0]), np.zeros(of_right.shape[0])
    rows = max(1, CACHED // of_right.shape[0])
    for start in range(0, of_left.shape[0], rows):
        part = slice(start, start + rows)
        np.matmul(matrix[part], of_right, out=for_left[part])
        for_right += of_left[part] @ matrix[part]
    return all_expected(for_left, left) + all_expected(for_right, right)


def _joint(blocks: Sequence[Vector]) -> Vector:
    """The outer product of the blocks, flat; [1.0] for none."""
    joint = np.ones(1)
    for block in blocks:
        joint = (joint[:, None] * block).reshape(-1)
    return joint
