r"""What can be read off a question before anybody answers: its looks and its words, as numbers.

$$x = \log(1 + (\text{looks}, \text{bins})), \qquad \text{bin}_k = \#\{\text{words } w : h(w) = k\}$$

The looks are the numbers of characters, words, digits, numbers and line breaks; the bins count hashed words (Weinberger
et al., 2009), so that no vocabulary has to be kept.

Cost: O(characters), once per text and process.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Floats

LOOKS = 5
"""The first features: the looks of a text."""

BINS = 96
"""Into how many features words are hashed: a few hundred questions bear no more."""


def features(questions: NDArray[np.object_]) -> Floats:
    """[questions, LOOKS + BINS] what a text looks like and which words it uses."""
    return np.stack([_text(str(question)) for question in questions])


@lru_cache(maxsize=1 << 14)
def _text(text: str) -> Floats:
    words = re.findall(r"[^\W\d_]+", text.lower())
    looks = [len(text), len(words), sum(c.isdigit() for c in text), len(re.findall(r"\d+", text)), text.count("\n")]
    # zlib's checksum is the same in every process, which Python's own hash of text is not.
    bins = np.bincount([zlib.crc32(word.encode()) % BINS for word in words], minlength=BINS)
    return np.log1p(np.concatenate([looks, bins]))
