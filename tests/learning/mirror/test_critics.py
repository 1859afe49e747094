"""Critics learn what can be learned, see no future, and each kind switches off what it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from equipoise.errors import TrainingError
from equipoise.learning.mirror.critics import CriticLearner, Lesson, Seen, TeamCritics, critic_advantage
from equipoise.learning.mirror.objective import token_targets
from equipoise.learning.mirror.settings import Belief, MirrorSettings

ROWS, SIZES, VOCABULARY = 32, (6, 9), (11, 7)


def lesson(seed: int = 0) -> Lesson:
    """Two executors of unequal size; the reward of each is told by its first hidden number and by its tokens."""
    generator = torch.Generator().manual_seed(seed)
    seen, targets, learned, rewards = [], [], [], []
    for size, words, width in zip(SIZES, VOCABULARY, (8, 5), strict=True):
        lengths = torch.randint(1, width + 1, (ROWS,), generator=generator)
        mask = torch.arange(width) < lengths[:, None]
        good = torch.rand(ROWS, generator=generator) > 0.5
        hidden = torch.randn(ROWS, width, size, generator=generator)
        hidden[:, :, 0] += 3.0 * good[:, None]
        tokens = torch.randint(words // 2, (ROWS, width), generator=generator) + words // 2 * good[:, None]
        reward = 0.2 + 0.7 * good.float()
        history = torch.cat([torch.zeros(ROWS, 2, dtype=torch.long), tokens], dim=1)
        seen.append(
            Seen(
                tokens=tokens,
                mask=mask,
                hidden=hidden,
                history=history,
                history_mask=torch.cat([torch.ones(ROWS, 2, dtype=torch.bool), mask], dim=1),
            )
        )
        targets.append(token_targets(reward, mask, kind="return"))
        learned.append(mask & (torch.rand(ROWS, generator=generator) > 0.1)[:, None])
        rewards.append(reward)
    return Lesson(
        seen=seen,
        targets=targets,
        learned=learned,
        prompts=[torch.randn(ROWS, size, generator=generator) for size in SIZES],
        returns=torch.stack(rewards).mean(0),
    )


def critics(belief: Belief = "hidden") -> TeamCritics:
    generator = torch.Generator().manual_seed(9)
    tables = [torch.randn(words, 5, generator=generator) for words in VOCABULARY]
    return TeamCritics(tables, SIZES, width=16, longest=8, belief=belief, seed=1)


def values(found: TeamCritics, given: Lesson, executor: int = 0) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return found.values(executor, given.seen[executor], found.context(given.prompts))


def test_nothing_is_better_before_anything_is_learned() -> None:
    found, given = critics(), lesson()
    q, v = values(found, given)
    assert q.abs().max() == v.abs().max() == 0.0
    assert len(q) == int(given.seen[0].mask.sum())


@pytest.mark.parametrize("belief", ["hidden", "encoder"])
def test_what_can_be_known_is_learned(belief: Belief) -> None:
    given = lesson()
    learner = CriticLearner(critics(belief), MirrorSettings(critic_lr=5e-3, critic_steps=40, target="return"))
    with torch.no_grad():
        learner.critics.scale.fill_(float(given.targets[0][given.learned[0]].square().mean().sqrt()))
        before = float(learner.loss(given, torch.arange(ROWS)))
    learner.fit(given, seed=0)
    with torch.no_grad():
        after = float(learner.loss(given, torch.arange(ROWS)))
    assert after < 0.35 * before
    q, _ = values(learner.critics, given)
    target = given.targets[0][given.seen[0].mask]
    # An encoder knows nothing before the first token.
    assert torch.corrcoef(torch.stack([q, target]))[0, 1] > (0.8 if belief == "hidden" else 0.5)


@pytest.mark.parametrize("belief", ["hidden", "encoder"])
def test_values_of_a_token_do_not_change_with_what_follows(belief: Belief) -> None:
    given, found = lesson(), critics(belief)
    learner = CriticLearner(found, MirrorSettings(critic_lr=5e-3, critic_steps=5))
    learner.fit(given, seed=0)
    row = int(given.seen[0].mask.sum(1).argmax())
    whole = given.seen[0].rows(torch.tensor([row]))
    changed = replace(whole, tokens=whole.tokens.clone(), history=whole.history.clone(), mask=whole.mask.clone())
    changed.tokens[0, 3:], changed.history[0, 5:] = 1, 1
    changed.mask[0, 6:] = False  # a shorter answer: its length is of the future too
    changed = replace(changed, history_mask=torch.cat([whole.history_mask[:, :2], changed.mask], dim=1))
    context = found.context([prompt[[row]] for prompt in given.prompts])
    with torch.no_grad():
        first, second = found.values(0, whole, context), found.values(0, changed, context)
    assert torch.allclose(first[0][:3], second[0][:3], atol=1e-6)
    assert torch.allclose(first[1][:3], second[1][:3], atol=1e-6)
    assert first[0].abs().max() > 0.0


def test_numbers_that_are_not_finite_are_named_and_not_learned_from() -> None:
    given, learner = lesson(), CriticLearner(critics(), MirrorSettings(critic_steps=2))
    assert given.seen[0].hidden is not None
    given.seen[0].hidden[given.seen[0].mask] = torch.inf
    with pytest.raises(TrainingError, match=r"the critics' loss is nan\. Lower critic_lr"):
        learner.fit(given, seed=0)
    assert all(bool(value.isfinite().all()) for value in learner.critics.state_dict().values())


def test_rows_whose_answer_was_cut_off_teach_nothing() -> None:
    given = lesson()
    cut = ~given.learned[0].any(1)
    assert cut.any()
    wrong = given.targets[0].clone()
    wrong[cut] = 1000.0
    settings = MirrorSettings(critics="own")
    first, second = CriticLearner(critics(), settings), CriticLearner(critics(), settings)
    assert first.fit(given, seed=3) == second.fit(replace(given, targets=[wrong, given.targets[1]]), seed=3)


def test_only_the_mixed_kind_trains_the_mixer_and_only_q_kinds_train_q() -> None:
    for kind, moved in {"mixed": {"mixer", "q", "v"}, "own": {"q", "v"}, "value": {"v"}}.items():
        learner = CriticLearner(critics(), MirrorSettings(critics=kind, critic_steps=3))  # type: ignore[arg-type]
        before = {name: value.clone() for name, value in learner.critics.state_dict().items()}
        learner.fit(lesson(), seed=0)
        after = learner.critics.state_dict()
        changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
        assert changed & {"mixer", "q", "v"} == moved, kind


def test_the_advantage_of_every_kind() -> None:
    q, v, target, weight = (torch.tensor([x]) for x in (0.7, 0.2, 1.0, 3.0))
    found = {kind: float(critic_advantage(kind, q, v, target, weight)) for kind in ("mixed", "own", "value", "none")}
    assert found == pytest.approx({"mixed": 1.5, "own": 0.5, "value": 0.8, "none": 0.0})


def test_executors_of_a_team_can_be_renamed() -> None:
    """The total of the mixer at the start is the mean, whatever the order of executors."""
    given, found = lesson(), critics()
    with torch.no_grad():
        weights, bias = found.mixer.terms(torch.zeros(1, 16))
    assert weights.tolist() == [pytest.approx([0.5, 0.5])]
    assert float(bias) == 0.0
    assert found.context(given.prompts).shape == (ROWS, 16)


def test_targets_that_are_all_0_set_no_unit() -> None:
    given = lesson()
    nothing = replace(given, targets=[0 * target for target in given.targets], returns=0 * given.returns)
    learner = CriticLearner(critics(), MirrorSettings(critic_steps=3))
    before = {name: value.clone() for name, value in learner.critics.state_dict().items()}
    assert learner.fit(nothing, seed=0) == 0.0
    assert all(torch.equal(before[name], value) for name, value in learner.critics.state_dict().items())
    small = replace(given, targets=[target / 1000 for target in given.targets])
    assert learner.fit(small, seed=0) > 0.0
    assert 1e-4 < float(learner.critics.scale) < 1e-3
    assert learner.fit(nothing, seed=0) > 0.0  # from then on failures teach too
