"""Layout of the operations that take pixels apart into channels, and the other way round.

A pixel's channels hold a block of pixels, row after row. Its rows are dealt to streams of their
own, which come together again row by row of the map (depth to space); or the map's rows are dealt,
and come together pixel by pixel (space to depth). What waits meanwhile waits in the queues between,
each as deep as the schedule of all tokens makes it: less than the row that two memories would hold
twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...rtl_templates.adapter import AdapterParams
from ...rtl_templates.block import StreamShape
from ...rtl_templates.cat import CatParams
from ...rtl_templates.deal import DealParams
from ...rtl_templates.fork import ForkParams
from ...rtl_templates.validation import divisors
from ..network import DepthToSpace, Network, SpaceToDepth
from .builder import Builder
from .plan import Folding, Plan, plan

__all__ = ["DepthToSpacePlan", "SpaceToDepthPlan"]


class _BlockPlan(Plan):
    """Both directions: a row of a block, that is ``slice`` elements, is what moves."""

    op: DepthToSpace | SpaceToDepth

    @property
    def small(self) -> tuple[int, int, int]:
        """Shape of the side with fewer channels."""
        raise NotImplementedError

    @property
    def slice(self) -> int:
        """Elements of a row of a block."""
        return self.op.block[1] * self.small[2]

    @property
    def same(self) -> bool:
        """Whether the elements come in the same order on both sides."""
        return self.op.block[0] == 1 and (self.op.block[1] == 1 or not self.op.channel_major)

    def lanes(self) -> list[int]:
        """Legal lanes: parts of a pixel of the side with fewer channels, or whole ones."""
        channels = self.small[2]
        return divisors(channels) + [channels * k for k in divisors(self.op.block[1])[1:]]

    def foldings(self) -> Iterator[Folding]:
        if self.same:
            yield {}
            return
        for lanes in self.lanes():
            yield {"lanes": lanes}

    def cycles(self, folding: Folding) -> int:
        return 1 if self.same else self.output.size // folding["lanes"]

    def build(self, builder: Builder, folding: Folding) -> None:
        if self.same:
            builder.alias(self.op.inputs[0], self.op.name)
        else:
            builder.give(self.op.name, self._built(builder, folding["lanes"]))

    def _built(self, builder: Builder, lanes: int) -> str:
        """Stream of the result."""
        raise NotImplementedError

    def _dealt(self, builder: Builder, lanes: int, run: int) -> list[str]:
        """Streams that have ``run`` elements of the input in turn, one for each row of a block."""
        stream = builder.take(self.op.name, self.op.inputs[0], lanes)
        (rows, _), (x,) = self.op.block, self.inputs
        if rows == 1:
            return [stream]
        return builder.add(self.op.name, f"{self.op.name}_deal", DealParams(
            stream=StreamShape(x.type, lanes, x.size // lanes), parts=rows, run=run // lanes),
            [stream], None)

    def _joined(self, builder: Builder, streams: list[str], lanes: int, run: int, *,
                ends: bool) -> str:
        """Stream that has ``run`` elements of each stream in turn; ``ends``: it is the result."""
        (rows, _), (x,) = self.op.block, self.inputs
        if rows == 1:
            return streams[0]
        return builder.add(self.op.name, f"{self.op.name}_join", CatParams(
            input_types=(x.type,) * rows, output_type=x.type, channels=(run,) * rows, lanes=lanes,
            positions_per_frame=x.size // (rows * run)), streams, self.op.name if ends else None)[0]


class DepthToSpacePlan(_BlockPlan):
    """Pixels to blocks of pixels."""

    op: DepthToSpace

    @property
    def small(self) -> tuple[int, int, int]:
        return self.output.shape

    def lanes(self) -> list[int]:
        # Of several pixels at once, each has a row of its block in a beat of its own.
        return super().lanes() + [self.slice * k for k in divisors(self.inputs[0].shape[1])[1:]]

    def _built(self, builder: Builder, lanes: int) -> str:
        row = self.output.shape[1] * self.output.shape[2]
        if self.op.channel_major or lanes > self.slice:
            streams = self._split(builder, lanes)
        else:
            streams = self._dealt(builder, lanes, self.slice)
        return self._joined(builder, streams, lanes, row, ends=True)

    def _split(self, builder: Builder, lanes: int) -> list[str]:
        """The rows of blocks, out of beats of whole pixels."""
        name, (x,), (rows, _) = self.op.name, self.inputs, self.op.block
        pixels, channels = max(1, lanes // self.slice), x.shape[2]
        order = self.op.order(self.output.shape[2]).reshape(rows, -1)
        params = ForkParams(
            stream=StreamShape(x.type, channels * pixels, x.size // (channels * pixels)),
            copies=rows, lanes=tuple(tuple(int(place) + channels * k for k in range(pixels)
                                           for place in part) for part in order))
        stream = builder.take(name, self.op.inputs[0], params.stream.lanes)
        ends = self.op.name if rows == 1 else None
        streams = builder.add(name, f"{name}_split", params, [stream], ends)
        if lanes >= self.slice:
            return streams
        return [builder.add(name, f"{name}_narrow", AdapterParams(
            type=x.type, lanes_in=self.slice, lanes_out=lanes, elements=x.size // rows),
            [stream], ends)[0] for stream in streams]


class SpaceToDepthPlan(_BlockPlan):
    """Blocks of pixels to pixels."""

    op: SpaceToDepth

    @property
    def small(self) -> tuple[int, int, int]:
        return self.inputs[0].shape

    def _built(self, builder: Builder, lanes: int) -> str:
        (x,), channels = self.inputs, self.output.shape[2]
        shuffles = self.op.channel_major
        stream = self._joined(
            builder, self._dealt(builder, lanes, x.shape[1] * x.shape[2]), lanes, self.slice,
            ends=not shuffles)
        if not shuffles:
            return stream
        if lanes < channels:
            stream = builder.add(self.op.name, f"{self.op.name}_widen", AdapterParams(
                type=x.type, lanes_in=lanes, lanes_out=channels, elements=x.size), [stream],
                None)[0]
        # The place in a pixel as it was dealt, for each as it shall be.
        source = self.op.order(x.shape[2]).ravel().argsort()
        return builder.add(self.op.name, f"{self.op.name}_shuffle", ForkParams(
            stream=StreamShape(x.type, channels, x.size // channels), copies=1,
            lanes=(tuple(source.tolist()),)), [stream], self.op.name)[0]


@plan.register
def _(op: DepthToSpace, network: Network) -> Plan:
    return DepthToSpacePlan(network, op)


@plan.register
def _(op: SpaceToDepth, network: Network) -> Plan:
    return SpaceToDepthPlan(network, op)
