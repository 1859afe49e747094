from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from pydantic.dataclasses import dataclass

from equipoise.beliefs.vote import Vote
from equipoise.errors import InputError
from equipoise.frontier.contenders import contenders, learned, unfit
from equipoise.frontier.judging import Terms, judge
from equipoise.frontier.verdict import verdict
from equipoise.methods.choosing import Choosing, Learns
from equipoise.methods.method import available, method_type
from equipoise.methods.weighted_vote import WeightedVote

POINT = {"price", "accuracy", "se", "tokens", "vs_vote", "vs_single"}


@dataclass(frozen=True, kw_only=True)
class Spy(Choosing):
    """A vote that notes what it is shown."""

    reference: ClassVar[str] = "none"
    learns: ClassVar[Learns] = "labels"
    taught: ClassVar[list[object]] = []
    shown: ClassVar[list[object]] = []

    @property
    def name(self) -> str:
        return "spy"

    def learn(self, train):
        Spy.taught.append(train)
        return Noting()


class Noting(Vote):
    def ask(self, seen):
        Spy.shown.append(seen)
        return super().ask(seen)

    def believe(self, seen):
        Spy.shown.append(seen)
        return super().believe(seen)


def test_no_policy_sees_a_label_or_a_question_that_it_was_taught(pool):
    Spy.taught.clear(), Spy.shown.clear()
    found = judge(pool(), [Spy()])
    assert len(Spy.taught) == 5 and Spy.shown
    assert all(train.correct is not None for train in Spy.taught)
    assert all(seen.correct is None and (seen.answers[~seen.asked] == -1).all() for seen in Spy.shown)
    per_split = len(Spy.shown) // 5
    for s, train in enumerate(Spy.taught):
        taught = set(train.questions)
        assert not any(taught & set(seen.questions) for seen in Spy.shown[s * per_split : (s + 1) * per_split])
    assert found.default("spy").accuracy == found.vote.accuracy


def test_a_method_is_given_no_more_than_it_learns_from(pool):
    ballots = pool().ballots
    given = []

    def named(what):
        class Sub(Spy):
            learns: ClassVar[Learns] = what

            def learn(self, train):
                given.append(train)
                return Vote()

        return Sub()

    for what in ("nothing", "answers", "labels"):
        learned(named(what), ballots, [0.0])
    assert given[0] is None and given[1].correct is None and given[2].correct is not None


def test_means_and_intervals_are_those_of_each_question_over_its_splits(pool):
    one = pool(questions=150)
    found = judge(one, [])
    right = one.ballots.correct
    count = right.sum(axis=1)
    same_wrong = (one.ballots.answers[:, :, None] == one.ballots.answers[:, None, :]).sum(axis=2).max(axis=1)
    expected = np.where(count >= 2, 1.0, np.where((count == 1) & (same_wrong == 1), 1 / 3, 0.0))
    assert found.vote.accuracy.mean == pytest.approx(expected.mean())
    assert found.vote.se == pytest.approx(expected.std(ddof=1) / np.sqrt(150))
    assert found.vote.tokens == pytest.approx(60) and found.vote.calls == 3
    assert found.single.accuracy.mean == pytest.approx(right[:, 0].mean())
    assert found.single.tokens == pytest.approx(10)
    d = expected - right[:, 0]
    assert found.vote.vs_single.interval.mean == pytest.approx(d.mean())
    normal = 1.96 * d.std(ddof=1) / np.sqrt(150)
    assert found.vote.vs_single.interval.half_width == pytest.approx(normal, rel=0.08)
    assert found.oracle == pytest.approx(right.any(axis=1).mean())
    at = found.vote.vs_vote.interval
    assert (at.mean, at.low, at.high) == (0, 0, 0)


def test_the_order_of_columns_changes_neither_the_vote_nor_the_best_column(pool, rows):
    held = rows(skills=(0.7, 0.7, 0.6, 0.4))
    one = judge(pool(held, ["a|s", "b|s", "c|s", "d|s"]), [])
    other = judge(pool(held, ["d|s", "b|s", "a|s", "c|s"]), [])
    for name in ("single", "majority_vote"):
        assert one.default(name).accuracy == other.default(name).accuracy
        assert one.default(name).tokens == pytest.approx(other.default(name).tokens)


