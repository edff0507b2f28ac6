"""What blocks have in common that turn each element into one, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

from .block import StreamShape
from .pipeline import PipelineParams
from .types import IntType
from .validation import check_one_of, check_positive, divisors

__all__ = ["ElementwiseParams", "JoinParams"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ElementwiseParams(PipelineParams):
    """Base of the parameters of element-wise blocks.

    Parameters
    ----------
    input_type, output_type : IntType
    lanes : int
        Elements a beat: divides ``channels`` (the folds of a position follow each other), or is
        ``channels`` times a divisor of ``positions_per_frame`` (several positions a beat).
    channels, positions_per_frame : int
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the lanes are none of the legal ones, which the text lists, or a count is below 1.
    """

    input_type: IntType
    output_type: IntType
    lanes: int = 1
    channels: int = 1
    positions_per_frame: int = 1

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, positions_per_frame=self.positions_per_frame)
        check_one_of("lanes", self.lanes, {
            *divisors(self.channels),
            *(self.channels * k for k in divisors(self.positions_per_frame)),
        })

    @property
    def folds(self) -> int:
        """Beats that bring the channels of one position."""
        return max(1, self.channels // self.lanes)

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        beats = self.channels * self.positions_per_frame // self.lanes
        return (StreamShape(self.input_type, self.lanes, beats),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.inputs[0].beats),)

    @property
    def leads(self) -> bool:
        return True

    @property
    def follows(self) -> bool:
        return True


@dataclass(frozen=True, eq=False, kw_only=True)
class JoinParams(PipelineParams):
    """Base of the parameters of blocks that join streams of one shape, element by element.

    Parameters
    ----------
    input_types : tuple of IntType
    output_type : IntType
        Must hold every result; not bipolar.
    lanes, beats : int
        Elements a beat, beats a frame, of each input and the output.
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If there is no input, a count is below 1, or the output is bipolar.
    """

    input_types: tuple[IntType, ...]
    output_type: IntType
    lanes: int = 1
    beats: int = 1

    def __post_init__(self) -> None:
        check_positive(lanes=self.lanes, beats=self.beats, inputs=len(self.input_types))
        if self.output_type.bipolar:
            raise ValueError("output_type must be an integer type, not bipolar")

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return tuple(StreamShape(t, self.lanes, self.beats) for t in self.input_types)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.beats),)

    @property
    def leads(self) -> bool:
        return True
