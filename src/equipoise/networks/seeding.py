"""Initial weights that depend on a seed and on nothing else.

torch's layers draw their weights from the global generator. Here it is borrowed: seeded, used and put back, so that
the construction of a module neither depends on what was drawn before nor disturbs what is drawn after.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A block in which torch's CPU draws follow the seed; the global generator is as before when it ends."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
