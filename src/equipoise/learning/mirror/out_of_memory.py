"""Out of memory, said in one sentence that names what to lower.

Memory of one update, in numbers of the model's dtype, for R rows of n tokens, width d, depth D and vocabulary V: the
frozen base, its activations O(R n d D), or O(R n d) and one layer's with gradient checkpointing, and the chunk of
logits in work (see `token_scores`). Of a rollout: keys and values O(R n d D). Adapters and their optimiser are small.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from equipoise.errors import OutOfMemory

_SAID = ("allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""What a lack of memory says in a plain RuntimeError: torch's allocator on the CPU, the CUDA driver, cuBLAS."""


@contextmanager
def memory_told(doing: str, *, lower: str) -> Iterator[None]:
    """A block whose lack of memory becomes one message.

    Args:
        doing: what the block does, such as "a rollout of 64 rows".
        lower: what would need less, as a sentence.

    Raises:
        OutOfMemory: the device's memory does not suffice.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, OutOfMemory) or not _is_lack(error):
            raise
        raise OutOfMemory(f"out of memory during {doing}. {lower} ({str(error).splitlines()[0][:160]})") from None


def _is_lack(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(said in str(error) for said in _SAID)
