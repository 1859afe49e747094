from __future__ import annotations

import numpy as np
import pytest

from equipoise.analysis.comparison import best_by_parts, by_method, fold, summaries
from equipoise.analysis.rows import Row
from equipoise.analysis.verdict import verdict


def rows(method, outcomes, *, tokens=100, task="t", **more):
    return [
        Row(task=task, method=method, question=f"q{i}", outcome=outcome, output_tokens=tokens, calls=2, **more)
        for i, outcome in enumerate(outcomes)
    ]


def outcomes(right, n, seed=0):
    order = np.random.default_rng(seed).permutation(n)
    return ["correct" if order[i] < right else "wrong" for i in range(n)]


def test_outcomes_are_counted_apart_and_failures_are_in_no_accuracy():
    (found,) = summaries(
        rows("single(executor='a')", ["correct", "wrong", "no_answer", "refused", "failed", "correct"])
    )
    assert found.outcomes == {"correct": 2, "wrong": 1, "no_answer": 1, "refused": 1, "failed": 1}
    assert found.plays == 5 and found.accuracy.mean == pytest.approx(0.4)
    assert (found.tokens, found.calls) == (100, 2)


def test_nothing_measured_has_no_accuracy():
    (found,) = summaries(rows("debate", ["failed"] * 3))
    assert found.accuracy is None and found.plays == 0 and found.tokens == 0


def test_differences_are_to_the_best_single_and_to_the_vote():
    table = [
        *rows("single(executor='a')", outcomes(10, 40)),
        *rows("single(executor='b')", outcomes(30, 40)),
        *rows("majority_vote", outcomes(20, 40)),
    ]
    a, b, vote = summaries(table)
    assert a.against_single.interval.mean == pytest.approx(-0.5)
    assert b.against_single is None and vote.against_vote is None
    assert b.against_vote.interval.mean == pytest.approx(0.25)


def test_families_have_accuracies_of_their_own():
    table = rows("debate", ["correct", "correct", "wrong"], family="blocks") + rows(
        "debate", ["wrong"], family="drills"
    )
    (found,) = summaries(table)
    assert {name: at.mean for name, at in found.families.items()} == pytest.approx({"blocks": 2 / 3, "drills": 0.0})


def test_the_best_by_parts_is_never_chosen_on_the_questions_it_is_judged_on():
    """Ten methods that guess: the best in hindsight looks better than chance, the best by parts does not."""
    rng = np.random.default_rng(2)
    hindsight, honest = [], []
    for _ in range(150):
        table = [row for m in range(10) for row in rows(f"m{m}", rng.choice(["correct", "wrong"], size=50))]
        methods = by_method(table, "t")
        honest.append(np.mean([row.correct for row in best_by_parts(methods)]))
        hindsight.append(max(np.mean([row.correct for row in some]) for some in methods.values()))
    assert np.mean(hindsight) > 0.58
    assert abs(np.mean(honest) - 0.5) < 0.03


def test_every_question_is_in_one_part_and_parts_do_not_depend_on_the_process():
    assert [fold(f"q{i}") for i in range(6)] == [2, 4, 0, 3, 2, 3]
    assert len(best_by_parts(by_method(rows("a", outcomes(5, 40)) + rows("b", outcomes(9, 40)), "t"))) == 40


def test_the_verdict_names_what_is_beaten_and_at_what_cost():
    table = [
        *rows("single(executor='a')", outcomes(100, 400, 1), tokens=100),
        *rows("self_consistency", outcomes(300, 400, 2), tokens=480),
        *rows("majority_vote", outcomes(396, 400, 3), tokens=300),
        *rows("debate", outcomes(300, 400, 4), tokens=500),
    ]
    told = verdict(table, "t")
    assert told.startswith("On t, the team (debate) beats the best single model (+50.0 points")
    assert "at 5 times its tokens" in told
    assert "is not shown to differ from resampling one model" in told and "at the same cost" in told
    assert "loses to a plain vote (-24.0 points" in told


def test_a_plain_vote_is_the_team_where_no_other_was_run():
    table = rows("single(executor='a')", outcomes(10, 100)) + rows("majority_vote", outcomes(90, 100, 1))
    assert "the team (majority_vote) beats the best single model" in verdict(table, "t")
    assert "nothing can be said" in verdict(rows("majority_vote", ["correct"]), "t")


def test_the_verdict_owns_up_to_failures_and_to_unknown_cost():
    table = rows("single", ["correct", "wrong", "failed"], tokens=0) + rows("debate", ["correct"] * 3, tokens=5)
    told = verdict(table, "t")
    assert "1 plays failed" in told and "preliminary" in told and "not recorded" in told
