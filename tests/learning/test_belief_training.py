"""Training on the synthetic team: what moves and what may not, resuming, growing, and what is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from equipoise.errors import InputError  # noqa: E402
from equipoise.learning.belief_settings import TrainingSettings  # noqa: E402
from equipoise.learning.belief_stages import Exploration, play, shapes, splits, trajectory  # noqa: E402
from equipoise.learning.belief_synthetic import SyntheticTeam  # noqa: E402
from equipoise.learning.belief_training import STATE, gap_of, train  # noqa: E402
from equipoise.learning.belief_updates import Learner, UpdateSettings  # noqa: E402
from equipoise.networks.belief_network import BeliefNetworkSettings  # noqa: E402
from equipoise.networks.belief_team import BeliefTeam, adopt  # noqa: E402

BEST = ((0.4, 0.7), (1.6, 0.3), (1.0, 0.6))
SIZE = 6
NETWORK = BeliefNetworkSettings(
    embedding=SIZE, observation=2 * SIZE, belief=8, width=8, layers=1, heads=2, feedforward=8
)
SHORT = TrainingSettings(
    episodes=12, every=4, steps=2, buffer=8, batch=4, look_every=1, validation=5, network=NETWORK, seed=3
)


def synthetic(executors: int = 3) -> SyntheticTeam:
    return SyntheticTeam(BEST[:executors], questions=40, embedding=SIZE, seed=1)


async def batch_of(team: BeliefTeam, source: SyntheticTeam, *, stages: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    spread = Exploration(spread=0.2, uniform=0.3, grain=0.05)
    return (await play(source, team, range(6), stages=stages, rng=rng, exploration=spread)).arrays()


def weights(team: BeliefTeam) -> dict[str, Any]:
    return {name: value.clone() for name, value in team.state_dict().items()}


async def test_an_update_moves_every_part_and_the_target_by_its_rate() -> None:
    source = synthetic()
    team = BeliefTeam(source.names, NETWORK, seed=2)
    learner = Learner(team, UpdateSettings(tau=0.25))
    before, followed = weights(team), weights(learner.target)
    learner.update(await batch_of(team, source))
    after = weights(team)
    for part in ("networks.0.trunk", "networks.2.critic", "networks.1.prompt_heads", "encoder", "mixer"):
        assert any(not torch.equal(after[name], before[name]) for name in after if name.startswith(part)), part
    for name, value in learner.target.state_dict().items():
        torch.testing.assert_close(value, 0.25 * after[name] + 0.75 * followed[name])


async def test_critics_say_nothing_to_the_heads_and_heads_nothing_to_critics() -> None:
    source = synthetic()
    team = BeliefTeam(source.names, NETWORK, seed=2)
    batch = await batch_of(team, source)
    still = weights(team)
    learner = Learner(team, UpdateSettings(rate=0.0, group_rate=0.0, head_rate=1e-2))
    learner.update(batch)
    moved = {name for name, value in weights(team).items() if not torch.equal(value, still[name])}
    assert moved and all("prompt_heads" in name for name in moved)
    assert {name.split(".")[1] for name in moved} == {"0", "1", "2"}
    learner = Learner(team, UpdateSettings(head_rate=0.0))
    still = weights(team)
    learner.update(batch)
    moved = {name for name, value in weights(team).items() if not torch.equal(value, still[name])}
    assert moved and not any("prompt_heads" in name for name in moved)


async def test_q_tot_rises_with_every_q_i() -> None:
    team = BeliefTeam(("a", "b", "c"), NETWORK, seed=5)
    generator = torch.Generator().manual_seed(0)
    beliefs = torch.randn(7, 3, NETWORK.belief, generator=generator)
    prompts = torch.rand(7, 3, 2, generator=generator)
    values = torch.randn(7, 3, generator=generator, requires_grad=True)
    team.mix(beliefs, prompts, values).total.sum().backward()
    assert values.grad is not None and bool((values.grad >= 0).all())


def test_many_profiles_are_worth_what_each_is() -> None:
    team = BeliefTeam(("a", "b", "c"), NETWORK, seed=5)
    generator = torch.Generator().manual_seed(1)
    beliefs = torch.randn(2, 3, NETWORK.belief, generator=generator)
    profiles = torch.rand(2, 4, 3, 2, generator=generator) + 0.1
    together = team.totals(beliefs, profiles)
    for m in range(4):
        values = team.values(beliefs, profiles[:, m])
        torch.testing.assert_close(together[:, m], team.mix(beliefs, profiles[:, m], values).total)


async def test_alpha_stays_on_the_simplex_and_fixed_alpha_stays() -> None:
    source = synthetic()
    team = BeliefTeam(source.names, NETWORK, seed=2)
    batch = await batch_of(team, source)
    learner, fixed = Learner(team, UpdateSettings(alpha_rate=0.5)), Learner(team, UpdateSettings(alpha_rate=0.0))
    without = Learner(team, UpdateSettings(alpha_rate=0.5, coordination=False))
    for _ in range(5):
        learner.update(batch)
        fixed.update(batch)
        without.update(batch)
    assert learner.alpha.sum() == pytest.approx(1.0) and learner.alpha[1] >= 0.3
    assert learner.alpha.tolist() != pytest.approx([0.4, 0.4, 0.2])
    assert fixed.alpha.tolist() == [0.4, 0.4, 0.2]
    assert without.alpha[2] == 0 and without.alpha.sum() == pytest.approx(1.0)


async def test_max_q_of_the_next_stage_is_its_targets_and_nothing_follows_the_last() -> None:
    """TD errors recomputed one rollout and stage at a time, from the definition."""
    source = synthetic()
    team = BeliefTeam(source.names, NETWORK, seed=2)
    learner = Learner(team, UpdateSettings(gamma=0.5))
    batch = await batch_of(team, source)
    team.eval()
    grid = NETWORK.prompt.grid(9)
    errors = []
    with torch.no_grad():
        observation = torch.as_tensor(batch["observation"], dtype=torch.float32)
        for s in range(2):
            beliefs = team.believe(trajectory(batch["answers"], batch["commitments"], s), observation)
            values = team.values(beliefs, torch.as_tensor(batch["profiles"][:, s], dtype=torch.float32)).numpy()
            future = np.zeros_like(values)
            if s == 0:
                after = team.believe(trajectory(batch["answers"], batch["commitments"], 1), observation)
                for i, network in enumerate(team.members()):
                    future[:, i] = [max(float(network.value(after[m, i], e)) for e in grid) for m in range(6)]
            rewards = batch["parts"][:, s] @ np.array([0.4, 0.4, 0.2])
            errors.append((rewards + 0.5 * future - values) ** 2)
    assert learner.measured(batch)[0] == pytest.approx(np.mean(errors), rel=1e-4)


def test_a_trajectory_is_own_answers_and_commitments_in_turn() -> None:
    answers, commitments = np.arange(2 * 3 * 2 * 1.0).reshape(2, 3, 2, 1), -np.arange(6.0).reshape(2, 3, 1)
    found = trajectory(answers, commitments, 2)
    assert found.shape == (2, 2, 4, 1)
    assert found[1, 0, :, 0].tolist() == [
        answers[1, 0, 0, 0],
        commitments[1, 0, 0],
        answers[1, 1, 0, 0],
        commitments[1, 1, 0],
    ]
    assert found[1, 1, 2, 0] == answers[1, 1, 1, 0]
    assert trajectory(answers, commitments, 0).shape == (2, 2, 0, 1)


def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    source = synthetic()
    whole = train(source, SHORT, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop_at(done: int, total: int, note: str) -> None:
        if done == 8:
            raise Stop

    with pytest.raises(Stop):
        train(source, SHORT, tmp_path / "cut", progress=stop_at)
    cut = train(source, SHORT, tmp_path / "cut")
    assert cut.looks == whole.looks
    assert cut.gap == whole.gap
    for name, value in whole.team.state_dict().items():
        assert torch.equal(value, cut.team.state_dict()[name]), name


def test_training_leaves_the_callers_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(synthetic(), replace(SHORT, episodes=4), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_another_run_in_the_folder_is_refused_and_damage_is_loud(tmp_path: Path) -> None:
    source = synthetic()
    train(source, replace(SHORT, episodes=4), tmp_path)
    with pytest.raises(InputError, match="other settings"):
        train(source, replace(SHORT, episodes=4, batch=3), tmp_path)
    with pytest.raises(InputError, match="other executors"):
        train(synthetic(2), replace(SHORT, episodes=4), tmp_path)
    (file,) = (tmp_path / STATE).glob("weights-*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="damaged"):
        train(source, replace(SHORT, episodes=4), tmp_path)


def test_a_new_executor_learns_and_the_others_stay_bit_for_bit(tmp_path: Path) -> None:
    known = train(synthetic(2), replace(SHORT, episodes=4), tmp_path / "two").team
    before = weights(known)
    source = synthetic(3)
    fresh = BeliefTeam(source.names, NETWORK, seed=SHORT.seed)
    kept: list[dict[str, Any]] = []
    settings = replace(SHORT, network=known.settings)
    train(source, settings, tmp_path / "three", grown=known, keep=lambda team, look: kept.append(weights(team)))
    from equipoise.networks import checkpoint

    last = BeliefTeam(source.names, known.settings)
    target, best = (BeliefTeam(source.names, known.settings) for _ in range(2))
    checkpoint.load(tmp_path / "three" / STATE, {"team": last, "target": target, "best": best})
    for state in (*kept, weights(last)):
        for name, value in before.items():
            assert torch.equal(state[name], value), name
    new = [name for name in weights(last) if name.startswith("networks.2.")]
    assert any(not torch.equal(weights(last)[name], weights(fresh)[name]) for name in new)


def test_growing_asks_for_equal_sizes_and_somebody_new() -> None:
    known = BeliefTeam(("a", "b"), NETWORK)
    with pytest.raises(InputError, match="nobody of a, b is new"):
        adopt(BeliefTeam(("a", "b"), NETWORK), known)
    with pytest.raises(InputError, match="other sizes"):
        adopt(BeliefTeam(("a", "b", "c"), replace(NETWORK, belief=16)), known)


def test_splits_never_meet_whatever_the_order() -> None:
    texts = [f"question {i}" for i in range(300)]
    found = splits(texts, 0)
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(300))
    assert [len(found[name]) / 300 for name in ("train", "validation", "test")] == pytest.approx(
        [0.6, 0.15, 0.25], abs=0.08
    )
    turned = splits(texts[::-1], 0)
    for name, places in found.items():
        assert {texts[i] for i in places} == {texts[::-1][i] for i in turned[name]}
    assert found["test"].tolist() != splits(texts, 1)["test"].tolist()
    with pytest.raises(InputError, match="empty"):
        splits(texts[:1], 0)


async def test_only_training_questions_are_learned_from_and_only_validation_ones_looked_at(tmp_path: Path) -> None:
    asked: list[int] = []

    class Watched(SyntheticTeam):
        async def observe(self, question: int) -> np.ndarray:
            asked.append(question)
            return await super().observe(question)

    source = Watched(BEST, questions=40, embedding=SIZE, seed=1)
    where = splits(source.texts, SHORT.split_seed)
    await __import__("asyncio").to_thread(train, source, SHORT, tmp_path)
    assert set(asked) & set(where["train"].tolist()) and set(asked) & set(where["validation"].tolist())
    assert not set(asked) & set(where["test"].tolist())


def test_training_stops_early_when_nothing_changes(tmp_path: Path) -> None:
    lenient = replace(
        SHORT, episodes=80, commitment_change=2.0, least_reward=0.0, loss_change=1e9, patience=2, look_every=1
    )
    done = train(synthetic(), lenient, tmp_path)
    assert done.stop == "converged"
    # The first look has no loss, the second no earlier loss: calm looks are the third and the fourth.
    assert done.looks[-1].episodes == 3 * lenient.every


def test_exploration_keeps_to_the_grain_and_the_range() -> None:
    low, high = np.array([0.1, 0.1]), np.array([2.0, 0.9])
    rng = np.random.default_rng(0)
    asked = Exploration(spread=0.5, uniform=0.2, grain=0.05).applied(np.full((50, 3, 2), 0.5), low, high, rng)
    assert np.all(asked >= low) and np.all(asked <= high)
    assert asked / 0.05 == pytest.approx(np.round(asked / 0.05), abs=1e-9)
    assert asked.std() > 0.1


def test_shapes_are_those_of_rollouts() -> None:
    assert shapes(3, 2, 6)["profiles"][0] == (2, 3, 2)


async def test_the_synthetic_team_is_right_as_often_as_it_says() -> None:
    source = SyntheticTeam(BEST, questions=60, embedding=SIZE, seed=4)
    point = np.array([[0.9, 0.5], [1.6, 0.3], [1.9, 0.9]])
    drawn = [
        (await source.answer(q, point, draw=d, worth=np.zeros(3))).parts[:, 1] for q in range(60) for d in range(20)
    ]
    assert np.mean(drawn, axis=0) == pytest.approx(source.chance(point), abs=0.05)
    assert source.chance(source.best) == pytest.approx(np.ones(3))


@pytest.mark.slow
def test_learned_settings_come_within_a_tenth_of_the_range_of_the_known_best(tmp_path: Path) -> None:
    import asyncio

    source = SyntheticTeam(BEST, seed=0)
    network = BeliefNetworkSettings(belief=32, width=32, feedforward=32)
    done = train(source, TrainingSettings(episodes=480, look_every=10, network=network), tmp_path)
    where = splits(source.texts, 0)["test"].tolist()
    played = asyncio.run(play(source, done.team, where, stages=2, rng=np.random.default_rng(0)))
    error = np.abs(played.profiles.mean(axis=0) - source.best) / np.array([1.9, 0.8])
    assert np.mean(error <= 0.1) >= 0.9  # of 2 stages × 3 executors × [T, p]
    assert error.max() <= 0.15
    assert done.looks[-1].td < 0.5 * done.looks[0].td
    assert done.gap[1] < 0.5 * done.gap[0]
    assert gap_of(done.team, played, played.profiles) >= 0
