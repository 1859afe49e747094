"""The contract of every certificate: a condition on a game and its temperatures that proves the equilibrium unique.

A criterion is a frozen dataclass in a file of its own in `certificates/`; its fields are its hyperparameters, its name
is the file's, and the file's `CRITERION` is the one used by name. `examine(problem)` returns a `Certificate`: a bound
that must stay below a limit. All are sufficient, none is necessary: where no certificate holds, nothing is refuted.

    from equipoise import games
    games.certify(games.library.pure_coordination(), 0.6).sentence
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import equipoise.games.certificates as package
from equipoise import plugins
from equipoise.games.forms.hierarchy import Hierarchy
from equipoise.games.game import Game, Regularizer
from equipoise.games.problem import Problem

GATE_FOLLOWS = "Bound and least temperatures are the agents': the gate pays nothing back and follows from their play."
"""Said of a hierarchy that is certified by the game under its gate."""

ROUNDING = 1e-12
"""How far below its limit, relatively, a bound must lie to hold: above the rounding of eigenvalues."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Certificate:
    """What one criterion found.

    Attributes:
        name: of the criterion.
        source: where its statement is from, with the equation.
        proves: what it proves if it holds, in a sentence.
        applicable: whether it speaks of this game at all.
        reason: why it does not apply, or in which way the bound is not exact; "" for neither.
        bound: what must be below the limit; None if not applicable.
        limit: 1, or the least temperature for a bound in units of payoff.
        exact: whether the bound is the quantity itself rather than above it.
        factor: every temperature times any number above this certifies; None if no factor does or none applies.
        temperatures: the temperatures times the factor, public form; None where the factor is.
        weights: the weights that the bound was found with, public form; None for none.
        rate: of undamped logit response, per step, where the certificate bounds it; see `damped_rate`.
    """

    name: str
    source: str
    proves: str
    applicable: bool = True
    reason: str = ""
    bound: float | None = None
    limit: float = 1.0
    exact: bool = True
    factor: float | None = None
    temperatures: list[Any] | None = None
    weights: list[Any] | None = None
    rate: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the equilibrium is proved unique."""
        return self.bound is not None and self.bound < self.limit * (1.0 - ROUNDING)

    @property
    def margin(self) -> float | None:
        """Limit less bound: > 0 certifies; None if not applicable."""
        return None if self.bound is None else self.limit - self.bound

    @property
    def sentence(self) -> str:
        """What was found, for the user."""
        if self.bound is None:
            return f"{self.name} does not apply: {self.reason}"
        if self.holds:
            return f"{self.name} holds ({self.bound:.6g} < {self.limit:.6g}). {self.proves}"
        warmer = (
            "" if self.factor is None else f" It would with every temperature above {self.factor:.6g} times its own."
        )
        return f"{self.name} does not hold ({self.bound:.6g} against {self.limit:.6g}); nothing is refuted.{warmer}"

    def damped_rate(self, damping: float) -> float | None:
        """1 − α(1 − rate): the contraction of a damped step, α in (0, 1]; None where no rate is proved."""
        return None if self.rate is None or not self.holds else 1.0 - damping * (1.0 - self.rate)

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return {
            "name": self.name,
            "holds": self.holds,
            "applicable": self.applicable,
            "bound": self.bound,
            "limit": self.limit,
            "margin": self.margin,
            "exact": self.exact,
            "factor": self.factor,
            "least_temperatures": _plain(self.temperatures),
            "weights": _plain(self.weights),
            "rate": self.rate if self.holds else None,
            "proves": self.proves,
            "reason": self.reason,
            "sentence": self.sentence,
            "source": self.source,
        }


@dataclass(frozen=True, kw_only=True)
class Criterion(ABC):
    """A sufficient condition for a unique equilibrium; fields of subclasses are its hyperparameters."""

    @property
    def name(self) -> str:
        """The file's name."""
        return type(self).__module__.rsplit(".", 1)[1]

    @property
    @abstractmethod
    def source(self) -> str:
        """Where the statement is from, with the equation."""

    @property
    @abstractmethod
    def proves(self) -> str:
        """What it proves if it holds, in a sentence."""

    @abstractmethod
    def examine(self, problem: Problem) -> Certificate:
        """The certificate of a game at its temperatures."""

    def silent(self, reason: str) -> Certificate:
        """The certificate of a game that the criterion does not speak of."""
        return Certificate(
            name=self.name, source=self.source, proves=self.proves, applicable=False, reason=reason, exact=False
        )

    def found(self, problem: Problem, bound: float, factor: float | None, **rest: Any) -> Certificate:
        """The certificate of a bound, with the least temperatures that a factor stands for."""
        least = None
        if factor is not None:
            least = problem.layout.nest_sets(problem.regularizer.temperature * factor)
        return Certificate(
            name=self.name,
            source=self.source,
            proves=self.proves,
            bound=bound,
            factor=factor,
            temperatures=least,
            **rest,
        )


