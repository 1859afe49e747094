r"""What bandit learning learned, as a policy over columns: whom to ask at first, whom after that, whom to believe.

$$u_i = \arg\max_u \pi_i(u \mid h), \qquad \pi_i(u \mid h) = \rho_i(u)\, e^{\text{bid}_i(h,u)/\tau_i(h)} / Z_i(h)$$

The mode of π is played, the earlier control on a tie. Sampling is a switch (`ControlSettings.readout`); a sample
depends on the seed and the question alone, so the same question is asked in the same way every time. A policy keeps no
state between rounds: it knows its own first round again by playing it again.

Cost: two passes through the critics; well under a millisecond a question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.control_players import Player
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.weighted_vote import WeightedVote
from equipoise.errors import InputError
from equipoise.networks import checkpoint
from equipoise.policies import bandit_settings
from equipoise.policies.bandit_temperatures import Temperatures
from equipoise.policies.control_team import ControlTeam, draw
from equipoise.policies.control_values import ControlValues
from equipoise.policies.observations import Observer, unseen

KIND = "dice_pc_bandit"


@dataclass(frozen=True, kw_only=True, eq=False)
class BanditPolicy(Policy):
    """A learned policy.

    Attributes:
        team: who plays by which rules.
        values: the bids.
        learned_from: digests of the texts of training questions.
        told: whatever else the trainer wants to be remembered, as JSON.
    """

    team: ControlTeam
    values: ControlValues
    learned_from: frozenset[str] = frozenset()
    told: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, seen: Ballots) -> Bools:
        """The first round where nobody was asked; the second, if there is one, after the first; then nobody."""
        wanted = np.zeros(seen.asked.shape, dtype=bool)
        started = seen.asked.any(axis=1)
        if not started.all():
            wanted[~started] = self._first(seen.questions[~started])[0]
        if self.team.settings.rounds == 2 and started.any():
            rows = np.flatnonzero(started)
            first, tokens = self._first(seen.questions[rows])
            again = (seen.asked[rows] == first).all(axis=1)
            if again.any():
                rows = rows[again]
                wanted[rows] = self._round(seen.at(rows), 1, tokens[again])[0] & ~seen.asked[rows]
        return wanted

    def believe(self, seen: Ballots) -> Floats:
        """The posterior of the weighted vote of training."""
        return self.team.voter.believe(seen)

    def probabilities(self, seen: Ballots, round: int = 0) -> NDArray[np.float32]:
        """[M, N, most controls] π before a round; the second sees what was asked, and the first one nothing."""
        before = unseen(self.team.columns, seen.questions)
        return self._policy(seen, 1, self._token(before, 0)) if round else self._policy(before, 0, None)

    def save(self, folder: str | Path) -> Path:
        """The path of the policy's JSON, written with its weights; see `networks.checkpoint`."""
        team = self.team
        config = {
            "kind": KIND,
            "columns": list(team.columns),
            "players": [{"name": player.name, "columns": list(player.columns)} for player in team.players],
            "anchor": team.anchor,
            "abstain": team.abstain,
            "features": team.observer.size,
            "levels": team.temperatures.levels,
            "log_unseen": team.voter.log_unseen,
            "settings": bandit_settings.to_json(team.settings),
            "learned_from": sorted(self.learned_from),
            "told": dict(self.told),
        }
        arrays = {
            "weights": team.voter.weights,
            "centre": team.observer.centre,
            "scale": team.observer.scale,
            "temperatures": team.temperatures.first,
            "log_reference": team.log_reference,
        }
        tensors = {name: torch.as_tensor(array) for name, array in arrays.items()}
        return checkpoint.save(folder, {"values": self.values}, config=config, tensors=tensors)

    def _first(self, texts: NDArray[np.object_]) -> tuple[Bools, NDArray[np.float32]]:
        """Whom the first round asks, and its tokens [M, 1, size]."""
        return self._round(unseen(self.team.columns, texts), 0, None)

    def _round(
        self, seen: Ballots, round: int, before: NDArray[np.float32] | None
    ) -> tuple[Bools, NDArray[np.float32]]:
        policy = self._policy(seen, round, before)
        actions = policy.argmax(axis=-1)
        if self.team.settings.control.readout == "sample":
            actions = draw(policy, self._chances(seen.questions, round))
        return self.team.asks(actions, round), self._token(seen, round)

    def _policy(self, seen: Ballots, round: int, before: NDArray[np.float32] | None) -> NDArray[np.float32]:
        token = self._token(seen, round)
        history = token if before is None else np.concatenate([before, token], axis=1)
        with torch.inference_mode():
            bids, _ = self.values(torch.from_numpy(history))
            heat = torch.from_numpy(self.team.temperatures.of(seen))
            free = torch.from_numpy(self.team.free(seen, round))
            return self.team.policy(bids, heat, free, round).numpy()

    def _token(self, seen: Ballots, round: int) -> NDArray[np.float32]:
        return self.team.observer.tokens(seen, round)[:, None]

    def _chances(self, texts: NDArray[np.object_], round: int) -> Floats:
        seed, players = self.team.settings.control.seed, len(self.team.players)
        drawn = [sha256(f"{seed}|{round}|{text}".encode()).digest()[:8] for text in texts]
        return np.array([np.random.default_rng(int.from_bytes(bits, "big")).random(players) for bits in drawn])


def load(folder: str | Path) -> BanditPolicy:
    """The policy that a folder holds.

    Raises:
        InputError: it holds none, one of another kind, or a damaged one.
    """
    config = checkpoint.read_config(folder)
    if config.get("kind") != KIND:
        raise InputError(
            f"'{folder}' holds a checkpoint of kind {config.get('kind')!r}, not a policy of DICE-PC's bandit."
        )
    settings = bandit_settings.from_json(config["settings"])
    players = tuple(Player(name=each["name"], columns=tuple(each["columns"])) for each in config["players"])
    widths = config["features"]
    values = ControlValues(widths, [len(player.columns) + 1 for player in players], settings)
    held = {name: tensor.numpy() for name, tensor in checkpoint.load(folder, {"values": values}).items()}
    levels = config["levels"]
    team = ControlTeam(
        columns=tuple(config["columns"]),
        players=players,
        anchor=config["anchor"],
        abstain=config["abstain"],
        voter=WeightedVote(weights=held["weights"], log_unseen=config["log_unseen"]),
        observer=Observer(weights=held["weights"], centre=held["centre"], scale=held["scale"]),
        temperatures=Temperatures(first=held["temperatures"], levels=tuple(levels) if levels else None),
        log_reference=held["log_reference"],
        settings=settings,
    )
    values.eval()
    return BanditPolicy(team=team, values=values, learned_from=frozenset(config["learned_from"]), told=config["told"])
