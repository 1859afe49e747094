"""Lengths and looks: against plain formulas, in any unit of cost, from training questions alone."""

from __future__ import annotations

import subprocess
import sys
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import zscore

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.question_text import BINS, LOOKS, features
from equipoise.beliefs.signals import learn_signals

TEXTS = ["How many?", "Tom has 12 apples and 3\npears. How many?", "x", "", "Ω ist 7, nicht 70."]


def costly(ballots: Ballots, seed: int = 0) -> Ballots:
    rng = np.random.default_rng(seed)
    texts = np.array([TEXTS[i % len(TEXTS)] * (1 + i % 7) for i in range(len(ballots))], dtype=object)
    spread = rng.lognormal([3.0, 5.0, 4.0], [0.2, 0.6, 1.1], ballots.cost.shape)
    return replace(ballots, cost=np.round(spread) + 1, questions=texts)


@pytest.fixture
def ballots(simulate: Any) -> Ballots:
    return costly(simulate([0.8, 0.6, 0.5], 3, 200, silent=0.1))


def test_lengths_are_z_scores_of_log_cost_cut_at_three(ballots: Ballots) -> None:
    expected = np.clip(zscore(np.log(ballots.cost), axis=0), -3, 3) * ballots.answered
    assert learn_signals(ballots).lengths(ballots) == pytest.approx(expected)
    far = replace(ballots, cost=ballots.cost * 1e9)
    assert (learn_signals(ballots).lengths(far) == 3.0 * ballots.answered).all()


def test_looks_are_z_scores_of_log_counts() -> None:
    counts = [[len(t), len([w for w in t.replace("\n", " ").split() if any(c.isalpha() for c in w)])] for t in TEXTS]
    digits = [[0, 0, 0], [3, 2, 1], [0, 0, 0], [0, 0, 0], [3, 2, 0]]
    told = features(np.array(TEXTS, dtype=object))
    assert told.shape == (len(TEXTS), LOOKS + BINS)
    assert told[:, :LOOKS] == pytest.approx(np.log1p(np.column_stack([counts, digits])))
    (some,) = features(np.array(["pears, PEARS and apples"], dtype=object))
    bins = np.zeros(BINS)
    for word in ("pears", "pears", "and", "apples"):
        bins[zlib.crc32(word.encode()) % BINS] += 1
    assert some[LOOKS:] == pytest.approx(np.log1p(bins))


def test_looks_are_the_same_in_every_process() -> None:
    code = (
        "import numpy as np; from equipoise.beliefs.question_text import features; "
        f"print(features(np.array({TEXTS!r}, dtype=object)).sum(axis=1).tolist())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.strip() == str(features(np.array(TEXTS, dtype=object)).sum(axis=1).tolist())


@pytest.mark.parametrize("unit", [1e-7, 3.0])
def test_the_unit_of_cost_does_not_matter_free_calls_included(ballots: Ballots, unit: float) -> None:
    cost = ballots.cost.copy()
    cost[::9, 1], cost[:, 2] = 0.0, 0.0
    some = replace(ballots, cost=cost)
    signals, scaled = learn_signals(some), learn_signals(replace(some, cost=cost * unit))
    told = signals.lengths(some)
    assert scaled.lengths(replace(some, cost=cost * unit)) == pytest.approx(told, abs=1e-9)
    assert (told[::9, 1] == 0).all() and (told[:, 2] == 0).all()
    paid = np.log(cost[cost[:, 1] > 0, 1])
    assert (signals.length_centre[1], signals.length_scale[1]) == pytest.approx((paid.mean(), paid.std()))


def test_only_what_was_asked_is_looked_at_and_a_question_alone_looks_like_in_a_crowd(ballots: Ballots) -> None:
    signals = learn_signals(ballots.at(slice(0, 100)))
    held = ballots.at(slice(100, 200))
    asked = np.random.default_rng(1).random(held.asked.shape) < 0.5
    seen = held.seen(asked)
    assert (signals.lengths(seen)[~asked] == 0).all()
    assert signals.lengths(seen)[asked] == pytest.approx(signals.lengths(held)[asked])
    for i in (0, 57):
        assert np.array_equal(signals.lengths(seen)[i], signals.lengths(seen.at([i]))[0])
        assert np.array_equal(signals.looks(seen)[i], signals.looks(seen.at([i]))[0])


def test_what_never_differs_says_nothing(simulate: Any) -> None:
    flat = replace(simulate([0.8, 0.6], 3, 40), questions=np.full(40, "Same?", dtype=object))
    assert learn_signals(flat).lengths(flat) == pytest.approx(0.0, abs=1e-12)
    assert learn_signals(flat).looks(flat) == pytest.approx(0.0, abs=1e-12)
