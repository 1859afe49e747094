"""A compiled loop over many small games of one shape; imported only where numba is installed."""

from __future__ import annotations

import numpy as np
from numba import njit

from equipoise.games.kernels import softmax
from equipoise.games.newton_kernels import CONVERGED, solve_tensor


@njit(cache=True, error_model="numpy", nogil=True)
def solve_many(packed, layout, temperatures, settings, results):
    """Fills the results of games [B, N · M] in packed form (see `kernels`) at temperatures [B, agents].

    Args:
        packed: payoffs.
        layout: the plan, agent, first entry and number of actions of every set, log of uniform play.
        temperatures: of each game and agent.
        settings: tolerance, most steps, first step, turns, and the rounding in units of the largest payoff over τ.
        results: policies [B, n], residuals [B], iterations [B], converged [B].
    """
    policies, residuals, iterations, converged = results
    tolerance, limit, first_step, turns, rounding = settings
    plan, index, log_reference = layout
    n, sets = log_reference.shape[0], index.shape[1]
    numbers, given = np.zeros(n + sets + 2), np.empty(5)
    given[0], given[2], given[3], given[4] = tolerance, limit, first_step, turns
    for game in range(packed.shape[0]):
        given[1] = rounding * np.abs(packed[game]).max()
        status = solve_tensor(
            packed[game], plan, index, temperatures[game], log_reference, log_reference, given, numbers
        )
        residuals[game], iterations[game] = numbers[n + sets], numbers[n + sets + 1]
        converged[game] = status == CONVERGED
        softmax(numbers[:n], index[1], index[2], policies[game])
