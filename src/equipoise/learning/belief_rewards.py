r"""What an executor's answer earns, in three parts, each in [0, 1].

$$\mathrm{AL}_i = \tfrac12\bigl(1 + \cos(x_i, x_C)\bigr), \qquad \mathrm{TS}_i = 1[\text{answer } i \text{ is right}],
\qquad \mathrm{CC}_i = .7\,\cdot 1[k_i = k_C] + .3\,\bigl(1 - \max_{j \ne i} \cos(x_i, x_j)^+\bigr)$$

x are text embeddings, k vote keys, C the commitment. TS looks at *this* executor's own answer and the gold answer,
which only a trainer knows. CC is faithfulness to the commitment and novelty against the peers. An answer that cannot be
read (no key) earns 0 in every part; so does alignment with a commitment that is none.

Source: ECON (arXiv 2506.08292), rewards (`econ.md`, section 4); .7 and .3 are those of its code. In the paper the
Coordinator judges CC; here it is computed, so that a reward costs no call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAITHFUL, NOVEL = 0.7, 0.3


def cosine(left: Floats, right: Floats) -> Floats:
    """Cosines along the last axis; 0 where a vector is 0. Shapes [..., d], [..., d] → [...]."""
    lengths = np.linalg.norm(left, axis=-1) * np.linalg.norm(right, axis=-1)
    return np.divide((left * right).sum(-1), lengths, out=np.zeros_like(lengths), where=lengths > 0)


def components(
    answers: Floats, keys: Sequence[str | None], right: Sequence[bool], commitment: Floats, agreed: str | None
) -> Floats:
    """AL, TS and CC of every executor [agents, 3].

    Args:
        answers: embeddings of the answers [agents, d].
        keys: vote keys; None for an answer that cannot be read.
        right: whether each answer is right.
        commitment: embedding of the commitment [d].
        agreed: its vote key; None if it has none.
    """
    n = len(keys)
    parts = np.zeros((n, 3))
    if agreed is not None:
        parts[:, 0] = (1 + cosine(answers, commitment[None])) / 2
    parts[:, 1] = np.array(right, dtype=float)
    faithful = np.array([agreed is not None and key == agreed for key in keys], dtype=float)
    parts[:, 2] = FAITHFUL * faithful + NOVEL * (1 - _closest_peer(answers))
    parts[[key is None for key in keys]] = 0.0
    return np.clip(parts, 0.0, 1.0)


def _closest_peer(answers: Floats) -> Floats:
    """Largest cosine to a peer's answer, not below 0 [agents]; 0 in a team of one."""
    if len(answers) < 2:
        return np.zeros(len(answers))
    between = cosine(answers[:, None], answers[None])
    np.fill_diagonal(between, 0.0)
    return np.clip(between.max(axis=1), 0.0, 1.0)
