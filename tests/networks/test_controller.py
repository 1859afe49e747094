"""Control grids and controllers: legal points, anchors that stay, choices that follow the scores, scores that learn."""

from __future__ import annotations

import pytest
import torch

from equipoise.errors import InputError
from equipoise.networks.control_grid import ControlGrid, Offsets, describe
from equipoise.networks.controller import Controller
from equipoise.networks.critic import FeatureCritic, logit_response
from equipoise.team.control import Control, ControlSet

ANCHORS = (
    Control(strategy="direct", sampling_temperature=0.0),
    Control(strategy="step_by_step", sampling_temperature=0.7, top_p=0.93),
    Control(strategy="direct", sampling_temperature=2.0, repetition_penalty=1.95),
)
GRID = ControlGrid.around(ANCHORS)


def test_anchors_come_first_and_as_they_are() -> None:
    assert GRID.controls[:3] == ANCHORS
    assert GRID.anchors == 3
    assert GRID.choices[-1] is None and len(GRID.choices) == len(GRID.controls) + 1
    assert ControlGrid.around(ANCHORS, abstain=False).choices == GRID.controls


def test_points_are_their_anchor_moved_and_snapped_and_legal() -> None:
    for anchor, places in zip(ANCHORS, GRID.neighbours, strict=True):
        for point in (GRID.controls[place] for place in places):
            assert point.strategy == anchor.strategy
            for setting, offsets in (
                ("sampling_temperature", (-0.3, 0.0, 0.3)),
                ("top_p", (-0.1, 0.0)),
                ("repetition_penalty", (0.0, 0.1)),
            ):
                value, start = getattr(point, setting), getattr(anchor, setting)
                assert (value / 0.05) == pytest.approx(round(value / 0.05), abs=1e-6)
                assert min(abs(value - start - offset) for offset in offsets) <= 0.025 + 1e-9
    assert max(control.sampling_temperature for control in GRID.controls) == 2.0
    # 2.0 + 0.3 and 1.95 + 0.1 are illegal; what is left of 3 × 2 × 2 is 2 × 2 × 1, one of which is the anchor.
    assert len(GRID.neighbours[2]) == 3


def test_no_control_twice_and_greedy_ones_know_no_nucleus() -> None:
    seen = {(c.strategy, c.sampling_temperature, c.top_p, c.repetition_penalty) for c in GRID.controls}
    assert len(seen) == len(GRID.controls)
    greedy = [control for control in GRID.controls if control.sampling_temperature == 0]
    assert [control.repetition_penalty for control in greedy] == [1.0, 1.1]
    near = (Control(sampling_temperature=0.7), Control(sampling_temperature=1.0))
    overlapping = ControlGrid.around(near)
    assert len({str(control.model_dump()) for control in overlapping.controls}) == len(overlapping.controls)


def test_features_tell_all_choices_apart() -> None:
    features = torch.tensor(GRID.features)
    assert features.shape == (len(GRID.choices), len(GRID.strategies) + 4)
    assert ((features >= 0) & (features <= 1)).all()
    assert len({tuple(row) for row in GRID.features}) == len(GRID.choices)
    assert GRID.strategies == ("direct", "step_by_step")
    assert GRID.features[1] == describe(ANCHORS[1], GRID.strategies)
    assert describe(ANCHORS[1], ("direct", "step_by_step")) == [0.0, 1.0, 0.35, 0.93, 0.0, 0.0]
    assert describe(None, ("direct", "step_by_step")) == [0.0] * 5 + [1.0]


