"""The margin of a hierarchy: what temperatures leave once the coupling within and between its levels is taken off.

    margin = min{ min_c μ_c, τ_g } − L_hier > 0,     μ_c = min_{i∈C_c} τ_i − L_c

With K the symmetrised second differences of all agents, the gate included (`coupling`, unit weights), and d_x = ‖π_x −
π'_x‖₁, payoffs contribute at most dᵀKd/8 to −Σ ⟨F_x(π) − F_x(π'), π_x − π'_x⟩ and entropies at least Σ τ_x d_x²
(Pinsker). K is split into the blocks of the clusters and what lies outside them, so

    L_c = λ_max(K_cc)/8,     L_hier = λ_max(K − ⊕_c K_cc)/8,     modulus ≥ margin

by Weyl's inequality: if it is positive the equilibrium is unique. For clusters of two agents that meet nobody else L_c
is the paper's constant. The least of the blocks counts, never their sum: two clusters that do not meet, with margins
+2 and −1, may have several equilibria. L_hier holds what the gate reads of the agents even where it pays nothing back,
when the equilibrium is unique if that of the agents is: the margin is sufficient, not necessary.

Cost: the second differences of the joint normal form and K + 1 symmetric eigenvalue problems.

Source: DICE (arXiv 2606.08068), hierarchical margin, with the minimum in place of the paper's sum; derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.coupling import coupling_of
from equipoise.games.forms.hierarchy import Hierarchy
from equipoise.games.game import Regularizer
from equipoise.games.layout import Matrix, Vector

ROUNDING = 1e-12
"""How far above 0 a margin must lie to hold, relative to the warmest temperature."""


@dataclass(frozen=True, eq=False, kw_only=True)
class HierarchicalMargin:
    """What a hierarchy's temperatures leave; all in units of payoff.

    Attributes:
        clusters: μ_c of every cluster. Shape [clusters].
        gate: τ_g.
        coupling: L_hier.
        scale: the warmest temperature, which rounding is relative to.
    """

    clusters: Vector
    gate: float
    coupling: float
    scale: float

    @property
    def margin(self) -> float:
        """min{min_c μ_c, τ_g} − L_hier."""
        return min(float(self.clusters.min()), self.gate) - self.coupling

    @property
    def holds(self) -> bool:
        """Whether the equilibrium is proved unique."""
        return self.margin > ROUNDING * self.scale


def hierarchical_margin(game: Hierarchy, temperatures: Any) -> HierarchicalMargin:
    """The margin of a hierarchy at its temperatures; no equilibrium is computed.

    Args:
        game: a hierarchy over a normal form or a common payoff.
        temperatures: τ > 0 in units of payoff: a number or `[agent]`, the gate last.

    Raises:
        InputError: temperatures that do not fit, or a game whose second differences are not known.
    """
    temperature = Regularizer.of(game.layout, temperatures).temperature
    coupling = coupling_of(game)
    if coupling is None:
        raise InputError(
            f"the hierarchical margin needs second differences, which are not known for a {type(game.game).__name__} "
            "of this size under a gate. It is for normal forms and common payoffs."
        )
    symmetric = coupling.symmetrised(np.ones(game.layout.sets))
    across, margins = symmetric.copy(), []
    for members in game.clusters:
        block = np.ix_(members, members)
        margins.append(float(temperature[list(members)].min()) - _eighth(symmetric[block]))
        across[block] = 0.0
    return HierarchicalMargin(
        clusters=np.array(margins),
        gate=float(temperature[-1]),
        coupling=_eighth(across),
        scale=float(temperature.max()),
    )


def _eighth(matrix: Matrix) -> float:
    """λ_max/8 of a symmetric matrix with no negative entry; ≥ 0."""
    return max(float(np.linalg.eigvalsh(matrix)[-1]) / 8.0, 0.0)
