"""What a solve returns: a profile, how good it is, what it is worth and whether it is a drift or an oscillation away.

Everything but the profile is computed when it is first asked for, so that a solve costs no more than it must.

    residual         max |π − QR(π)| over all entries
    regularized gap  what the best quantal reply gains in ⟨π, Q⟩ − τ KL(π‖ρ), per agent and information set
    exploitability   what the best pure reply gains in payoff; does not vanish at τ > 0
    spectrum         eigenvalues of B = D(quantal response) at the profile
    certificates     sufficient conditions for there being no other equilibrium

A real eigenvalue of B at or above 1 is drift: another equilibrium is near or the branch turns, and only more
temperature or a reference cures it. |λ| > 1 with real part below 1 is oscillation: undamped updates diverge, damping
cures it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.games.certificate import Certification, examine
from equipoise.games.game import Game, Regularizer
from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Status

DENSE_SPECTRUM = 1_000
"""Most entries for which all eigenvalues are computed, at about 10 n³ operations; beyond it, the outermost."""
OUTERMOST = 6
REAL = 1e-9
"""An imaginary part at most this share of the modulus counts as real."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of the derivative of the quantal response.

    Attributes:
        eigenvalues: all of them, or the outermost in large games, by falling modulus.
        complete: whether all are there; zeros may be left out.
    """

    eigenvalues: NDArray[np.complex128]
    complete: bool

    @property
    def radius(self) -> float:
        """Largest modulus: below 1, undamped logit response converges locally, at this rate."""
        return float(np.abs(self.eigenvalues).max(initial=0.0))

    @property
    def largest_real(self) -> float:
        """Largest real eigenvalue; -inf if none is real."""
        real = np.abs(self.eigenvalues.imag) <= REAL * np.maximum(np.abs(self.eigenvalues), 1.0)
        return float(self.eigenvalues.real[real].max(initial=-np.inf))

    @property
    def drift(self) -> bool:
        """Whether a real eigenvalue is at or above 1."""
        return self.largest_real >= 1.0

    @property
    def oscillation(self) -> bool:
        """Whether an eigenvalue of modulus above 1 has a real part below 1."""
        return bool(((np.abs(self.eigenvalues) > 1.0) & (self.eigenvalues.real < 1.0)).any())


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """The outcome of a solve, converged or not: `status` says.

    Attributes:
        problem: the game, its temperatures, references and continuation.
        logits: softmax of them is the profile. Shape [n].
        status: how the solve ended; its value is a sentence for the user.
        iterations: steps of all solvers tried.
        seconds: wall time of the solve.
        solver: name of the solver that the profile is from.
        remark: what that solver met on the way, such as a fold or a pitchfork, in sentences; "" for nothing.
    """

    problem: Problem
    logits: Vector
    status: Status
    iterations: int
    seconds: float
    solver: str
    remark: str = ""

    @property
    def converged(self) -> bool:
        """Whether the profile is an equilibrium at the temperatures asked."""
        return self.status is Status.CONVERGED

    @property
    def message(self) -> str:
        """The status' sentence, and the remark."""
        return f"{self.status.sentence} {self.remark}".rstrip()

    @cached_property
    def policy(self) -> Vector:
        """The profile, flat. Shape [n]."""
        return self.problem.policy(self.logits)

    @cached_property
    def profile(self) -> list[Any]:
        """`[agent][action]`, `[agent][type][action]` or `[agent][state][action]`."""
        return self.problem.layout.nest(self.policy)

    @cached_property
    def values(self) -> list[Any]:
        """Expected payoff, or the continuation convention's V: `[agent]`, `[agent][type]` or `[agent][state]`."""
        return self._nested(self.problem.game.values(self.policy, self.problem.regularizer))

    @cached_property
    def residual(self) -> float:
        """max |π − QR(π)|."""
        return self.problem.residual(self.policy)

    @cached_property
    def regularized_gap(self) -> list[Any]:
        """Gain of the best quantal reply, in units of payoff, shaped as the values."""
        return self._nested(self.problem.game.regularized_gap(self.policy, self.problem.regularizer))

    @cached_property
    def exploitability(self) -> list[Any]:
        """Gain of the best reply without regularisation, in units of payoff, shaped as the values."""
        return self._nested(self.problem.game.exploitability(self.policy, self.problem.regularizer))

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues of D(quantal response), all up to 1,000 entries.

        Beyond, all but zeros where the game has a smaller matrix with them, else the six of largest modulus.
        """
        if self.problem.layout.size <= DENSE_SPECTRUM:
            found = np.linalg.eigvals(self.problem.response_jacobian(self.policy)).astype(np.complex128)
            return Spectrum(found[np.argsort(-np.abs(found), kind="stable")], complete=True)
        problem = self.problem
        condensed = problem.game.condensed(self.policy, problem.response(self.policy), problem.regularizer)
        if condensed is not None:
            found = np.linalg.eigvalsh(condensed).astype(np.complex128)
            return Spectrum(found[np.argsort(-np.abs(found), kind="stable")], complete=True)
        from scipy.sparse.linalg import LinearOperator, eigs

        size = self.problem.layout.size
        _, tangent = self.problem.linearize(self.policy)
        operator = LinearOperator((size, size), matvec=lambda v: tangent(v.reshape(-1)), dtype=np.float64)  # pyright: ignore[reportCallIssue]
        start = np.random.default_rng(0).standard_normal(size)
        found = np.asarray(eigs(operator, k=OUTERMOST, v0=start, return_eigenvectors=False))
        return Spectrum(found[np.argsort(-np.abs(found), kind="stable")], complete=False)

    @cached_property
    def certificates(self) -> Certification:
        """Whether the equilibrium is proved to be the only one at these temperatures, and by what."""
        return examine(self.problem)

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        spectrum = self.spectrum
        return {
            "status": self.status.name.lower(),
            "message": self.message,
            "profile": plain(self.profile),
            "values": plain(self.values),
            "residual": self.residual,
            "regularized_gap": plain(self.regularized_gap),
            "exploitability": plain(self.exploitability),
            "spectrum": {
                "largest_real": spectrum.largest_real if np.isfinite(spectrum.largest_real) else None,
                "radius": spectrum.radius,
                "drift": spectrum.drift,
                "oscillation": spectrum.oscillation,
            },
            "certificates": self.certificates.as_json(),
            "temperatures": plain(self._nested(self.problem.regularizer.temperature)),
            "continuation": self.problem.regularizer.continuation,
            "solver": self.solver,
            "iterations": self.iterations,
            "seconds": self.seconds,
        }

    def _nested(self, per_set: Vector) -> list[Any]:
        return self.problem.layout.nest_sets(per_set)


class AtOnce(Equilibrium):
    """What one call of compiled code converged to. Its fields, too, are made when they are first asked for.

    The objects that an equilibrium consists of take ten times as long to make as a 2×2 game takes to solve.
    """

    def __init__(self, game: Game, numbers: Any, began: float) -> None:
        """Of the numbers of `solvers.direct.prepared`, and the time at which the solve began."""
        self.__dict__["_found"] = game, numbers, perf_counter() - began

    def __getattr__(self, name: str) -> Any:
        """Any field, by making all; Python asks only for what is not there yet."""
        if name not in ("problem", "logits", "status", "iterations", "seconds", "solver"):
            raise AttributeError(f"an equilibrium has no '{name}'.")
        game, found, seconds = self._found
        layout, numbers = game.layout, np.asarray(found)
        self.__dict__.update(
            problem=Problem(game, Regularizer(layout, numbers[layout.size : -2], layout.uniform)),
            logits=numbers[: layout.size],
            status=Status.CONVERGED,
            iterations=int(numbers[-1]),
            seconds=seconds,
            solver="direct",
        )
        return self.__dict__[name]


def plain(nested: Any) -> Any:
    """Arrays and lists of them as lists of Python numbers."""
    if isinstance(nested, np.ndarray):
        return nested.tolist()
    return [plain(item) for item in nested] if isinstance(nested, (list, tuple)) else nested
