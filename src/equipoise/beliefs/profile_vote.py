r"""A joint control played at once: the executors' columns that their equilibrium calls, and a vote over the answers.

$$\text{asked} = \{u_i(s(q)) : i = 1 \dots N\} \setminus \{\text{abstain}\}, \qquad
u(s) = \arg\max_u \textstyle\prod_i \pi_i(u_i \mid s) \quad\text{or}\quad u_i \sim \pi_i(\cdot \mid s)$$

the mode of π or, as a switch, a sample of it, which depends on the seed and the question alone. s(q) is the question's
state: the cell of its length among training questions (one state by default). Where everybody abstains, the anchor is
called. This is DICE-PC with horizon 1, as the paper plays it.

Cost: O(questions × columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.policy import Policy, Reason

Texts = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True, eq=False)
class ProfileVote(Policy):
    """What a profile calls, and whom to believe.

    Attributes:
        called: [states, profiles, columns] whom a profile calls.
        chances: [states, profiles] how often it is played; rows sum to 1, and a mode has one profile.
        edges: [states − 1] lengths of questions, in characters, at which a state begins.
        vote: over the answers.
        seed: of samples.
        price: at which the profile was found, for readers.
    """

    called: Bools
    chances: Floats
    edges: Floats
    vote: Policy
    seed: int = 0
    price: float | None = None

    def ask(self, seen: Ballots) -> Bools:
        """The profile's columns, in the first step."""
        states = states_of(seen.questions, self.edges)
        chosen = (self.chances[states].cumsum(axis=1) <= self._luck(seen.questions)[:, None]).sum(axis=1)
        chosen = np.minimum(chosen, self.chances.shape[1] - 1)
        return self.called[states, chosen] & ~seen.asked.any(axis=1, keepdims=True)

    def believe(self, seen: Ballots) -> Floats:
        """The vote's belief."""
        return self.vote.believe(seen)

    def reason(self, seen: Ballots) -> Reason:
        """Whom it meant to ask was asked."""
        return "done"

    def _luck(self, questions: Texts) -> Floats:
        """[questions] in [0, 1), the same for the same question every time; 0 where nothing is drawn."""
        if self.chances.shape[1] == 1:
            return np.zeros(len(questions))
        return np.array([_luck(f"{self.seed}|{question}") for question in questions])


def _luck(text: str) -> float:
    # A checksum would not do: between two seeds it differs by the same bits for all texts of one length.
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32


def edges_of(questions: Texts, states: int) -> Floats:
    """[states − 1] the lengths that part questions into so many cells of about equal size.

    Fewer where questions are of equal length, so that no cell is empty.
    """
    lengths = [len(str(question)) for question in questions]
    edges = np.unique(np.quantile(lengths, np.arange(1, states) / states, method="higher"))
    return edges[edges < max(lengths)].astype(np.float64)


def states_of(questions: Texts, edges: Floats) -> NDArray[np.intp]:
    """[questions] the cell of each."""
    return np.searchsorted(edges, [len(str(question)) for question in questions], side="left")