def test_the_json_has_the_promised_shape_and_numbers(pool):
    found = judge(pool(), contenders(["cascade", "cascade(price=2e-5)"]))
    told = found.as_json()
    assert (told["questions"], told["splits"], told["columns"]) == (120, 5, ["a|s", "b|s", "c|s"])
    assert 0 < told["oracle"] <= 100
    assert list(told["methods"]) == ["single", "majority_vote", "cascade", "cascade(price=2e-05)"]
    for held in told["methods"].values():
        assert sum(point["default"] for point in held["points"]) == 1
        for point in held["points"]:
            assert set(point) >= POINT and isinstance(point["price"], float)
            d, low, high = point["vs_vote"]
            assert low <= d <= high
            assert point["accuracy"] - d == pytest.approx(told["methods"]["majority_vote"]["points"][0]["accuracy"])
    assert [len(held["points"]) for held in told["methods"].values()] == [1, 1, 11, 1]
    assert [point["price"] for point in told["methods"]["cascade"]["points"][1:3]] == pytest.approx([0, 0.001 / 60])
    assert told["methods"]["cascade(price=2e-05)"]["points"][0]["price"] == 2e-5


def test_every_method_that_chooses_is_judged_or_skipped_with_a_reason(pool):
    chooses = {name for name in available() if issubclass(method_type(name), Choosing)}
    found = judge(pool(), contenders())
    assert set(found.methods) | set(found.skipped) == chooses | {"single", "fixed_control"}
    assert "cannot be checked" in found.skipped["verifier_stop"]


def test_without_labels_tokens_are_told_and_accuracy_is_not(pool, rows):
    found = judge(pool([row.model_copy(update={"correct": None}) for row in rows()]), contenders())
    assert found.oracle is None and found.single is None and found.vote.accuracy is None
    assert found.vote.tokens == pytest.approx(60)
    assert {"single", "weighted_vote"} <= set(found.skipped) and "dawid_skene" in found.methods
    assert "it is not recorded who was right" in verdict(found)
    assert found.as_json()["methods"]["majority_vote"]["points"][0]["accuracy"] is None


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("debate", "asks models anew"),
        ("cascade(recording='x.jsonl')", "names a recording"),
        ("cascad", "Did you mean 'cascade'"),
        ("cascade(pric=1)", "Did you mean 'price'"),
    ],
)
def test_methods_that_cannot_be_judged_are_refused(spec, told):
    with pytest.raises(InputError, match=told):
        contenders([spec])


def test_labels_permuted_in_training_teach_nothing(pool):
    held = pool(questions=600, skills=(0.95, 0.5, 0.5, 0.45))
    honest, null = judge(held, [WeightedVote()]), judge(held, [WeightedVote()], Terms(permute=True))
    assert honest.default("weighted_vote").vs_vote.interval.low > 0.05
    assert null.default("weighted_vote").vs_vote.interval.mean < 0.02
    assert null.single.accuracy.mean < honest.single.accuracy.mean - 0.1
    assert null.vote.accuracy == honest.vote.accuracy
    assert "permuted" in verdict(null)


def test_the_verdict_names_the_cheapest_that_is_not_shown_worse(pool):
    team = judge(pool(questions=400, skills=(0.75, 0.75, 0.75)), [])
    assert "everything cheaper than the plain vote" in verdict(team) and "It beats the best single" in verdict(team)
    alone = judge(pool(questions=400, skills=(0.95, 0.5, 0.5)), [])
    assert "the best single column beats the plain vote" in verdict(alone) and "a team does not pay" in verdict(alone)


BARS = {"gsm_mid5": (96.2, 94.2), "gsmP_gpt35": (82.4, 78.8), "csqa_all12": (82.9, 83.8), "plan_mid8": (76.5, 64.5)}


@pytest.mark.parametrize("name", BARS)
def test_real_recordings_give_the_published_vote_and_best_column(name, shared_pool):
    found = judge(shared_pool(name), [])
    vote, single = BARS[name]
    assert 100 * found.vote.accuracy.mean == pytest.approx(vote, abs=1)
    assert 100 * found.single.accuracy.mean == pytest.approx(single, abs=1)


@pytest.mark.parametrize(
    ("name", "method", "accuracy", "tokens"),
    [
        ("gsm_mid5", "cascade", 95.9, 290),
        ("gsmP_gpt35", "cascade", 82.3, 414),
        ("plan_mid8", "verifier_stop", 94.4, 298),
    ],
)
def test_real_recordings_give_the_published_savings(name, method, accuracy, tokens, shared_pool):
    found = judge(shared_pool(name), contenders([method]))
    point = found.default(method)
    assert 100 * point.accuracy.mean == pytest.approx(accuracy, abs=1)
    assert point.tokens <= tokens


def test_only_checkable_answers_can_be_verified(shared_pool):
    stop = next(method for method in contenders(["verifier_stop"]) if method.name == "verifier_stop")
    assert unfit(stop, shared_pool("plan_gpt4").ballots) is None
    assert unfit(stop, replace(shared_pool("plan_gpt4").ballots, checks=None)) is not None
