"""Keys and values of a batch, in buffers with room to spare.

transformers' own cache copies everything at every step, and again whenever a row joins or leaves. Here a
step writes one column, a row that joins is written into a free place, one that leaves has its place taken
by another. Only for models whose layers keep all keys; see ``probe.py``.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SPARE_COLUMNS = 64


def new_cache(model: Any, plain: bool = False) -> Any:
    """Return an empty cache of the kind the model's configuration asks for.

    Args:
        model: as transformers loads it.
        plain: every layer keeps all keys; its rows can then be changed by :func:`keep_rows`, :func:`add_rows`
            and :func:`drop_columns`.
    """
    from transformers import DynamicCache

    made = DynamicCache(config=model.config)
    if plain:
        made.layers = [_layer()() for _ in made.layers]
    return made


def keep_rows(made: Any, places: Sequence[int]) -> None:
    """Keep the rows at ``places``, in this order."""
    for layer in made.layers:
        layer.keep(places)


def add_rows(made: Any, other: Any) -> None:
    """Write the rows of another cache behind the last; the ends of both are aligned."""
    for layer, new in zip(made.layers, other.layers, strict=True):
        layer.reserve(new)
    # Nothing was changed so far: a failure for want of memory leaves both as they were.
    for layer, new in zip(made.layers, other.layers, strict=True):
        layer.add(new)


def drop_columns(made: Any, count: int) -> None:
    """Forget the first columns of every row."""
    for layer in made.layers:
        layer.drop(count)


def size_of(made: Any) -> int:
    """Return the bytes that a cache holds."""
    layers = made.layers if made is not None else ()
    tensors = [t for layer in layers for t in getattr(layer, "buffers", (layer.keys, layer.values))]
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


class _Room:
    """What a layer of transformers' cache does otherwise here.

    ``keys`` and ``values`` are windows ``[:rows, :, begin:end]`` of larger buffers.
    """

    keys: "torch.Tensor"
    values: "torch.Tensor"
    buffers: "tuple[torch.Tensor, ...]"
    is_initialized: bool

    def lazy_initialization(self, key_states: "torch.Tensor", value_states: "torch.Tensor") -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.rows, self.begin, self.end = len(key_states), 0, 0
        self.buffers = (key_states[:, :, :0], value_states[:, :, :0])
        self.is_initialized = True

    def update(
        self, key_states: "torch.Tensor", value_states: "torch.Tensor", *args: Any, **kwargs: Any
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        new = key_states.shape[-2]
        if self.end + new > self.buffers[0].shape[2]:
            head = min(self.begin, SPARE_COLUMNS)
            self._lay_out(len(self.buffers[0]), head, head + self.end - self.begin + new)
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[: self.rows, :, self.end : self.end + new] = states
        self.end += new
        return self._show()

    def keep(self, places: Sequence[int]) -> None:
        for at, place in enumerate(places):
            if at != place:
                for buffer in self.buffers:
                    buffer[at, :, self.begin : self.end] = buffer[place, :, self.begin : self.end]
        self.rows = len(places)
        self._show()

    def reserve(self, new: Any) -> None:
        rows, longer = self.rows + new.rows, (new.end - new.begin) - (self.end - self.begin)
        if rows > len(self.buffers[0]) or longer > self.begin:
            head = max(0, longer) + SPARE_COLUMNS
            self._lay_out(max(rows, 2 * self.rows), head, head + self.end - self.begin)

    def add(self, new: Any) -> None:
        begin = min(self.begin, self.end - (new.end - new.begin))
        for buffer, states in zip(self.buffers, (new.keys, new.values), strict=True):
            buffer[: self.rows, :, begin : self.begin] = 0
            added = buffer[self.rows : self.rows + new.rows]
            added[:, :, begin : self.end - states.shape[2]] = 0
            added[:, :, self.end - states.shape[2] : self.end] = states
        self.begin, self.rows = begin, self.rows + new.rows
        self._show()

    def drop(self, count: int) -> None:
        self.begin += count
        self._show()

    def _show(self) -> "tuple[torch.Tensor, torch.Tensor]":
        self.keys, self.values = (buffer[: self.rows, :, self.begin : self.end] for buffer in self.buffers)
        return self.keys, self.values

    def _lay_out(self, rows: int, head: int, columns: int) -> None:
        """Move to buffers of so many rows and columns, and some more columns, with ``head`` free ones first.

        They begin as zeros: what is masked must be a number, or it would spoil what is not.
        """
        spare, width = max(SPARE_COLUMNS, columns // 4), self.end - self.begin
        made = []
        for old in self.buffers:
            made.append(old.new_zeros(rows, old.shape[1], columns + spare, old.shape[3]))
            made[-1][: self.rows, :, head : head + width] = old[: self.rows, :, self.begin : self.end]
        self.buffers, self.begin, self.end = tuple(made), head, head + width
        self._show()


@cache
def _layer() -> Any:
    """Return the class of such a layer; transformers is imported only now."""
    from transformers.cache_utils import DynamicLayer

    return type("RoomyLayer", (_Room, DynamicLayer), {})
