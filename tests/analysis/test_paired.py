from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from equipoise.analysis.paired import difference, difference_of


def plays(values, seeds=1):
    return {(f"q{i}", seed): float(value) for i, value in enumerate(values) for seed in range(1, seeds + 1)}


def test_the_p_value_is_the_exact_mcnemar_test():
    one = plays([1] * 14 + [0] * 4 + [1] * 30 + [0] * 12)
    other = plays([0] * 14 + [1] * 4 + [1] * 30 + [0] * 12)
    found = difference(one, other)
    assert (found.wins, found.losses, found.questions) == (14, 4, 60)
    assert found.p_value == pytest.approx(2 * stats.binom.cdf(4, 18, 0.5))
    assert found.interval.mean == pytest.approx(10 / 60)
    assert found.verdict == 1 and difference(other, one).verdict == -1


def test_the_interval_agrees_with_scipys_bootstrap_and_with_theory():
    rng = np.random.default_rng(5)
    one, other = rng.random(300) < 0.7, rng.random(300) < 0.6
    found = difference(plays(one), plays(other)).interval
    d = one.astype(float) - other
    oracle = stats.bootstrap((d,), np.mean, method="percentile", n_resamples=4000, rng=rng).confidence_interval
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.01)
    assert found.half_width == pytest.approx(1.96 * d.std() / np.sqrt(300), rel=0.06)


def test_seeds_of_a_question_stay_together():
    values = [1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1]
    once, often = (difference(plays(values, seeds), plays([0] * 12, seeds)) for seeds in (1, 5))
    assert (once.interval, once.p_value) == (often.interval, often.p_value)


def test_only_plays_that_both_have_are_compared():
    one = {("a", 1): 1.0, ("a", 2): 1.0, ("b", 1): 1.0, ("c", 1): 0.0}
    other = {("a", 2): 0.0, ("b", 1): 1.0, ("d", 1): 1.0}
    found = difference(one, other)
    assert (found.questions, found.interval.mean) == (2, 0.5)
    assert difference(one, {("z", 1): 1.0}) is None


def test_no_difference_seen_is_not_no_difference():
    found = difference(plays([1, 0] * 10), plays([1, 0] * 10))
    assert found.interval.mean == 0.0 and found.p_value == 1.0 and found.verdict == 0
    assert found.interval.high == -found.interval.low == pytest.approx(1 - 0.05 ** (1 / 20))


def test_for_several_comparisons_at_once_the_interval_is_wider_as_bonferroni_says():
    rng = np.random.default_rng(8)
    d = (rng.random(400) < 0.7).astype(float) - (rng.random(400) < 0.6)
    one, five = (difference_of(d, comparisons=n).interval for n in (1, 5))
    assert five.half_width / one.half_width == pytest.approx(stats.norm.ppf(0.995) / stats.norm.ppf(0.975), rel=0.06)
    same = difference_of(np.zeros(20), comparisons=5).interval
    assert same.high == -same.low == pytest.approx(1 - 0.01 ** (1 / 20))
