"""The contract of every game: payoffs of actions, as one vector, at a profile, as one vector.

    Q[(i, x, a)] = expected payoff of agent i's action a in information set x when the others play π

and, where the game goes on, the continuation. A game knows its `layout`, computes `q` and its derivative, and says what
policies are worth. It knows nothing of solvers. Temperatures, references and the continuation convention travel in a
`Regularizer`; only games with a future (Markov) read it, because there the value of tomorrow depends on it:

    plain  V = ⟨π, Q⟩                     logit agent quantal response of McKelvey and Palfrey (1998); DICE, equation 5
    soft   V = ⟨π, Q⟩ + τ H(π)            the equilibrium of the entropy-regularised game; pays for visiting hot states
    kl     V = ⟨π, Q⟩ − τ KL(π‖ρ)         the same with the reference taken out: no pay for heat (the default)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from equipoise.errors import InputError
from equipoise.games.layout import Layout, Matrix, Vector
from equipoise.games.response import divergence, log_softmax
from equipoise.games.validation import LARGEST, check_distribution, check_finite, per_agent

Continuation = Literal["kl", "soft", "plain"]
CONTINUATIONS: tuple[Continuation, ...] = ("kl", "soft", "plain")

COLDEST = 1e-60
"""Least temperature that is accepted: payoffs over temperatures, squared, must not overflow."""

Tangent = Callable[[Vector], Vector]
"""A directional derivative: a change of the profile [n] → the change of Q [n], to first order."""


@dataclass(frozen=True, eq=False)
class Regularizer:
    """What turns payoffs into a quantal response.

    Attributes:
        layout: the game's.
        temperature: τ > 0 of every set, in units of payoff. Shape [sets].
        log_reference: log ρ of every entry. Shape [n].
        continuation: what tomorrow is worth.
    """

    layout: Layout
    temperature: Vector
    log_reference: Vector
    continuation: Continuation = "kl"

    @cached_property
    def spread_temperature(self) -> Vector:
        """τ of every entry. Shape [n]."""
        return self.layout.spread(self.temperature)

    def heated(self, factor: float) -> Regularizer:
        """The same with every temperature multiplied by a factor > 0."""
        return Regularizer(self.layout, self.temperature * factor, self.log_reference, self.continuation)

    @classmethod
    def of(
        cls, layout: Layout, temperatures: Any, *, reference: Sequence[Any] | None = None, continuation: str = "kl"
    ) -> Regularizer:
        """The regularizer of public arrays.

        Args:
            layout: the game's.
            temperatures: a number, `[agent]` or `[agent][information set]`.
            reference: a profile in public form with positive probabilities; None for uniform.
            continuation: "kl", "soft" or "plain".

        Raises:
            InputError: a temperature ≤ 0 or of the wrong shape, a reference that is no interior profile, an unknown
                continuation; says which entry.
        """
        if continuation not in CONTINUATIONS:
            raise InputError(f"no continuation '{continuation}'. Available: {', '.join(CONTINUATIONS)}.")
        per_set = _temperatures(layout, temperatures)
        if reference is None:
            log_reference = layout.uniform
        else:
            flat = layout.flatten(reference, what="reference")
            if (flat <= 0).any():
                where = layout.set_label(int(layout.set_of[np.flatnonzero(flat <= 0)[0]]))
                raise InputError(f"the reference of {where} gives an action probability ≤ 0; all must be positive.")
            check_profile(layout, flat, what="reference")
            log_reference = np.log(flat)
        return cls(layout, per_set, log_reference, continuation)


class Game(ABC):
    """A finite game in flat form.

    Attributes:
        layout: the index of its entries; n entries, `sets` (agent, information set) pairs.
        attempt: what a compiled solver keeps with a game of its kind, see `solvers.direct`; None for nothing.
    """

    layout: Layout
    attempt: Callable[[Any], Any] | None = None

    @cached_property
    @abstractmethod
    def payoff_scale(self) -> float:
        """A bound on |Q| without regularisation, to within a small factor; rounding of Q is relative to it."""

    @abstractmethod
    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Payoffs of actions against the others' policies. Shapes [n] → [n]."""

    @abstractmethod
    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ, dense: row = entry of Q, column = entry of π. Shape [n, n].

        It must be right on directions that sum to 0 in every set; on others games may differ.
        """

    def linearize(self, policy: Vector, regularizer: Regularizer) -> tuple[Vector, Tangent]:
        """Q and its directional derivative without the matrix, where a game has a cheaper way than the matrix."""
        matrix = self.jacobian(policy, regularizer)
        return self.q(policy, regularizer), lambda direction: matrix @ direction

    def condensed(self, policy: Vector, answer: Vector, regularizer: Regularizer) -> Matrix | None:
        """A smaller symmetric matrix with the non-zero eigenvalues of D(quantal response), where a game has one.

        Args:
            policy: the profile. Shape [n].
            answer: the quantal response to it. Shape [n].
            regularizer: temperatures and references.
        """
        return None

    def values(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """What every (agent, information set) expects from the profile. Shape [sets].

        One-shot games: the expected payoff ⟨π, Q⟩. Markov games: the continuation convention's V.
        """
        return self.layout.total(policy * self.q(policy, regularizer))

    def regularized_gap(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """What every (agent, set) would gain in ⟨π, Q⟩ − τ KL(π‖ρ) by its best reply, others fixed; ≥ 0. Shape [sets].

        One-shot games: τ KL(π‖QR), which is exact. Games with a future say how they extend it.
        """
        logits = regularizer.log_reference + self.q(policy, regularizer) / regularizer.spread_temperature
        gap = regularizer.temperature * divergence(policy, log_softmax(logits, self.layout), self.layout)
        return np.maximum(gap, 0.0)

    def exploitability(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """What every (agent, set) would gain in payoff by its best reply, without regularisation; ≥ 0. Shape [sets]."""
        q = self.q(policy, regularizer)
        return np.maximum(self.layout.largest(q) - self.layout.total(policy * q), 0.0)


def check_profile(layout: Layout, flat: Vector, *, what: str = "profile") -> None:
    """Nothing, for a profile whose every set sums to 1 with no negative entry.

    Raises:
        InputError: says which agent and information set.
    """
    for index, (start, size) in enumerate(zip(layout.starts, layout.sizes, strict=True)):
        check_distribution(flat[start : start + size], f"{what} of {layout.set_label(index)}")


def _temperatures(layout: Layout, temperatures: Any) -> Vector:
    """τ per set, from a number, one per agent or one per information set."""
    try:
        plain = np.asarray(temperatures, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        plain = np.empty((0, 0))
    if plain.shape == (layout.agents,):
        per_set = plain[layout.agent_of_set]
    elif not plain.ndim:
        per_set = np.full(layout.sets, plain)
    else:
        rows = per_agent(temperatures, "temperatures")
        if len(rows) != layout.agents:
            raise InputError(f"temperatures has {len(rows)} entries; the game has {layout.agents} agents.")
        for agent, (row, counts) in enumerate(zip(rows, layout.counts, strict=True)):
            if row.shape not in ((), (len(counts),)):
                needs = f"a number or {len(counts)} of them, one per {layout.set_name}"
                raise InputError(f"temperatures[{agent}] has shape {list(row.shape)}; it needs {needs}.")
        per_set = np.concatenate(
            [np.broadcast_to(row, len(counts)) for row, counts in zip(rows, layout.counts, strict=True)]
        )
    if not COLDEST <= per_set.min() <= per_set.max() <= LARGEST:
        check_finite(per_set, "temperatures")
        index = int(np.flatnonzero(per_set < COLDEST)[0])
        label, found = layout.set_label(index), float(per_set[index])
        needs = "must be above 0" if found <= 0.0 else f"below {COLDEST:g} needs smaller units of payoff"
        raise InputError(f"the temperature of {label} is {found:g}; every temperature {needs}.")
    return per_set
