"""Cascades learned on simulated teams and on real recordings: what they gain, and what they must never do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs import pricing
from equipoise.beliefs.ballots import Ballots, Floats
from equipoise.beliefs.cascading import PLENTY, judge, learn_cascades
from equipoise.beliefs.policy import Played, Policy, run
from equipoise.beliefs.stopping import Cascade, EarlyVote
from equipoise.beliefs.vote import Vote
from equipoise.beliefs.weighted_vote import learn_weighted_vote

P = [0.9, 0.84, 0.78, 0.7, 0.62]
COST = np.array([300.0, 100.0, 150.0, 40.0, 400.0])


def accuracy(played: Played, held: Ballots) -> float:
    return float((played.chosen * held.correct).sum(axis=1).mean())


def spent(played: Played, held: Ballots) -> float:
    return float((played.asked * held.cost).sum(axis=1).mean())


def priced(ballots: Ballots, cost: Floats = COST) -> Ballots:
    scatter = np.random.default_rng(1).uniform(0.5, 1.5, ballots.cost.shape)
    return replace(ballots, cost=cost[: ballots.cost.shape[1]] * scatter)


def windows(ballots: Ballots) -> list[tuple[Ballots, Ballots]]:
    """Five splits: 40 % of the shuffled questions to learn from, a circular window that moves on by a fifth."""
    order, count = np.random.default_rng(0).permutation(len(ballots)), len(ballots)
    turned = [np.roll(order, -part * count // 5) for part in range(5)]
    return [(ballots.at(t[: round(0.4 * count)]), ballots.at(t[round(0.4 * count) :])) for t in turned]


def mean_of(policy: Policy, held: Ballots) -> tuple[float, float]:
    played = run(policy, held)
    return accuracy(played, held), spent(played, held)


@pytest.fixture
def team(simulate: Any) -> tuple[Ballots, Ballots]:
    ballots = priced(simulate(P, 3, 2400, seed=5, silent=0.03))
    return ballots.at(slice(0, 800)), ballots.at(slice(800, None))


def test_the_usual_price_keeps_the_weighted_votes_accuracy_for_less(team: tuple[Ballots, Ballots]) -> None:
    train, held = team
    (policy,) = learn_cascades(train, [None])
    ours, everybody = mean_of(policy, held), mean_of(learn_weighted_vote(train), held)
    assert ours[0] >= everybody[0] - 0.02
    assert ours[1] <= 0.6 * everybody[1]


def test_a_higher_price_never_asks_more(team: tuple[Ballots, Ballots]) -> None:
    train, _ = team
    prices = np.append(pricing.grid(train.cost), 1.5 / train.cost.sum(axis=1).mean())
    costs = [mean_of(policy, train)[1] for policy in learn_cascades(train, list(prices))]
    assert all(later <= earlier * 1.02 for earlier, later in pairwise(costs))
    assert costs[-1] < 0.3 * costs[0]


def test_at_no_price_it_asks_until_certain_and_at_a_huge_one_only_the_cheapest(team: tuple[Ballots, Ballots]) -> None:
    train, held = team
    free, dear = learn_cascades(train, [0.0, 1.0])
    assert mean_of(free, held)[0] == pytest.approx(mean_of(learn_weighted_vote(train), held)[0], abs=0.012)
    asked = run(dear, held).asked
    assert asked.sum(axis=1).max() == 1
    assert asked[:, 3].all()


def test_prices_learned_together_are_those_learned_alone(team: tuple[Ballots, Ballots]) -> None:
    train, held = team
    prices = [None, 1e-4, 5e-4]
    for price, policy in zip(prices, learn_cascades(train, prices), strict=True):
        (alone,) = learn_cascades(train, [price])
        assert np.array_equal(run(alone, held).asked, run(policy, held).asked)


def test_answers_may_be_renamed_and_columns_listed_in_any_order(team: tuple[Ballots, Ballots]) -> None:
    train, held = team
    (policy,) = learn_cascades(train, [2e-4])
    played = run(policy, held)
    renamed = replace(held, answers=np.where(held.answers >= 0, 7 - held.answers, held.answers).astype(np.int16))
    again = run(policy, renamed)
    assert np.array_equal(again.asked, played.asked)
    assert again.chosen == pytest.approx(played.chosen)
    turned = [3, 0, 4, 2, 1]
    (other,) = learn_cascades(train.only(turned), [2e-4])
    moved = run(other, held.only(turned))
    assert np.array_equal(moved.asked, played.asked[:, turned])
    assert accuracy(moved, held.only(turned)) == pytest.approx(accuracy(played, held))


def test_its_belief_is_calibrated(team: tuple[Ballots, Ballots]) -> None:
    train, held = team
    for policy in learn_cascades(train, [0.0, 2e-4]):
        played = run(policy, held)
        error, noise = calibration_error(played, held)
        assert error < noise + 0.012


def calibration_error(played: Played, held: Ballots) -> tuple[float, float]:
    """Expected calibration error over ten bins of equal size (Naeini et al., 2015), and what a true belief would have.

    The second is the mean of |x| under a normal law, the noise that so few questions a bin leave.
    """
    right, belief = (played.chosen * held.correct).sum(axis=1), played.belief
    parts = np.array_split(np.argsort(belief, kind="stable"), 10)
    error = sum(abs(right[part].sum() - belief[part].sum()) for part in parts)
    noise = sum(np.sqrt(2 / np.pi * (belief[part] * (1 - belief[part])).sum()) for part in parts)
    return float(error) / len(held), float(noise) / len(held)


def test_a_column_that_only_costs_is_left_unasked(simulate: Any) -> None:
    ballots = priced(simulate([0.85, 0.8, 0.8, 0.26], 3, 900, seed=2), np.array([100.0, 100.0, 100.0, 3000.0]))
    (policy,) = learn_cascades(ballots, [None])
    assert run(policy, ballots).asked[:, 3].mean() < 0.02


def test_what_is_judged_is_held_out(simulate: Any) -> None:
    """A question's own label changes what is learned from the others, never what is believed of it."""
    ballots = priced(simulate([0.5] * 5, 1, 80, seed=9))
    judged = [judge(priced(simulate([0.5] * 5, 1, 80, seed=seed)), np.zeros(1)).accuracy.mean() for seed in range(12)]
    assert np.mean(judged) == pytest.approx(0.5, abs=0.02)
    assert judge(ballots, np.zeros(1)).weighted == pytest.approx(0.5, abs=0.15)


