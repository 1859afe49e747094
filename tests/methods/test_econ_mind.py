"""What a learned ECON team decides: by name and not by place, from own answers alone, and what it says of itself."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from equipoise.games.grid_response import deviate  # noqa: E402
from equipoise.methods._econ_mind import LearnedMind  # noqa: E402
from equipoise.networks.belief_network import BeliefNetworkSettings  # noqa: E402
from equipoise.networks.belief_policy import BeliefPolicy  # noqa: E402
from equipoise.networks.belief_team import BeliefTeam  # noqa: E402
from equipoise.networks.text_embedding import TextEmbedder  # noqa: E402

NAMES = ("a", "b", "c")
QUESTION, PLAN, MADE = "What is 6 times 7?", "Multiply.", "So. Answer: 42"
ANSWERS = {"a": "6 times 7 is 41. Answer: 41", "b": "Answer: 42", "c": "Stack the red block on the blue one."}


@pytest.fixture(scope="module")
def policy() -> BeliefPolicy:
    embedder = TextEmbedder()
    size = embedder.size
    settings = BeliefNetworkSettings(
        embedding=size, observation=2 * size, belief=8, width=8, layers=1, heads=2, feedforward=8
    )
    team = BeliefTeam(NAMES, settings, seed=3).eval()
    with torch.no_grad():  # heads of some weight: fresh ones say nearly the same of everything
        for network in team.members():
            for weight in network.prompt_heads.parameters():
                weight.mul_(4)
    return BeliefPolicy(team=team, embedder=embedder)


Points = dict[str, list[float]]


def played(
    policy: BeliefPolicy, names: tuple[str, ...], *, made: str = MADE, steps: int = 10, **changed: str
) -> tuple[LearnedMind, Points, Points, tuple[float, ...]]:
    """A mind after both stages; e of each executor by name in stage 1 and in stage 2; and the gaps."""
    mind = LearnedMind(policy, names, steps=steps)
    first = dict(zip(names, mind.begin(QUESTION, PLAN).tolist(), strict=True))
    found = mind.respond([(ANSWERS | changed)[name] for name in names], made)
    return mind, first, dict(zip(names, found.profile.tolist(), strict=True)), found.gaps


def test_executors_are_known_by_name_whatever_their_order(policy: BeliefPolicy) -> None:
    plain, first, second, gaps = played(policy, NAMES)
    assert len({tuple(point) for point in (*first.values(), *second.values())}) == 6
    for names in (("b", "c", "a"), ("c", "b", "a")):
        mind, *stages, also = played(policy, names)
        for name in NAMES:
            assert stages[0][name] == pytest.approx(first[name])
            assert stages[1][name] == pytest.approx(second[name])
        assert also == pytest.approx(gaps, abs=1e-6)
        worth = dict(zip(names, mind.worth() or [], strict=True))
        assert worth == pytest.approx(dict(zip(NAMES, plain.worth() or [], strict=True)))


def test_heads_read_their_own_answer_and_the_commitment_only(policy: BeliefPolicy) -> None:
    _, first, second, _ = played(policy, NAMES, steps=0)
    _, _, other, _ = played(policy, NAMES, steps=0, b="The answer cannot be known.")
    assert other["a"] == pytest.approx(second["a"]) and other["c"] == pytest.approx(second["c"])
    assert other["b"] != pytest.approx(second["b"], rel=1e-4)
    _, _, moved, _ = played(policy, NAMES, steps=0, made="unsolvable")
    for name in NAMES:
        assert moved[name] != pytest.approx(second[name], rel=1e-4)
        assert first[name] != pytest.approx(second[name], rel=1e-4)


def test_what_is_said_of_the_profile_is_what_the_networks_say(policy: BeliefPolicy) -> None:
    """Beliefs, Q_i and the gap once more from the networks, one executor at a time."""
    mind, _, second, gaps = played(policy, NAMES)
    embed, team = policy.embedder.embed, policy.team
    profile = torch.tensor([second[name] for name in NAMES])[None]
    with torch.no_grad():
        observation = embed([QUESTION, PLAN]).flatten()[None]
        members = dict(zip(NAMES, team.members(), strict=True))
        own = [members[name].believe(embed([ANSWERS[name], MADE])[None], observation) for name in NAMES]
        worth = [float(members[name].value(own[i], profile[:, i])) for i, name in enumerate(NAMES)]
    assert mind.worth() == pytest.approx(worth, rel=1e-4)
    gap = deviate(team.payoff(torch.stack(own, dim=1)), profile.double().numpy(), team.box).gap
    assert gaps[-1] == pytest.approx(float(gap[0]), abs=1e-4)
    assert len(gaps) > 1 and np.all(np.diff(gaps) <= 0)


def test_a_commitment_has_moved_by_one_minus_the_cosine(policy: BeliefPolicy) -> None:
    mind = LearnedMind(policy, NAMES)
    first, second = policy.embedder.embed([MADE, ANSWERS["c"]])
    assert mind.moved(MADE, ANSWERS["c"]) == pytest.approx(1 - float(first @ second))
    assert mind.moved(MADE, MADE) == pytest.approx(0, abs=1e-5)
    assert mind.moved(MADE, "") == 1.0
