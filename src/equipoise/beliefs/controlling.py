r"""Learning what DICE-PC plays from recorded answers: counterfactual replay, the form of play, and the fall-backs.

Candidates are private, so one run of every column tells what any policy over columns would have earned; nothing is
called again. Three forms, by how often the public belief is looked at:

    one_at_a_time   after every answer: the optimal stop over the best order, informed by lengths (`cascading`)
    two_rounds      once: two rounds of simultaneous calls (`rounds`), horizon H = 2
    simultaneous    never: the equilibrium of the executors' one-shot game (`control_equilibrium`), H = 1

Where answers can be checked exactly, the first that passes is taken, in any form (`verifying`). With fewer than 60
labelled questions and without labels, votes decide (`cascading.untaught`, `weighted_vote`, `dawid_skene`); from labels
that contradict each other nothing is learned.

Cost: that of the form; under ten seconds for 500 questions of a dozen columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from equipoise.beliefs import pricing
from equipoise.beliefs.agreement import learn_stacking
from equipoise.beliefs.ballots import UNKNOWN, Ballots, Bools
from equipoise.beliefs.cascading import learn_cascades, plain_vote, untaught
from equipoise.beliefs.control_equilibrium import ControlEquilibrium, solve_control
from equipoise.beliefs.control_game import control_game
from equipoise.beliefs.control_players import Player, by_agent, by_column
from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.beliefs.dawid_skene import learn_dawid_skene
from equipoise.beliefs.policy import Policy, run
from equipoise.beliefs.profile_vote import ProfileVote, edges_of, states_of
from equipoise.beliefs.rounds import learn_rounds
from equipoise.beliefs.verifying import learn_until_passed
from equipoise.beliefs.weighted_vote import learn_weighted_vote

Form = Literal["one_at_a_time", "two_rounds", "simultaneous"]

DRAWS = 64
"""Profiles that stand for a sampled equilibrium."""

_EVERY = 3
"""A simultaneous form tries every third price of the grid: an equilibrium is solved at each."""


@dataclass(frozen=True, kw_only=True)
class ControlRules:
    """How a team's controls are learned.

    Attributes:
        form: of play.
        verify: whether an exact check is used where there is one.
        informed: whether lengths and looks may be looked at.
        anchor: whether the cheapest good column is called where everybody abstains.
        states: cells of questions by length, each with an equilibrium of its own.
        settings: of the equilibrium.
    """

    form: Form = "one_at_a_time"
    verify: bool = True
    informed: bool = True
    anchor: bool = True
    states: int = 1
    settings: ControlSettings = field(default_factory=ControlSettings)


def learn_control(train: Ballots | None, prices: Sequence[float | None], rules: ControlRules) -> list[Policy]:
    """A policy per price.

    Args:
        train: recorded questions, or None.
        prices: accuracy that a unit of cost must be worth; None is the one that `pricing.usual` chooses, or 0 where
            answers are checked.
        rules: what is learned.
    """
    if rules.verify and train is not None and train.checks is not None and (train.checks != UNKNOWN).any():
        return [learn_until_passed(train, price or 0.0) for price in prices]
    if train is not None and train.correct is None and rules.form != "one_at_a_time":
        return [learn_dawid_skene(train) for _ in prices]
    match rules.form:
        case "one_at_a_time":
            return learn_cascades(train, prices, informed=rules.informed)
        case "two_rounds":
            return learn_rounds(train, prices)
        case "simultaneous":
            return _learn_profiles(train, prices, rules)


def settle(train: Ballots, price: float, rules: ControlRules) -> ControlEquilibrium | None:
    """Where the executors' one-shot game settles; None without labels that belong to the answers.

    Args:
        train: recorded questions.
        price: accuracy that a unit of cost must be worth.
        rules: whose anchor, states and settings hold.
    """
    states = states_of(train.questions, edges_of(train.questions, rules.states))
    game = control_game(train, players_of(train.columns), price=price, anchor=rules.anchor, states=states)
    return None if game is None else solve_control(game, rules.settings)


def players_of(columns: Sequence[str]) -> tuple[Player, ...]:
    """One player per agent; per column where there is one agent only, whose prompts then are the team."""
    agents = by_agent(columns)
    return agents if len(agents) > 1 else by_column(columns)


def _learn_profiles(train: Ballots | None, prices: Sequence[float | None], rules: ControlRules) -> list[Policy]:
    if train is None or untaught(train) is not None:
        return [learn_weighted_vote(train) for _ in prices]
    vote = learn_stacking(train)
    usual = _usual(train, vote, rules) if None in prices else 0.0
    return [_profile(train, usual if price is None else price, vote, rules) for price in prices]


def _usual(train: Ballots, vote: Policy, rules: ControlRules) -> float:
    """The usual price, by what profiles earn on the training questions: there are too few of them to overfit much."""
    tried = pricing.grid(train.cost)[::_EVERY]
    points = [_reached(_profile(train, price, vote, rules), train) for price in tried]
    accuracy, cost = np.array(points).T
    curve = pricing.Curve(prices=tried, accuracy=accuracy, cost=cost)
    return pricing.usual(curve, plain_vote(train), _reached(vote, train)[0])


def _reached(policy: Policy, train: Ballots) -> tuple[float, float]:
    """Accuracy and mean cost of a policy."""
    assert train.correct is not None
    played = run(policy, train)
    accuracy = (played.chosen * train.correct).sum(axis=1).mean()
    return float(accuracy), float((played.asked * train.cost).sum(axis=1).mean())


def _profile(train: Ballots, price: float, vote: Policy, rules: ControlRules) -> Policy:
    found = settle(train, price, rules)
    if found is None:
        return vote
    draws = DRAWS if rules.settings.readout == "sample" else 1
    rng = np.random.default_rng(rules.settings.seed)
    return ProfileVote(
        called=np.stack([[_called(found, s, rng) for _ in range(draws)] for s in range(len(found.states))]),
        chances=np.full((len(found.states), draws), 1 / draws),
        edges=edges_of(train.questions, rules.states),
        vote=vote,
        seed=rules.settings.seed,
        price=price,
    )


def _called(found: ControlEquilibrium, state: int, rng: np.random.Generator) -> Bools:
    """[columns] whom a profile of the equilibrium calls."""
    called = np.zeros(len(found.game.columns), dtype=bool)
    called[[column for column in found.calls(state, rng) if column is not None]] = True
    return called