def test_with_too_little_to_learn_it_is_the_vote(simulate: Any) -> None:
    ballots = priced(simulate(P, 3, 500, seed=3))
    vote = run(Vote(), ballots)
    wrongly = replace(ballots, correct=np.random.default_rng(0).permutation(ballots.correct))
    for train in (None, replace(ballots, correct=None), wrongly):
        (policy,) = learn_cascades(train, [None])
        assert isinstance(policy, EarlyVote)
        assert run(policy, ballots).chosen == pytest.approx(vote.chosen)
    (few,) = learn_cascades(ballots.at(slice(0, 59)), [None])
    assert isinstance(few, EarlyVote)
    decided = vote.chosen.max(axis=1) == 1
    assert run(few, ballots).chosen[decided] == pytest.approx(vote.chosen[decided])
    (enough,) = learn_cascades(ballots.at(slice(0, PLENTY)), [None])
    assert isinstance(enough, Cascade)


def test_with_little_to_learn_a_cascade_must_be_clearly_better_than_the_vote(simulate: Any) -> None:
    alike = priced(simulate([0.7, 0.7, 0.7], 3, PLENTY - 1, seed=1))
    dear = 0.001 / alike.cost.sum(axis=1).mean()
    (level,) = learn_cascades(alike, [dear])  # nobody is better and tokens are nearly free: nothing to gain
    assert isinstance(level, EarlyVote)
    unequal = priced(simulate([0.95, 0.4, 0.4], 1, PLENTY - 1, seed=1))
    (better,) = learn_cascades(unequal, [dear])  # one knows, and the others outvote it
    assert isinstance(better, Cascade)
    judged = judge(unequal, np.array([dear]))
    assert judged.doubt == pytest.approx([0.0] + [(0.04 / (PLENTY - 1)) ** 0.5] * (len(judged.candidates) - 1))
    vote = run(level, unequal).chosen
    assert judged.accuracy[0, 0] == pytest.approx((vote * unequal.correct).sum(axis=1).mean(), abs=0.03)


def test_a_team_of_one_and_a_silent_team_can_be_learned(simulate: Any) -> None:
    one = simulate([0.7], 3, 100)
    (policy,) = learn_cascades(one, [None])
    assert run(policy, one).asked.all()
    silent = simulate(P, 3, 100, silent=1.0)
    (policy,) = learn_cascades(replace(silent, correct=np.zeros(silent.answers.shape, dtype=bool)), [None])
    assert (run(policy, silent).belief == 0).all()


BARS = {  # accuracy against the vote's, in points; tokens, as a share of the vote's
    "gsm_mid5": (-0.7, 0.60),
    "gsmP_gpt35": (-0.8, 0.65),
    "gsmP_mix": (-1.2, 0.42),
    "plan_gpt4": (1.0, 0.50),
    "csqa_all12": (0.4, 0.06),
}


@pytest.mark.parametrize("name", BARS)
def test_real_teams_cost_less_at_about_the_votes_accuracy(name: str, pool: Any) -> None:
    ours, votes, errors = [], [], []
    for train, held in windows(pool(name)):
        (policy,) = learn_cascades(train, [None])
        played = run(policy, held)
        ours.append((accuracy(played, held), spent(played, held)))
        votes.append(mean_of(Vote(), held))
        errors.append(calibration_error(played, held))
    (right, tokens), (vote_right, vote_tokens) = np.mean(ours, axis=0), np.mean(votes, axis=0)
    gain, share = BARS[name]
    assert 100 * (right - vote_right) >= gain
    assert tokens <= share * vote_tokens
    error, noise = np.mean(errors, axis=0)
    assert error < noise + 0.025  # the training questions' own luck: 1.7 points for 488 questions at 83 %


@pytest.mark.parametrize("name", ["gsm_mid5", "gsmP_mix", "csqa_all12"])
def test_permuted_labels_bring_it_down_to_the_vote(name: str, pool: Any) -> None:
    for seed, (train, held) in enumerate(windows(pool(name))[:2]):
        rng = np.random.default_rng(seed)
        for wrongly in (rng.permutation(train.correct), rng.permuted(train.correct, axis=1)):
            (policy,) = learn_cascades(replace(train, correct=wrongly), [None])
            assert accuracy(run(policy, held), held) <= accuracy(run(Vote(), held), held) + 1e-9
