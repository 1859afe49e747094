"""The branch of equilibria between infinite temperature and the temperatures asked, and where it turns or divides.

    from equipoise import games
    branch = games.trace(games.library.stag_hunt(), 0.5)
    branch.factors, branch.policies, branch.bifurcations

Temperatures are c τ with one factor c for all agents and information sets, c from ∞ down to 1; how the branch is
followed is told in `homotopy` and `path`. From the reference at c = ∞ there is one branch, the principal one. Through
an equilibrium that is not on it (`start`) the branch is followed upward in temperature: it turns at a fold and comes
back to c = 1 at another equilibrium, since at c = ∞ there is nothing but the principal branch. `bifurcations`
collects both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.equilibrium import plain
from equipoise.games.game import Game, Regularizer
from equipoise.games.layout import Matrix, Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Status
from equipoise.games.solvers.newton import Newton
from equipoise.games.solving import find_all, solve
from equipoise.games.tracing.bifurcation import Bifurcation, passed
from equipoise.games.tracing.homotopy import Homotopy
from equipoise.games.tracing.path import LIMIT, Path, follow, principal
from equipoise.games.tracing.pursuit import REACHED

APART = 1e-6


@dataclass(frozen=True, eq=False)
class Branch:
    """A followed branch.

    Attributes:
        homotopy: the family of problems.
        path: its points.
    """

    homotopy: Homotopy
    path: Path

    @property
    def problem(self) -> Problem:
        """The game at the temperatures asked."""
        return self.homotopy.problem

    @property
    def arrived(self) -> bool:
        """Whether it ended at the temperatures asked."""
        return self.path.ended == REACHED and bool(self.path.points[-1, -1] > 0.0)

    @cached_property
    def factors(self) -> Vector:
        """What the temperatures asked are multiplied by at every point: inf at infinite temperature. Shape [k]."""
        with np.errstate(divide="ignore"):
            return 1.0 / self.path.times

    @cached_property
    def policies(self) -> Matrix:
        """The flat profile at every point. Shape [k, n]."""
        return np.array([self.homotopy.policy(point[:-1]) for point in self.path.points])

    @property
    def profiles(self) -> list[list[Any]]:
        """The profile at every point, in public form."""
        return [self.problem.layout.nest(policy) for policy in self.policies]

    @cached_property
    def bifurcations(self) -> tuple[Bifurcation, ...]:
        """Folds and branch points in the order they were passed, solved for to rounding."""
        return passed(self.homotopy, self.path)

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists; a factor of infinity is None."""
        return {
            "arrived": self.arrived,
            "factors": [factor if np.isfinite(factor) else None for factor in self.factors.tolist()],
            "profiles": plain(self.profiles),
            "bifurcations": [found.as_json() for found in self.bifurcations],
        }


def trace(
    game: Game,
    temperatures: Any,
    *,
    continuation: str = "kl",
    reference: Sequence[Any] | None = None,
    start: Sequence[Any] | None = None,
    limit: int = LIMIT,
    longest: float = np.inf,
) -> Branch:
    """The principal branch from infinite temperature to the temperatures asked, or the branch through an equilibrium.

    Args:
        game: the game.
        temperatures: τ > 0 in units of payoff: a number, `[agent]` or `[agent][information set]`.
        continuation: "kl", "soft" or "plain", as in `solve`.
        reference: profile at infinite temperature; uniform if None.
        start: an equilibrium at the temperatures asked, to follow from there upward in temperature.
        limit: most attempted steps.
        longest: bound on a step's arc length, in logits; 0.1 gives points for a smooth picture.

    Raises:
        InputError: arguments that do not fit the game, or a start that is no equilibrium.
    """
    problem = Problem(game, Regularizer.of(game.layout, temperatures, reference=reference, continuation=continuation))
    homotopy = Homotopy(problem)
    if start is None:
        return Branch(homotopy, principal(homotopy, limit=limit, longest=longest))
    method = Newton(first_step=1e9, turns=0)
    exact = solve(
        game, temperatures, continuation=continuation, reference=reference, method=method, start=start, iterations=20
    )
    flat = game.layout.flatten(start, what="start")
    if exact.status is not Status.CONVERGED or np.abs(exact.policy - flat).max() > 1e-3:
        raise InputError(
            f"the start is no equilibrium at these temperatures: its residual is {problem.residual(flat):.3g}. "
            "Take one from `solve` or `find_all`, or leave it out for the principal branch."
        )
    return Branch(
        homotopy, follow(homotopy, homotopy.differences(exact.logits), time=1.0, limit=limit, longest=longest)
    )


def bifurcations(
    game: Game,
    temperatures: Any,
    *,
    continuation: str = "kl",
    reference: Sequence[Any] | None = None,
    starts: int = 100,
    seed: int = 0,
) -> list[Bifurcation]:
    """Folds and branch points above the temperatures asked, on every branch that reaches them, hottest first.

    Args:
        game, temperatures, continuation, reference, starts, seed: as in `branches`.
    """
    options: dict[str, Any] = {"continuation": continuation, "reference": reference}
    return distinct(branches(game, temperatures, starts=starts, seed=seed, **options))


def branches(
    game: Game,
    temperatures: Any,
    *,
    continuation: str = "kl",
    reference: Sequence[Any] | None = None,
    starts: int = 100,
    seed: int = 0,
    longest: float = np.inf,
) -> list[Branch]:
    """The principal branch and those through the other equilibria that `find_all` finds, so that it is a search.

    Args:
        game, temperatures, continuation, reference, longest: as in `trace`.
        starts, seed: as in `find_all`.
    """
    options: dict[str, Any] = {"continuation": continuation, "reference": reference}
    followed = [trace(game, temperatures, longest=longest, **options)]
    ends = [followed[0].policies[-1]]
    for equilibrium in find_all(game, temperatures, starts=starts, seed=seed, **options):
        if all(np.abs(equilibrium.policy - end).max() > APART for end in ends):
            followed.append(trace(game, temperatures, start=equilibrium.profile, longest=longest, **options))
            ends += [equilibrium.policy, followed[-1].policies[-1]]
    return followed


def distinct(followed: Sequence[Branch]) -> list[Bifurcation]:
    """The folds and branch points of some branches, each once, hottest first."""
    found: list[Bifurcation] = []
    for bifurcation in (bifurcation for branch in followed for bifurcation in branch.bifurcations):
        if not any(_same(bifurcation, other) for other in found):
            found.append(bifurcation)
    return sorted(found, key=lambda bifurcation: bifurcation.time)


def _same(one: Bifurcation, other: Bifurcation) -> bool:
    close = abs(one.time - other.time) <= APART * one.time
    return (
        close
        and float(np.abs(one.homotopy.policy(one.unknowns) - other.homotopy.policy(other.unknowns)).max()) <= APART
    )
