"""What an iteration of bandit learning tells: a line of numbers, computed with the diagnostics of `equipoise.games`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Bools
from equipoise.games.diagnostics import oscillation
from equipoise.games.layout import Layout
from equipoise.games.response import SMALLEST, divergence, entropy
from equipoise.learning.json_lines import add_line, first_lines

WINDOW = 20
"""Policies of which the oscillation index is taken."""

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """One iteration.

    Attributes:
        iteration: 1 for the first.
        reward: mean return of its rollouts.
        right: mean score of their decisions, in [0, 1].
        cost: mean cost of a rollout.
        calls: columns asked so far, all iterations together.
        regret: average best-response regret over the replayed rollouts.
        loss: of the critics, mean over its gradient steps.
        entropy: of the policy at the states visited, as a share of the most it can be, where there was a choice.
        divergence: KL of the policy from that of the iteration before, at these states, in nats.
        oscillation: index of the last `WINDOW` policies at fixed states; above 0 they overshoot.
        temperature: mean τ at the states visited.
        margin: what the margin's hook says; None without one.
    """

    iteration: int
    reward: float
    right: float
    cost: float
    calls: int
    regret: float
    loss: float
    entropy: float
    divergence: float
    oscillation: float
    temperature: float
    margin: float | None = None


def mean_entropy(policy: Array, free: Bools) -> float:
    """Mean H(π)/log |free| over the sets with a choice, in [0, 1]; 0 where there is none. Shapes [..., controls]."""
    flat, layout = _flat(policy, free)
    several = layout.sizes > 1
    return float((entropy(flat, layout)[several] / np.log(layout.sizes[several])).mean()) if several.any() else 0.0


def mean_divergence(policy: Array, before: Array, free: Bools) -> float:
    """Mean KL(π‖π before) over the sets with a choice, in nats; 0 where there is none. Shapes [..., controls]."""
    flat, layout = _flat(policy, free)
    several = layout.sizes > 1
    other = np.log(np.maximum(_flat(before, free)[0], SMALLEST))
    return float(divergence(flat, other, layout)[several].mean()) if several.any() else 0.0


def overshooting(policies: Sequence[Array]) -> float:
    """The oscillation index of some policies, one after the other; 0 for fewer than three."""
    return oscillation.index(np.array([policy.ravel() for policy in policies], dtype=np.float64))


def tell(file: Path, told: Iteration) -> None:
    """Adds an iteration to a file of JSON lines.

    Raises:
        WriteError: the file cannot be written.
    """
    add_line(file, asdict(told))


def told_until(file: Path, iteration: int) -> list[Iteration]:
    """The iterations in a file up to one, which it holds alone from now on: what a killed run did after its last
    checkpoint is done again."""
    return [Iteration(**told) for told in first_lines(file, iteration)]


def _flat(policy: Array, free: Bools) -> tuple[NDArray[np.float64], Layout]:
    """The probabilities of free controls end to end, one set after the other."""
    counts = free.sum(axis=-1).ravel()
    return policy[free].astype(np.float64), Layout((tuple(int(count) for count in counts),))
