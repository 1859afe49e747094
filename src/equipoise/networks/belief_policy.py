"""A trained ECON policy on disk and in use: networks, text embedder, and the questions it has learned from.

A folder is one checkpoint (`networks.checkpoint`), which loads whole or not at all. Its config names the executors, the
sizes, the embedding model and digests of every question that training or validation has used: whoever plays one of
those would measure memory. Digests are of the text, so a renamed question is found too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from equipoise.errors import InputError
from equipoise.networks import checkpoint
from equipoise.networks.belief_network import BeliefNetworkSettings
from equipoise.networks.belief_team import BeliefTeam
from equipoise.networks.prompt_range import PromptRange
from equipoise.networks.text_embedding import TextEmbedder
from equipoise.team.problem import digest

KIND = "econ"


@dataclass(frozen=True, kw_only=True)
class BeliefPolicy:
    """What a trained team does with a question.

    Attributes:
        team: the networks, in evaluation mode.
        embedder: what turns texts into their inputs.
        learned_from: digests of the texts of training and validation questions.
        told: whatever else the trainer wants to be remembered, as JSON.
    """

    team: BeliefTeam
    embedder: TextEmbedder
    learned_from: frozenset[str] = frozenset()
    told: dict[str, Any] = field(default_factory=dict)

    def refuse(self, question: str) -> None:
        """Does nothing with a question that was not learned from.

        Raises:
            InputError: it was.
        """
        if digest(question) in self.learned_from:
            raise InputError(
                f"the policy has learned from this very question ({question[:60]!r}), so its answer proves nothing. "
                "Ask others: what --limit gave to training, --skip leaves out of an evaluation."
            )


def save_policy(folder: Path, policy: BeliefPolicy) -> Path:
    """The path of the checkpoint's JSON."""
    config = {
        "kind": KIND,
        "executors": list(policy.team.names),
        "settings": asdict(policy.team.settings),
        "embedder": policy.embedder.name,
        "learned_from": sorted(policy.learned_from),
        "told": policy.told,
    }
    return checkpoint.save(folder, {"team": policy.team}, config=config)


def load_policy(folder: str | Path) -> BeliefPolicy:
    """The policy in a folder, read once per version of its file.

    Raises:
        InputError: there is none, it is damaged, or it is of another kind; nothing falls back to random weights.
    """
    file = Path(folder) / "checkpoint.json"
    return _loaded(Path(folder), file.stat().st_mtime_ns if file.is_file() else 0)


def check_names(policy: BeliefPolicy, names: Iterable[str], folder: str | Path) -> None:
    """Does nothing if the policy knows exactly these executors.

    Raises:
        InputError: it knows others.
    """
    asked, known = sorted(names), sorted(policy.team.names)
    if asked != known:
        raise InputError(
            f"the policy in '{folder}' is of the executors {', '.join(known)}; this team has {', '.join(asked)}. "
            "Train one for it: equipoise train belief; --grow-from takes over the networks of executors that are known."
        )


@lru_cache(maxsize=16)
def _loaded(folder: Path, changed: int) -> BeliefPolicy:
    config = checkpoint.read_config(folder)
    if config.get("kind") != KIND:
        raise InputError(f"'{folder}' holds no policy of econ. Name a folder that `equipoise train belief` wrote.")
    try:
        given = dict(config["settings"])
        prompt = {key: tuple(value) for key, value in given.pop("prompt").items()}
        settings = BeliefNetworkSettings(**given, prompt=PromptRange(**prompt))
        team = BeliefTeam(config["executors"], settings)
        embedder, learned_from, told = config["embedder"], frozenset(config["learned_from"]), config["told"]
    except (KeyError, TypeError) as error:
        raise InputError(f"the config of the policy in '{folder}' is damaged: {error!r}. Train it again.") from None
    checkpoint.load(folder, {"team": team})
    return BeliefPolicy(team=team.eval(), embedder=TextEmbedder(embedder), learned_from=learned_from, told=told)
