"""Pseudo-arclength continuation of the principal branch, from infinite temperature to exactly the temperatures asked.

    F(w, t) = w − Δ log ρ − T⁻¹ Δ[t A(π) + B(π)] = 0,       t from 0 (π = ρ) to 1, along the arc and so round folds

The equation is explained in `homotopy`, the steps in `path` and `pursuit`, the bifurcations it reports in
`bifurcation`. It selects an equilibrium by the game alone, whatever the start: the limiting logit equilibrium's
branch of McKelvey and Palfrey (1995, theorem 3), which for almost all games is one smooth curve (Turocy, Games and
Economic Behavior 51, 2005). Where the branch reaches the temperatures several times (an S), the profile is the first.
Symmetric games keep their symmetry through pitchforks; `tilt` breaks it by a reference that is a little off until t =
1.

The last correction is made at t = 1 itself, so that no equilibrium of other temperatures is returned; when the branch
is lost on the way, the status says so. Cost: some ten to thirty steps of two bordered systems each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solvers import direct, newton, newton_gmres
from equipoise.games.tracing.bifurcation import COUNTED, Bifurcation, negative_eigenvalues, passed
from equipoise.games.tracing.homotopy import Homotopy
from equipoise.games.tracing.path import LIMIT, Path, principal
from equipoise.games.tracing.pursuit import EXHAUSTED, REACHED

LONG = 1e12
"""Step length at which the implicit steps of `newton` are Newton's own."""
POLISHING = 10
APART = 1e-4
"""Largest change of a probability in polishing; beyond it, Newton went elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Continuation(Solver):
    """Continuation in temperature.

    Attributes:
        iterations: most attempted steps, unless the limits say otherwise.
        tilt: size of the noise in log ρ that unfolds pitchforks on the way and is gone at t = 1; 0 for none.
        seed: of that noise.
    """

    iterations: int = LIMIT
    tilt: float = 0.0
    seed: int = 0

    def place(self, problem: Problem) -> int | None:
        """After Newton from the reference, before annealing."""
        return 30

    def run(self, problem: Problem, start: Vector, limits: Limits) -> Run:
        """Where the principal branch first meets the temperatures asked; `start` plays no part."""
        homotopy = Homotopy(problem)
        if self.tilt:
            homotopy = homotopy.tilted(self.tilt, self.seed)
        path = principal(homotopy, limit=self.iterations if limits.iterations is None else limits.iterations)
        logits = homotopy.logits(path.points[-1, :-1])
        arrived = path.ended == REACHED and bool(path.times[-1] > 0.0)
        remark = _remark(homotopy, path, arrived=arrived)
        residual = path.residual if arrived else problem.residual(problem.policy(logits))
        if arrived and residual > limits.tolerance + problem.rounding:
            logits, residual = _polished(problem, logits, residual, limits)
        if arrived and residual <= limits.tolerance + problem.rounding:
            return Run(logits, Status.CONVERGED, residual, path.attempts, remark=remark)
        status = Status.LIMIT if path.ended == EXHAUSTED else Status.STALLED
        return Run(logits, status, residual, path.attempts, remark=remark)


def _polished(problem: Problem, logits: Vector, residual: float, limits: Limits) -> tuple[Vector, float]:
    """The same equilibrium by Newton on logits, where differences to an action of probability 0 have lost digits."""
    layout = problem.layout
    start = logits - layout.spread(layout.largest(logits))
    if layout.size > newton.DENSE_LIMIT:
        method: Solver = newton_gmres.NewtonGmres(first_step=LONG)
    elif direct.SOLVER.place(problem) is None:
        method = newton.Newton(first_step=LONG, turns=0)
    else:
        method = direct.Direct(first_step=LONG, turns=0)
    run = method.run(problem, start, Limits(tolerance=limits.tolerance, iterations=POLISHING))
    same = np.abs(problem.policy(run.logits) - problem.policy(logits)).max() <= APART
    return (run.logits, run.residual) if same and run.residual < residual else (logits, residual)


def _remark(homotopy: Homotopy, path: Path, *, arrived: bool) -> str:
    """What the user should know of the way; empty where nothing happened."""
    parts: list[str] = []
    if not arrived:
        coolest = float(path.times.max())
        where = (
            "was not left"
            if coolest <= 0.0
            else f"was followed down to {1.0 / coolest:.6g} times the temperatures asked"
        )
        parts.append(f"The principal branch {where}.")
    eventful = path.eventful
    # Eigenvalues of F_w in a one-shot game sum to their number, so that of two at most one is below 0.
    if not eventful and arrived and 2 < path.points.shape[1] - 1 <= COUNTED:
        eventful = negative_eigenvalues(homotopy, path.points[-1], path.scale) > 0
    if eventful:
        parts += _events(passed(homotopy, path))
    return " ".join(parts)


def _events(found: Sequence[Bifurcation]) -> list[str]:
    folds = [bifurcation for bifurcation in found if bifurcation.kind == "fold"]
    sentences = []
    if folds:
        sentences.append(
            f"On the way the principal branch turned at {_at('fold', folds)}; the profile is where it first meets the "
            "temperatures asked, and other equilibria exist near the folds."
        )
    for kind, name in (("pitchfork", "pitchfork"), ("multiple", "multiple branch point")):
        here = [bifurcation for bifurcation in found if bifurcation.kind == kind]
        if here:
            sentences.append(
                f"On the way the principal branch passed {_at(name, here)}: other equilibria branch off there, and the "
                "profile is on the symmetric branch."
            )
    crossings = [bifurcation for bifurcation in found if bifurcation.kind == "transcritical"]
    if crossings:
        sentences.append(f"On the way another branch crossed the principal one at {_at('branch point', crossings)}.")
    return sentences


def _at(name: str, found: Sequence[Bifurcation]) -> str:
    """ "a fold at 1.25 times the temperatures asked", or "folds at 1.25 and 1.5 times …"."""
    factors = [f"{factor:.10g}" for factor in np.array([bifurcation.factor for bifurcation in found])]
    listed = " and ".join(filter(None, [", ".join(factors[:-1]), factors[-1]]))
    return f"{f'a {name}' if len(found) == 1 else f'{name}s'} at {listed} times the temperatures asked"


SOLVER = Continuation()
