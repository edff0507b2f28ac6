"""A layer built by itself: what a folding costs is what building it adds."""

from __future__ import annotations

from collections.abc import Mapping

from ...rtl_templates.block import BlockParams, StreamShape
from ..network import Network
from .builder import Builder, beats_of

__all__ = ["Trial"]


class Trial(Builder):
    """A builder for one layer, whose input streams come from nowhere.

    Blocks that only join a stream to the layer, such as width adapters, are kept apart from the
    layer's own: they depend on where the stream comes from.

    Parameters
    ----------
    network : Network
    shapes : mapping of str to StreamShape
        The stream that a tensor comes in; one element a beat where it is not named.

    Attributes
    ----------
    follows : bool
        Whether the layout asked for the lanes of a tensor, so that another stream may give other
        blocks.
    tensors : list of str
        The tensors that the layer takes, which need not be those that its operation reads.
    taken : list of StreamShape
        The streams of these tensors as it takes them, behind what joins them.
    joins : list of list of BlockParams
        What joins each of them.
    given : StreamShape or None
        The stream that the layer gives, None if it gives none: others do its work.
    """

    def __init__(self, network: Network, shapes: Mapping[str, StreamShape]):
        super().__init__(network, 1)
        self.blocks.clear()
        self.streams.clear()
        self._waiting.clear()
        self.shapes = shapes
        self.follows = False
        self.tensors: list[str] = []
        self.taken: list[StreamShape] = []
        self.joins: list[list[BlockParams]] = []
        self.given: StreamShape | None = None
        self._joining: set[str] = set()

    @property
    def own(self) -> list[BlockParams]:
        """Blocks of the layer, a fork behind it included."""
        return [b.params for b in self.blocks.values() if b.name not in self._joining]

    def come(self, tensor: str) -> str:
        """A stream of a tensor appears."""
        name = f"source_{len(self.streams)}"
        shape = self.shapes.get(tensor) or beats_of(self.network.tensors[tensor], 1)
        self._streams_of(name, shape, None, tensor)
        self._waiting.setdefault(tensor, []).append(name)
        return name

    def lanes(self, tensor: str) -> int:
        self.follows = True
        if not self._waiting.get(tensor):
            self.come(tensor)
        return super().lanes(tensor)

    def alias(self, tensor: str, other: str) -> None:
        self.follows = True
        self._take(tensor)
        self.joins.append([])
        self.taken.append(self.streams[self._waiting[tensor][0]].shape)
        super().alias(tensor, other)

    def take(self, layer: str, tensor: str, lanes: int) -> str:
        before = set(self.blocks)
        self._take(tensor)
        stream = super().take(layer, tensor, lanes)
        added = [block for block in self.blocks.values() if block.name not in before]
        self._joining.update(block.name for block in added)
        self.joins.append([block.params for block in added])
        self.taken.append(self.streams[stream].shape)
        return stream

    def _take(self, tensor: str) -> None:
        if not self._waiting.get(tensor):
            self.come(tensor)
        self.tensors.append(tensor)

    def give(self, tensor: str, stream: str) -> None:
        self.given = self.streams[stream].shape
        super().give(tensor, stream)
