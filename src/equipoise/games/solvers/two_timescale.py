"""Two-timescale iteration for Markov games: values follow the policies fast, policies follow the values slowly.

    V_i ← V_i + b (⟨π, r_i + γ P V_i⟩ + h_i − V_i)                  fast: an actor's critic, never solved to the end
    z_i ← (1 − α) z_i + α (log ρ_i + Q_i(π, V_i)/τ_i)               slow: damped logit response to the values held

Q(π, V) = E[r + γ V(s')] at the others' policies, h = 0 (plain), τ H(π) (soft) or −τ KL(π‖ρ) (kl), π = softmax z. Its
fixed points are the equilibria with their values. No system of S equations is solved: an update costs one pass over
the payoffs and N over the non-zeros of P, and the values of all states move by it. A level added to V_i changes no
policy, so the middle of its span is taken off; the rest is forgotten at γ|λ₂(P_π)| or faster rather than at γ.

Steps. With sampled payoffs Σα = Σb = ∞, Σ(α² + b²) < ∞ and α/b → 0 are asked for (Borkar, Systems & Control Letters
29, 1997, theorem 1.1; Leslie and Collins, SIAM J. Control Optim. 44, 2005, for games): values then see policies that
stand still, and policies see values that have converged. Here payoffs are exact and steps constant: with b in (0, 1]
value updates contract at 1 − b(1 − γ) for policies that stand still, and where the logit dynamics are stable at the
equilibrium (every eigenvalue of B has a real part below 1) both scales together converge for α small enough against
b(1 − γ), by singular perturbation (Kokotović, Khalil and O'Reilly, 1986, section 2.5). How small is not known
beforehand: wherever the largest change of logits over a stretch of the dynamics' time, Σα = 10, is not below that of
the stretch before, α is halved. Beyond that nothing is promised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from equipoise.errors import InputError
from equipoise.games import stage
from equipoise.games.forms.markov import Markov
from equipoise.games.layout import Matrix, Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solvers.mirror_descent import SMALLEST_DAMPING, WINDOW, MirrorDescent, circling
from equipoise.games.solvers.newton import reach

WAIT = 20
"""Updates between two evaluations of the residual, once the updates themselves are small."""

PERIOD = 10.0
"""Time of the logit dynamics, Σα, over which their largest change must fall: several e-foldings where they contract."""


@dataclass(frozen=True, kw_only=True)
class TwoTimescale(Solver):
    """Damped logit response against values that are tracked.

    Attributes:
        damping: first and largest step α of the policies, in (0, 1].
        tracking: step b of the values, in (0, 1].
        iterations: most updates, unless the limits say otherwise.
    """

    damping: float = 0.25
    tracking: float = 1.0
    iterations: int = 20_000

    def __post_init__(self) -> None:
        for what, step in (("damping", self.damping), ("tracking", self.tracking)):
            if not 0.0 < step <= 1.0:
                raise InputError(f"{what} is {step}; a step must lie in (0, 1].")

    def place(self, problem: Problem) -> int | None:
        """Late, for Markov games: it needs no linear system, but many updates."""
        return 80 if isinstance(problem.game, Markov) else None

    def run(self, problem: Problem, start: Vector, limits: Limits) -> Run:
        """Where the updates lead; without a future there is nothing to track, and it is `mirror_descent`."""
        most = self.iterations if limits.iterations is None else limits.iterations
        if not isinstance(problem.game, Markov):
            return MirrorDescent(first_damping=self.damping, iterations=most).run(problem, start, limits)
        enough = limits.tolerance + problem.rounding
        residuals: list[float] = []
        changes: deque[Vector] = deque(maxlen=WINDOW)
        logits, due = start, 0
        for iteration, (logits, change) in enumerate(self._path(problem, problem.game, start)):
            residuals.append(float(np.abs(change).max()))
            changes.append(change)
            # Small changes may be due to values that lag, so the residual itself decides. It takes a linear system,
            # and is not asked for at every update.
            if (residuals[-1] <= enough and iteration >= due) or iteration >= most:
                residual, due = problem.residual(problem.policy(logits)), iteration + WAIT
                if residual <= enough:
                    return Run(logits, Status.CONVERGED, residual, iteration, tuple(residuals))
                if iteration >= most:
                    break
        status = Status.OSCILLATING if circling(np.array(changes)) else Status.LIMIT
        return Run(logits, status, problem.residual(problem.policy(logits)), most, tuple(residuals))

    def _path(self, problem: Problem, game: Markov, start: Vector) -> Iterator[tuple[Vector, Vector]]:
        """Logits, and the response to the values held less the policy, before every update; endless. Shapes [n]."""
        alpha, logits = self.damping, start
        values = np.zeros((game.states, game.layout.agents))
        largest, before, passed = 0.0, np.inf, 0.0
        while True:
            policy = problem.policy(logits)
            q, target = _look_ahead(problem, game, policy, values)
            gap = q - problem.layout.spread(problem.layout.largest(q))
            answer = problem.regularizer.log_reference + gap / problem.regularizer.spread_temperature
            move = answer - logits
            largest, passed = max(largest, reach(move, problem)), passed + alpha
            yield logits, problem.policy(answer) - policy
            if passed >= PERIOD:
                alpha = alpha if largest < before else max(alpha / 2, SMALLEST_DAMPING)
                largest, before, passed = 0.0, largest, 0.0
            values = _levelled(values + self.tracking * (target - values))
            logits = logits + alpha * move


def _look_ahead(problem: Problem, game: Markov, policy: Vector, values: Matrix) -> tuple[Vector, Matrix]:
    """Q(π, V), and ⟨π, Q⟩ + h, one step of V's equation. Shapes [n], [S, agents] → [n], [S, agents]."""
    policies = game.padded(policy)
    prospects = game.payoffs + game.discount * np.moveaxis(game.transitions.ahead(values), -1, 0)
    rows = [stage.expected(prospect, policies, agent) for agent, prospect in enumerate(prospects)]
    now = np.stack([(row * own).sum(axis=1) for row, own in zip(rows, policies, strict=True)], axis=1)
    return game.flat(rows), now + game.bonus(policy, problem.regularizer)


def _levelled(values: Matrix) -> Matrix:
    """The values less the middle of each agent's span: differences keep more digits without their level."""
    return values - (values.max(axis=0) + values.min(axis=0)) / 2


SOLVER = TwoTimescale()
