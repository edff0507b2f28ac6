"""A layer built by itself: what a folding costs is what building it adds."""

from __future__ import annotations

from collections.abc import Sequence

from ...rtl_templates.block import BlockParams, StreamShape
from ..network import Network, Op
from .builder import Builder

__all__ = ["Trial"]


class Trial(Builder):
    """A builder for one operation, whose input streams come from nowhere.

    Blocks that only join a stream to the layer, such as width adapters, are kept apart from the
    layer's own: they depend on where the stream comes from.

    Parameters
    ----------
    network : Network
    op : Op
    sources : sequence of StreamShape
        The stream that each of the operation's inputs comes in.

    Attributes
    ----------
    follows : bool
        Whether the layout asked for the lanes of an input, so that another source may give
        other blocks.
    taken : list of StreamShape
        The streams that the layer takes, behind what joins them.
    joins : list of list of BlockParams
        What joins each of them.
    given : StreamShape or None
        The stream that the layer gives.
    """

    def __init__(self, network: Network, op: Op, sources: Sequence[StreamShape]):
        super().__init__(network, 1)
        self.blocks.clear()
        self.streams.clear()
        self._waiting.clear()
        self.follows = False
        self.taken: list[StreamShape] = []
        self.joins: list[list[BlockParams]] = []
        self.given: StreamShape | None = None
        self._joining: set[str] = set()
        for k, (tensor, shape) in enumerate(zip(op.inputs, sources, strict=True)):
            self._streams_of(f"source_{k}", shape, None, tensor)
            self._waiting.setdefault(tensor, []).append(f"source_{k}")

    @property
    def own(self) -> list[BlockParams]:
        """Blocks of the layer, a fork behind it included."""
        return [b.params for b in self.blocks.values() if b.name not in self._joining]

    def lanes(self, tensor: str) -> int:
        self.follows = True
        return super().lanes(tensor)

    def alias(self, tensor: str, other: str) -> None:
        self.follows = True
        self.taken.append(self.streams[self._waiting[tensor][0]].shape)
        self.joins.append([])
        super().alias(tensor, other)

    def take(self, layer: str, tensor: str, lanes: int) -> str:
        before = set(self.blocks)
        stream = super().take(layer, tensor, lanes)
        added = [block for block in self.blocks.values() if block.name not in before]
        self._joining.update(block.name for block in added)
        self.joins.append([block.params for block in added])
        self.taken.append(self.streams[stream].shape)
        return stream

    def give(self, tensor: str, stream: str) -> None:
        self.given = self.streams[stream].shape
        super().give(tensor, stream)