@pytest.mark.parametrize(
    ("anchors", "offsets", "message"),
    [
        ((), Offsets(), "needs an anchor"),
        ((Control(), Control()), Offsets(), "are the same control"),
        (
            (Control(sampling_temperature=0.0), Control(sampling_temperature=0.0, top_p=0.5)),
            Offsets(),
            "are the same control",
        ),
        ((Control(),), Offsets(step=0.0), "a step above 0"),
    ],
)
def test_what_makes_no_grid_is_named(anchors, offsets: Offsets, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ControlGrid.around(anchors, offsets)


def test_a_team_files_controls_are_anchors() -> None:
    controls = ControlSet(strategies=("direct", "step_by_step"), sampling_temperatures=(0.2, 1.0))
    assert ControlGrid.around(tuple(controls), abstain=controls.abstain).controls[:4] == tuple(controls)


def test_candidates_are_anchors_the_best_points_and_abstain(draw) -> None:
    controller = Controller(2, 6, GRID, per_anchor=2, seed=3).double()
    beliefs = draw(40, 2, 6) * 3
    scores, candidates = controller.scores(beliefs), controller(beliefs)
    assert candidates.index.shape == candidates.valid.shape == (40, 2, 10)
    assert candidates.features.shape == (40, 2, 10, 6)
    assert (candidates.index[..., :3] == torch.arange(3)).all()
    assert (candidates.index[..., -1] == len(GRID.controls)).all()
    proposed = set()
    for state in range(40):
        for agent in range(2):
            own = scores[state, agent].tolist()
            for anchor, places in enumerate(GRID.neighbours):
                best = sorted(places, key=lambda place: -own[place])[:2]
                start = 3 + 2 * anchor
                found = candidates.index[state, agent, start : start + 2]
                valid = candidates.valid[state, agent, start : start + 2]
                assert found[valid].tolist() == best
                proposed.update(best)
    assert len(proposed) > 8  # the beliefs move the choice
    torch.testing.assert_close(candidates.features, controller.features[candidates.index])


def test_an_anchor_with_few_points_says_which_are_none() -> None:
    grid = ControlGrid.around(ANCHORS, Offsets(top_ps=(0.0,), repetition_penalties=(0.0,)))
    assert [len(places) for places in grid.neighbours] == [1, 3, 1]  # the second snaps to the grid at offset 0, too
    controller = Controller(1, 4, grid, per_anchor=9)
    candidates = controller(torch.zeros(1, 4))
    assert candidates.valid.sum() == 3 + 5 + 1
    assert sorted(candidates.index[candidates.valid].tolist()) == list(range(9))
    policy = logit_response(torch.zeros(candidates.valid.shape), 1.0, candidates.log_uniform)
    torch.testing.assert_close(policy[candidates.valid], torch.full((9,), 1 / 9))
    assert (policy[~candidates.valid] == 0).all()


def test_ties_fall_to_the_earlier_point_and_nothing_may_be_added() -> None:
    controller = Controller(1, 4, GRID, per_anchor=2)
    with torch.no_grad():
        for parameter in controller.parameters():
            parameter.zero_()
    candidates = controller(torch.zeros(1, 4))
    expected = [0, 1, 2, *(place for places in GRID.neighbours for place in places[:2]), len(GRID.controls)]
    assert candidates.index[candidates.valid].tolist() == expected
    alone = Controller(1, 4, GRID, per_anchor=0)(torch.zeros(1, 4))
    assert alone.index.tolist() == [[0, 1, 2, len(GRID.controls)]]
    single = ControlGrid.around(ANCHORS, Offsets(sampling_temperatures=(0.0,), top_ps=(0.0,), repetition_penalties=()))
    assert Controller(1, 4, single)(torch.zeros(1, 4)).valid.all()


def test_scores_learn_what_a_critic_values() -> None:
    """After regression to a critic that likes warm, narrow and penalised controls, those are what is proposed."""
    grid = ControlGrid.around((Control(sampling_temperature=0.7),))
    controller = Controller(1, 3, grid, per_anchor=2, hidden=(16,), seed=1)
    beliefs = torch.eye(3)[:, None]
    worth = torch.tensor(grid.features) @ torch.tensor([0.0, 2.0, -1.0, 3.0, 0.0])
    optimiser = torch.optim.Adam(controller.parameters(), lr=1e-2)
    for _ in range(300):
        optimiser.zero_grad()
        (controller.scores(beliefs) - worth).pow(2).mean().backward()
        optimiser.step()
    best = sorted(grid.neighbours[0], key=lambda place: -float(worth[place]))[:2]
    assert controller(beliefs).index[:, 0, 1:3].tolist() == [best] * 3


def test_a_feature_critic_reads_the_candidates(draw) -> None:
    controller, critic = Controller(2, 6, GRID, seed=3).double(), FeatureCritic(2, 6, 6, hidden=(8,)).double()
    beliefs = draw(5, 2, 6)
    candidates = controller(beliefs)
    policy = logit_response(critic(beliefs, candidates.features), torch.tensor([0.1, 0.5]), candidates.log_uniform)
    torch.testing.assert_close(policy.sum(-1), torch.ones(5, 2, dtype=torch.float64))
    assert (policy[~candidates.valid] == 0).all()
