"""Several processes that train as one, where a launcher started them; without one, everything here is about a single.

``batch_size`` of a recipe is what all of them share, so that the same recipe makes the same updates however many
there are. The first process leads: it alone asks for wishes, tells events and writes into the job's folder.
"""

from typing import Any


def world() -> int:
    """Return how many processes train together."""
    dist = _group()
    return int(dist.get_world_size()) if dist else 1


def leads() -> bool:
    """Return whether this is the process that writes."""
    dist = _group()
    return dist is None or dist.get_rank() == 0


def agree(value: Any) -> Any:
    """Return the leading process's value in every process: clocks and wishes differ, what is done may not."""
    dist = _group()
    if dist is None:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def meet() -> None:
    """Wait until every process has come here."""
    dist = _group()
    if dist is not None:
        dist.barrier()


def _group() -> Any:
    import torch.distributed as dist

    return dist if dist.is_available() and dist.is_initialized() else None
