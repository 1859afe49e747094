"""A joint control at once: sampled as often as it should be, the same for the same question, by its state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.policy import run
from equipoise.beliefs.profile_vote import ProfileVote, edges_of, states_of
from equipoise.beliefs.vote import Vote


def texts(count: int) -> np.ndarray:
    """Different questions of one length."""
    return np.array([f"How much is {i:05d}?" for i in range(count)], dtype=object)


def of(ballots: Ballots, questions: np.ndarray) -> Ballots:
    return replace(ballots, questions=questions)


def policy_of(called: list[list[list[bool]]], chances: list[list[float]], **more: Any) -> ProfileVote:
    told: dict[str, Any] = {"edges": np.zeros(0), "vote": Vote()} | more
    return ProfileVote(called=np.array(called, dtype=bool), chances=np.array(chances), **told)


THREE = [[[True, False, False], [False, True, True], [False, False, False]]]


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_profiles_are_played_as_often_as_their_chances_say(simulate: Any, seed: int) -> None:
    ballots = of(simulate([0.5] * 3, 3, 6000), texts(6000))
    played = run(policy_of(THREE, [[0.2, 0.5, 0.3]], seed=seed), ballots)
    counts = [played.asked[:, 0].sum(), played.asked[:, 1].sum(), (~played.asked.any(axis=1)).sum()]
    assert sum(counts) == 6000
    assert chisquare(counts, 6000 * np.array([0.2, 0.5, 0.3])).pvalue > 1e-3
    assert np.array_equal(played.asked[:, 1], played.asked[:, 2])
    assert np.array_equal(played.steps, played.asked.any(axis=1))


def test_seeds_draw_independently_even_for_texts_of_one_length(simulate: Any) -> None:
    ballots = of(simulate([0.5] * 2, 3, 4000), texts(4000))
    halves = [
        run(policy_of([[[True, False], [False, True]]], [[0.5, 0.5]], seed=seed), ballots).asked[:, 0]
        for seed in range(6)
    ]
    correlations = np.corrcoef(halves)[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(4000)


def test_a_question_draws_the_same_whatever_else_is_asked(simulate: Any) -> None:
    ballots = of(simulate([0.5] * 3, 3, 60), texts(60))
    policy = policy_of(THREE, [[0.2, 0.5, 0.3]], seed=3)
    asked = run(policy, ballots).asked
    turned = np.random.default_rng(0).permutation(60)
    assert np.array_equal(run(policy, ballots.at(turned)).asked, asked[turned])
    assert all(np.array_equal(run(policy, ballots.at([i])).asked[0], asked[i]) for i in range(60))


def test_the_mode_depends_on_the_state_alone_and_only_those_called_vote(simulate: Any) -> None:
    questions = np.array(["x" * (1 + i % 9) for i in range(90)], dtype=object)
    ballots = of(simulate([0.6] * 3, 2, 90, seed=8), questions)
    called = [[[True, False, True]], [[False, True, False]]]
    played = run(policy_of(called, [[1.0], [1.0]], edges=np.array([4.0])), ballots)
    short = np.array([len(q) <= 4 for q in questions])
    assert (played.asked[short] == [True, False, True]).all()
    assert (played.asked[~short] == [False, True, False]).all()
    votes = run(Vote(), ballots.only([0, 2]))
    assert played.belief[short] == pytest.approx(votes.belief[short])
    assert (played.chosen[~short] == [0, 1, 0]).all()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(1, 6), st.integers(0, 30))
def test_no_state_is_empty_and_any_question_has_one(lengths: list[int], states: int, other: int) -> None:
    questions = np.array(["x" * length for length in lengths], dtype=object)
    edges = edges_of(questions, states)
    cells = states_of(questions, edges)
    assert len(edges) < states and (np.diff(edges) > 0).all()
    assert set(cells) == set(range(len(edges) + 1))
    assert states_of(np.array(["x" * other], dtype=object), edges)[0] <= len(edges)
    order = np.argsort(lengths, kind="stable")
    assert (np.diff(cells[order]) >= 0).all()


def test_states_are_of_about_equal_size() -> None:
    rng = np.random.default_rng(2)
    questions = np.array(["x" * length for length in rng.permutation(400)], dtype=object)
    assert np.bincount(states_of(questions, edges_of(questions, 4))) == pytest.approx([100] * 4, abs=2)
    assert len(edges_of(questions, 1)) == 0
