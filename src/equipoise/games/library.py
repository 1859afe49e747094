"""Named games, written from their definitions.

Each function returns a game; `named` builds one by name and `names` lists them. Payoffs are per agent, rows first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equipoise.errors import UnknownName
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.game import Game


def matching_pennies(*, reward: float = 1.0) -> NormalForm:
    """Zero sum: the first agent wins `reward` on a match, the second on a mismatch. Its only HQRE is uniform."""
    match = reward * np.array([[1.0, -1.0], [-1.0, 1.0]])
    return NormalForm([match, -match])


def asymmetric_matching_pennies(*, prize: float = 9.0) -> NormalForm:
    """Ochs (1995): the first agent wins `prize` or 1 on a match, the second 1 on a mismatch."""
    return NormalForm([[[prize, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])


def pure_coordination() -> NormalForm:
    """Both receive 1 on a match. A pitchfork at τ = 1/2: below it three symmetric HQRE, and small gain is tight."""
    return NormalForm([np.eye(2), np.eye(2)])


def two_conventions(*, shortfall: float = 0.3) -> NormalForm:
    """The 2×2 game of DICE: both receive 1 at (L, L), 1 − shortfall at (R, R) and 0 on a mismatch."""
    payoff = np.diag([1.0, 1.0 - shortfall])
    return NormalForm([payoff, payoff])


def stag_hunt(*, stag: float = 10.0, alone: float = 1.0, safe: float = 8.0, hare: float = 5.0) -> NormalForm:
    """Symmetric: stag with stag, stag alone, hare against stag, both hare. By default it folds at τ = 0.6424724549."""
    payoff = np.array([[stag, alone], [safe, hare]])
    return NormalForm([payoff, payoff.T])


def battle_of_the_sexes(*, favourite: float = 2.0, other: float = 1.0) -> NormalForm:
    """Both want to meet, each at another place: its favourite pays more."""
    return NormalForm([np.diag([favourite, other]), np.diag([other, favourite])])


def prisoners_dilemma(
    *, temptation: float = 5, reward: float = 3, punishment: float = 1, sucker: float = 0
) -> NormalForm:
    """Symmetric: cooperate or defect."""
    payoff = np.array([[reward, sucker], [temptation, punishment]])
    return NormalForm([payoff, payoff.T])


def volunteers_dilemma(*, agents: int = 3, benefit: float = 1.0, cost: float = 0.5) -> NormalForm:
    """All receive `benefit` if anyone volunteers (action 0), and whoever volunteers pays `cost` (Diekmann, 1985)."""
    joint = np.indices((2,) * agents)
    gain = benefit * (joint == 0).any(axis=0)
    return NormalForm([gain - cost * (joint[agent] == 0) for agent in range(agents)])


def rock_paper_scissors(*, win: float = 1.0, loss: float = 2.0, bonus: float = 0.5) -> NormalForm:
    """Win, lose or tie at 0; the first agent receives `bonus` for rock against rock. Not zero sum unless win = loss."""
    beats = np.roll(np.eye(3), 1, axis=0)
    payoff = win * beats - loss * beats.T
    first = payoff.copy()
    first[0, 0] += bonus
    return NormalForm([first, payoff.T])


def coordination_with_tastes() -> Bayesian:
    """Two agents receive 1 for a match, and 0.5 (type 0) or 0.7 (type 1) for the action of their own type's number.

    Types are correlated: p = [[0.4, 0.1], [0.2, 0.3]].
    """
    taste = np.diag([0.5, 0.7])
    first = np.eye(2) + taste[:, None, :, None] + np.zeros((2, 2, 2, 2))
    second = np.eye(2) + taste[None, :, None, :] + np.zeros((2, 2, 2, 2))
    return Bayesian([[0.4, 0.1], [0.2, 0.3]], [first, second])


def two_state_markov(*, discount: float = 0.8) -> Markov:
    """Two agents, two states: state 0 is coordination; in state 1 the first wants a mismatch, the second a match."""
    first = [[[2.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    second = [[[1.0, 0.0], [0.0, 2.0]], [[0.5, 0.0], [0.0, 0.5]]]
    stay = np.array([[[0.9, 0.5], [0.4, 0.2]], [[0.3, 0.6], [0.7, 0.1]]])
    return Markov([first, second], np.stack([stay, 1.0 - stay], axis=-1), discount)


def heat_seeking(*, discount: float = 0.9) -> Markov:
    """One agent, no reward, two states that it moves between freely: action a leads to state a.

    At temperatures (0.1, 1) the convention `soft` makes it seek the hot state; `kl` and `plain` do not.
    """
    return Markov([np.zeros((2, 2))], np.broadcast_to(np.eye(2), (2, 2, 2)), discount)


GAMES: dict[str, Callable[[], Game]] = {
    build.__name__: build
    for build in (
        asymmetric_matching_pennies,
        battle_of_the_sexes,
        coordination_with_tastes,
        heat_seeking,
        matching_pennies,
        prisoners_dilemma,
        pure_coordination,
        rock_paper_scissors,
        stag_hunt,
        two_conventions,
        two_state_markov,
        volunteers_dilemma,
    )
}


def names() -> list[str]:
    """The names of the games."""
    return sorted(GAMES)


def named(name: str) -> Game:
    """The game of a name, with its default payoffs.

    Raises:
        UnknownName: no such game.
    """
    if name not in GAMES:
        raise UnknownName("game", name, GAMES)
    return GAMES[name]()