@dataclass(frozen=True, eq=False)
class Certification:
    """All certificates of a game at its temperatures.

    Attributes:
        certificates: one per criterion, in the order of their names.
    """

    certificates: tuple[Certificate, ...]

    def __getitem__(self, name: str) -> Certificate:
        """The certificate of a criterion."""
        return next(certificate for certificate in self.certificates if certificate.name == named(name).name)

    @property
    def certified(self) -> bool:
        """Whether any certificate holds: then the equilibrium is unique."""
        return any(certificate.holds for certificate in self.certificates)

    @property
    def factor(self) -> float | None:
        """The least factor over all certificates: warmer than that, the equilibrium is certified; None for none."""
        return min((c.factor for c in self.certificates if c.factor is not None), default=None)

    @property
    def sentence(self) -> str:
        """The verdict, for the user."""
        holding = [certificate.name for certificate in self.certificates if certificate.holds]
        if holding:
            return f"Certified: the equilibrium is unique at these temperatures, by {', '.join(holding)}."
        verdict = "Not certified: no criterion holds, which does not refute uniqueness."
        if self.factor is None:
            return f"{verdict} None would at any multiple of these temperatures."
        return f"{verdict} Every temperature above {self.factor:.6g} times its own would certify."

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return {
            "certified": self.certified,
            "sentence": self.sentence,
            "factor": self.factor,
            "criteria": {certificate.name: certificate.as_json() for certificate in self.certificates},
        }


def certify(
    game: Game, temperatures: Any, *, continuation: str = "kl", reference: Sequence[Any] | None = None
) -> Certification:
    """Every certificate of a game at its temperatures, and the verdict; no equilibrium is computed.

    Args:
        game: the game.
        temperatures: τ > 0 in units of payoff: a number, `[agent]` or `[agent][information set]`.
        continuation: "kl", "soft" or "plain": what tomorrow is worth in Markov games; others ignore it.
        reference: profile that the policies are pulled to; uniform if None.

    Raises:
        InputError: temperatures or a reference that do not fit the game.
    """
    regularizer = Regularizer.of(game.layout, temperatures, reference=reference, continuation=continuation)
    return examine(Problem(game, regularizer))


_KNOWN: WeakKeyDictionary[Problem, Certification] = WeakKeyDictionary()


def examine(problem: Problem) -> Certification:
    """Every certificate of a problem, computed once: all equilibria of one search share them."""
    if problem not in _KNOWN:
        _KNOWN[problem] = Certification(tuple(_examined(problem, named(name)) for name in names()))
    return _KNOWN[problem]


def _examined(problem: Problem, criterion: Criterion) -> Certificate:
    """The certificate of a criterion; of the agents alone, where a gate follows from them and has no normal form."""
    game = problem.game
    if not isinstance(game, Hierarchy) or game.called_only or game.joint is not None:
        return criterion.examine(problem)
    found = criterion.examine(Problem(game.game, game.local(problem.regularizer)))
    return replace(found, proves=f"{found.proves} {GATE_FOLLOWS}")


def names() -> list[str]:
    """The criteria that exist, by listing their folder."""
    return plugins.names(package)


@cache
def named(name: str) -> Criterion:
    """The criterion of a file, with its default hyperparameters.

    Raises:
        UnknownName: no such file.
    """
    return plugins.load(package, name, what="certificate").CRITERION


def _plain(nested: list[Any] | None) -> list[Any] | None:
    """Lists of numbers, from numbers and arrays."""
    if nested is None:
        return None
    return [item.tolist() if isinstance(item, np.ndarray) else float(item) for item in nested]
