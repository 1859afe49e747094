"""Compiled code for 2×2 games, one or many; imported only where numba is installed.

The steps are those of `newton_kernels` on the two differences of logits that such a game has, x = z_1(0) − z_1(1) and y
likewise, with σ the logistic function and k the second differences of the payoffs:

    X(y) = (c_1 + k_1 σ(y))/τ_1,   Y(x) = (c_2 + k_2 σ(x))/τ_2
    ((1 + 1/h) I − J) (dx, dy) = (X − x, Y − y),   J = [[0, k_1 σ'(y)/τ_1], [k_2 σ'(x)/τ_2, 0]]

The iterates are the same, and so is the equilibrium that they reach; a step costs two exponentials, and two more where
the residual may be small. `solve_one` is compiled when this module is imported, for one signature.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from equipoise.games.kernels import internal
from equipoise.games.problem import MOST_ROUNDING

SURELY = 4.0
"""As in `newton_kernels`."""


@internal
def _logistic(x):
    """σ(x) and σ(−x), both to full relative precision."""
    small = np.exp(-abs(x))
    large = 1.0 / (1.0 + small)
    return (large, small * large) if x >= 0.0 else (small * large, large)


@internal
def _solve(first, second, settings, tolerance):
    """Differences of logits, the residual and the number of steps of one game: implicit steps from uniform play."""
    limit, step, turns = settings
    x, y, before, residual = 0.0, 0.0, -1.0, 1.0
    for iteration in range(limit + 1):
        p, p_other = _logistic(x)
        q, q_other = _logistic(y)
        move_x, move_y = first[0] + first[1] * q - x, second[0] + second[1] * p - y
        length = max(abs(move_x), abs(move_y))
        rarer_p, rarer_q = min(p, p_other), min(q, q_other)
        far = rarer_p > 2.0 * tolerance and abs(move_x) * rarer_p > SURELY * tolerance
        if (
            not (far or (rarer_q > 2.0 * tolerance and abs(move_y) * rarer_q > SURELY * tolerance))
            or iteration == limit
        ):
            residual = max(abs(p - _logistic(x + move_x)[0]), abs(q - _logistic(y + move_y)[0]))
            if residual <= tolerance or iteration == limit or not np.isfinite(move_x + move_y):
                return x, y, residual, iteration
        if before > 0.0:
            step = min(max(step * before / length, 0.1), 1e12) if length > 0.0 else 1e12
        before = length
        spread_p, spread_q = p * p_other, q * q_other
        slope_x, slope_y = first[1] * spread_q, second[1] * spread_p
        while True:
            diagonal = 1.0 + 1.0 / step
            determinant = diagonal * diagonal - slope_x * slope_y
            if determinant == 0.0:
                return x, y, 1.0, iteration
            d_x = (diagonal * move_x + slope_x * move_y) / determinant
            d_y = (diagonal * move_y + slope_y * move_x) / determinant
            if turns == 0 or spread_p * d_x * move_x + spread_q * d_y * move_y > 0.0:
                break
            step, turns = step / 4.0, turns - 1
        x, y = x + d_x, y + d_y
    return x, y, residual, limit


@njit("optional(UniTuple(float64, 8))(float64[::1], float64[::1])", cache=True, error_model="numpy", nogil=True)
def solve_one(game, temperatures):
    """The numbers of `newton_kernels.solve_tensor` where that converges from uniform play, None where it does not.

    An array to write to, and one more to read from, would take as long as the solve itself.

    Args:
        game: both payoff tensors in packed form (see `contraction`), then the settings of `solve_tensor`. Shape [13].
        temperatures: of both agents. Shape [2]; None is returned for others, and where one is not positive and finite.
    """
    if temperatures.shape[0] != 2:
        return None
    one, other = temperatures[0], temperatures[1]
    if not (0.0 < one < np.inf and 0.0 < other < np.inf):
        return None
    u, settings = game, game[8:]
    tolerance = settings[0] + min(settings[1] / min(one, other), MOST_ROUNDING)
    x, y, residual, count = _solve(
        ((u[2] - u[3]) / one, (u[0] - u[1] - u[2] + u[3]) / one),
        ((u[6] - u[7]) / other, (u[4] - u[5] - u[6] + u[7]) / other),
        (int(settings[2]), settings[3], int(settings[4])),
        tolerance,
    )
    if not residual <= tolerance:
        return None
    return x, 0.0, y, 0.0, one, other, residual, float(count)


@njit(cache=True, error_model="numpy", nogil=True)
def solve_two_by_two(payoffs, temperatures, settings, results):
    """Fills the results of 2×2 games [B, 8] as given, not packed, at temperatures [B, 2].

    `settings` and results are those of `batch_kernels.solve_many`.
    """
    policies, residuals, iterations, converged = results
    tolerance, limit, first_step, turns, rounding = settings
    for game in range(payoffs.shape[0]):
        u, heat = payoffs[game], temperatures[game]
        allowed = tolerance + min(rounding * np.abs(u).max() / min(heat[0], heat[1]), MOST_ROUNDING)
        first = ((u[1] - u[3]) / heat[0], (u[0] - u[2] - u[1] + u[3]) / heat[0])
        second = ((u[6] - u[7]) / heat[1], (u[4] - u[5] - u[6] + u[7]) / heat[1])
        x, y, residual, count = _solve(first, second, (limit, first_step, turns), allowed)
        policies[game, 0], policies[game, 1] = _logistic(x)
        policies[game, 2], policies[game, 3] = _logistic(y)
        residuals[game], iterations[game], converged[game] = residual, count, residual <= allowed
