"""Rows are dealt out once, within the budget, and the agreement of parts is that of their gradients."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from equipoise.learning.mirror.batches import Agreement, Sizes, dealt, parts

SIZES = Sizes(
    prompts=torch.tensor([9, 4, 9, 3, 30, 4, 9, 4]),
    answers=torch.tensor([1, 2, 7, 3, 3, 4, 8, 2]),
    groups=torch.tensor([2, 1, 2, 3, 4, 0, 2, 1]),
)


def needed(part: torch.Tensor) -> int:
    """Tokens of a part with its padding, prompts shared."""
    longest = int(SIZES.prompts[part].max()), int(SIZES.answers[part].max())
    return len(SIZES.groups[part].unique()) * longest[0] + len(part) * longest[1]


def test_parts_hold_every_row_once_within_the_budget() -> None:
    rows = torch.tensor([7, 0, 2, 4, 1, 6, 3])
    for budget in (5, 16, 34, 60):
        found = parts(rows, SIZES, tokens=budget)
        assert sorted(torch.cat(found).tolist()) == sorted(rows.tolist())
        assert all(len(part) == 1 or needed(part) <= budget for part in found)
    assert [0, 2, 6] in [sorted(part.tolist()) for part in parts(rows, SIZES, tokens=34)]  # 9 + 3 · 8
    assert len(parts(rows, SIZES, tokens=10_000)) == 1
    assert len(parts(rows, SIZES, tokens=10_000, least=4)) == 4


def test_hands_hold_every_row_once_and_groups_together() -> None:
    groups = torch.arange(5).repeat_interleave(4)[torch.randperm(20, generator=torch.Generator().manual_seed(1))]
    hands = dealt(groups, 5, torch.Generator().manual_seed(0))
    assert sorted(torch.cat(hands).tolist()) == list(range(20))
    assert all(len(hand) == 4 and len(groups[hand].unique()) == 1 for hand in hands)
    other = dealt(groups, 5, torch.Generator().manual_seed(3))
    assert [hand.tolist() for hand in other] != [hand.tolist() for hand in hands]
    assert {len(hand) for hand in dealt(groups, 3, torch.Generator())} == {6, 7}
    assert len(dealt(torch.zeros(2, dtype=torch.long), 3, torch.Generator())) == 2


def agreement(sums: list[tuple[float, torch.Tensor]]) -> tuple[float | None, float | None]:
    found = Agreement()
    for share, total in sums:
        found.add(share, total)
    return found.spread, found.noise


def test_agreement_is_0_for_equal_gradients_and_grows_with_their_angle() -> None:
    one, other = torch.tensor([1.0, 2.0]), torch.tensor([-2.0, 1.0])
    assert agreement([(1.0, one)]) == (None, None)
    longer = agreement([(0.5, 0.5 * one), (0.5, 1.5 * one)])  # gradients g and 2g: 1 − 1.5²/((1 + 4)/2)
    assert longer[0] == pytest.approx(0.1)
    same = agreement([(0.25, one / 4), (0.75, one)])
    assert same == pytest.approx((0.0, 0.0), abs=1e-6)
    right_angle = agreement([(0.5, one), (0.5, one + other)])
    assert right_angle[0] == pytest.approx(0.5) and right_angle[1] == pytest.approx(1.0)
    assert agreement([(0.5, 0 * one), (0.5, 0 * one)]) == (0.0, 0.0)
    assert agreement([(0.5, one), (0.5, 0 * one)])[1] is None
