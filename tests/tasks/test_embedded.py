"""The puzzle families as a task."""

from __future__ import annotations

import pytest

from equipoise.errors import InputError, UnknownName
from equipoise.tasks import family
from equipoise.tasks.embedded import embedded


def ids(**arguments: object) -> list[str]:
    return [str(sample.id) for sample in embedded(**arguments).dataset]  # pyright: ignore[reportArgumentType]


def test_one_family_or_several_can_be_chosen() -> None:
    assert ids(families="arithmetic", n_per_family=2) == ["arithmetic-test-0000", "arithmetic-test-0001"]
    assert ids(families="blocks, drills", n_per_family=1) == ["blocks-test-0000", "drills-test-0000"]
    assert ids(families=["drills", "blocks"], n_per_family=1) == ["drills-test-0000", "blocks-test-0000"]
    assert ids(n_per_family=1) == [f"{name}-test-0000" for name in family.families()]


def test_samples_name_their_family() -> None:
    for sample in embedded(n_per_family=2).dataset:
        assert sample.metadata is not None
        assert str(sample.id).startswith(sample.metadata["family"] + "-test-")


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    few, many = (embedded(families="ordering", n_per_family=n).dataset for n in (3, 7))
    assert [sample.input for sample in few] == [sample.input for sample in many][:3]


def test_seeds_and_splits_have_other_puzzles_and_other_ids() -> None:
    draws = [
        embedded(families="arithmetic", n_per_family=5, seed=seed, split=split).dataset
        for seed, split in ((0, "test"), (4, "test"), (0, "validation"), (4, "validation"))
    ]
    assert len({sample.id for draw in draws for sample in draw}) == 20
    assert len({sample.input for draw in draws for sample in draw}) >= 18
    assert draws[3][0].id == "arithmetic-validation-4-0000"


def test_validation_and_examples_come_from_the_training_side() -> None:
    arithmetic = family.families()["arithmetic"]
    test = {puzzle.question for puzzle in family.draw_split(arithmetic, "test", 0, 300)}
    validation = embedded(families="arithmetic", split="validation", n_per_family=100).dataset
    assert not test & {str(sample.input) for sample in validation}
    assert validation[0].metadata is not None
    assert not test & {example["question"] for example in validation[0].metadata["examples"]}


def test_more_puzzles_than_a_family_has_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "MAX_REJECTED", 30)
    with pytest.raises(InputError, match="fewer with n_per_family"):
        embedded(families="drills", n_per_family=10**6)


def test_wrong_arguments_are_clear_errors() -> None:
    with pytest.raises(UnknownName, match=r"no family 'arithmetics'\. Did you mean 'arithmetic'"):
        embedded(families="arithmetics")
    with pytest.raises(UnknownName, match="no split 'train'"):
        embedded(split="train")
    with pytest.raises(InputError, match="n_per_family is 0"):
        embedded(n_per_family=0)
