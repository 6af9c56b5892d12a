"""One model spread over the processes of a launcher, and put together again: FSDP2 (``--use_fsdp``).

Zhao et al. 2023, "PyTorch FSDP", arXiv 2304.11277. Every process keeps a share of weights, gradients and optimizer
state and gathers a layer when it computes with it. Sharding and training are torch's and accelerate's; here is what
they leave open: processes on CPUs, and whole weights where one process has to work with them.
"""

import copy
import os
from collections.abc import Mapping
from typing import Any

from assistant.errors import UsageError
from tuning.checkpoints import Checkpoint

# What is trained must come out whole, in checkpoints too; the first version of FSDP glues weights into flat ones,
# which names, freezing and our own files know nothing of.
_CHOICES = {
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
}


def asked() -> bool:
    """Return whether the launcher was told to shard."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def refuse_another(start: Checkpoint | None) -> None:
    """Refuse to go on from a checkpoint that was written the other way; it holds other files.

    Raises:
        UsageError: says how to go on.
    """
    if start is None or start.facts.get("sharded", False) == asked():
        return
    if asked():
        raise UsageError("the run's checkpoints are of a whole model", "resume it without --use_fsdp")
    hint = "resume it as it was started: accelerate launch --use_fsdp --num_processes N -m assistant tune resume JOB"
    raise UsageError("the run's checkpoints are of a sharded model", hint)


def set_up() -> None:
    """Settle how to shard, just before accelerate is started; on CPUs too, where accelerate would not switch it on.

    torch shards over gloo all the same, so accelerate is told that these are accelerators.
    """
    from accelerate import DistributedType, PartialState

    os.environ.update(_CHOICES)
    shared = PartialState()._shared_state
    if shared["distributed_type"] == DistributedType.MULTI_CPU:
        shared["distributed_type"] = DistributedType.MULTI_GPU


def outline(model: Any) -> Any:
    """Return a copy of a model whose weights have shapes but no memory."""
    import torch

    empty = {
        id(weight): torch.nn.Parameter(torch.empty_like(weight, device="meta"), weight.requires_grad)
        for weight in model.parameters()
    }
    copied = copy.deepcopy(model, empty)
    for module in copied.modules():
        vars(module).pop("forward", None)  # TRL hangs its own there, which would still call the original
    return copied


def fill(outline: Any, sharded: Any) -> Any:
    """Gather a sharded model's weights into an :func:`outline` of it; every process has to take part.

    Returns:
        The whole model in the leading process, None in the others.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    from tuning.processes import leads, meet

    _let_go(sharded)
    weights = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    meet()  # one that left now would take its connections along while another still receives
    if not leads():
        return None
    outline.load_state_dict(weights, assign=True)
    outline.tie_weights()
    return outline


def trained(model: Any) -> dict[str, Any]:
    """Return the trained weights by name, whole and on the CPU; of a sharded model every process has to ask."""
    _let_go(model)
    found = {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}
    whole = {name: weight.full_tensor() if hasattr(weight, "full_tensor") else weight for name, weight in found.items()}
    return {name: weight.cpu().contiguous() for name, weight in whole.items()}


def put_back(model: Any, weights: Mapping[str, Any]) -> None:
    """Load some weights, whole ones, into a model that may be sharded."""
    import torch
    from torch.distributed.tensor import distribute_tensor

    _let_go(model)
    there = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            mine: Any = there[name]
            if hasattr(mine, "full_tensor"):
                weight = distribute_tensor(weight.to(mine.device), mine.device_mesh, mine.placements)
            mine.copy_(weight)


def _let_go(model: Any) -> None:
    """Drop gathered layers, which stay after a pass without gradients; their weights would be taken for the model's."""
    for module in model.modules():
        if hasattr(module, "reshard"):
            module.reshard()
