"""Sliding window: which elements of a feature map a kernel sees, position by position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from amaranth.lib import wiring

from .block import BlockParams, StreamShape, Timing, serve
from .types import IntType
from .validation import check_divisor, check_one_of, divisors

__all__ = ["MODES", "WindowParams"]

MODES = ("serial", "column", "full")


@dataclass(frozen=True, kw_only=True)
class WindowParams(BlockParams):
    """Windows of a feature map in raster order.

    The map is kept in a buffer of the rows that a kernel spans and ``spare`` more, so that the
    rows of the next windows arrive while the present ones are read. Three ways of reading give
    different numbers of elements a beat:

    ``serial``
        ``channels`` elements of one kernel position. Order within a window: kernel row, kernel
        column, channel.
    ``column``
        ``channels`` elements of each row of a kernel column. Order: kernel column, channel
        slice, kernel row, channel of the slice.
    ``full``
        ``channels`` elements of every kernel position, and ``positions`` windows at once. Order:
        channel slice, position, kernel row, kernel column, channel of the slice.

    Parameters
    ----------
    type : IntType
    shape : (height, width, channels) of the map; padding is a block of its own
    kernel, stride, dilation : (vertical, horizontal)
    mode : str
        One of ``MODES``.
    channels : int
        Channels of a slice; divides the map's channels.
    positions : int
        Windows a beat, ``full`` only; divides the windows of a row. More than one needs all
        channels in a slice.
    pixels : int
        Pixels an input beat, ``full`` only; divides the row and ``positions * stride``. More than
        one needs all channels in a slice.
    spare : int or None
        Rows beyond the span, at least the vertical stride (None: just that). With ``span`` more
        the first rows of a frame are there before the last ones of the frame before it are
        given up, and no cycle is lost between frames.

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If a parameter is not legal; the text lists the legal values.
    """

    type: IntType
    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    mode: str = "serial"
    channels: int = 1
    positions: int = 1
    pixels: int = 1
    spare: int | None = None
    depth: int | None = None

    kind = "window"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {self.mode!r}")
        if min(*self.shape, *self.kernel, *self.stride, *self.dilation) < 1:
            raise ValueError("shape, kernel, stride and dilation must be positive")
        if self.span[0] > self.shape[0] or self.span[1] > self.shape[1]:
            raise ValueError(f"a kernel that spans {self.span} must fit a map of {self.shape[:2]}")
        check_divisor("channels", self.channels, self.shape[2])
        whole = self.mode == "full" and self.channels == self.shape[2]
        step = self.positions * self.stride[1]
        check_one_of("positions", self.positions, divisors(self.out_shape[1]) if whole else [1])
        check_one_of("pixels", self.pixels, [k for k in divisors(step) if self.shape[1] % k == 0]
                if whole else [1])
        if self.spare is None:
            object.__setattr__(self, "spare", self.stride[0])
        elif self.spare < self.stride[0]:
            raise ValueError(f"spare must be at least {self.stride[0]}, not {self.spare!r}")

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first to the last that a kernel sees."""
        (kh, kw), (dy, dx) = self.kernel, self.dilation
        return (kh - 1) * dy + 1, (kw - 1) * dx + 1

    @property
    def out_shape(self) -> tuple[int, int]:
        """Windows down and across."""
        return ((self.shape[0] - self.span[0]) // self.stride[0] + 1,
                (self.shape[1] - self.span[1]) // self.stride[1] + 1)

    @property
    def slices(self) -> int:
        """Channel slices of a pixel."""
        return self.shape[2] // self.channels

    @property
    def row_words(self) -> int:
        """Input beats a row."""
        return self.shape[1] // self.pixels * self.slices

    @property
    def rows(self) -> int:
        """Rows that the buffer holds."""
        assert self.spare is not None
        return self.span[0] + self.spare

    @property
    def rest(self) -> int:
        """Rows of the frame from the first that the last row of windows sees."""
        return self.shape[0] - (self.out_shape[0] - 1) * self.stride[0]

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        lanes = self.pixels * self.channels
        return (StreamShape(self.type, lanes, self.shape[0] * self.row_words),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        windows = self.out_shape[0] * self.out_shape[1]
        kh, kw = self.kernel
        lanes, beats = {
            "serial": (self.channels, windows * kh * kw * self.slices),
            "column": (self.channels * kh, windows * kw * self.slices),
            "full": (self.channels * kh * kw * self.positions,
                     windows // self.positions * self.slices),
        }[self.mode]
        return (StreamShape(self.type, lanes, beats),)

    @property
    def cycles(self) -> int:
        return max(self.inputs[0].beats, self.out_shape[0] * len(self.needs[0]))

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Written word to output: memory, read, (row select,) queue."""
        return 3 if self.mode == "serial" else 4

    @property
    def queue_latency(self) -> int:
        return self.latency - 1

    @property
    def history(self) -> int:
        """``full``: input words of a row, in pixel groups, before the first window is complete."""
        last = (self.positions - 1) * self.stride[1] + self.span[1] - 1
        return last // self.pixels

    @property
    def needs(self) -> tuple[np.ndarray, np.ndarray]:
        """Reads of one row of windows.

        Returns
        -------
        needs : array of int64, (reads,)
            Words, counted from the row of windows' first row, that must have been written.
        emits : array of bool, (reads,)
            Whether the read completes an output beat.
        """
        ow, above = self.out_shape[1], (self.span[0] - 1) * self.row_words
        if self.mode == "full":
            step = self.positions * self.stride[1] // self.pixels
            groups = self.history + (ow // self.positions - 1) * step + 1
            group = np.repeat(np.arange(groups), self.slices)
            emits = (group >= self.history) & ((group - self.history) % step == 0)
            needs = above + np.arange(groups * self.slices, dtype=np.int64) + 1
            needs[-1] = self.row_end_need
            return needs, emits
        # A window is begun when all of it is there.
        reads = self.outputs[0].beats // (self.out_shape[0] * ow)
        last = (np.arange(ow, dtype=np.int64) * self.stride[1] + self.span[1]) * self.slices
        needs = np.repeat(above + last, reads)
        needs[-reads:] = self.row_end_need
        return needs, np.ones(len(needs), dtype=bool)

    @property
    def row_end_need(self) -> int:
        """Words needed by a row's last window: its own, and those that are given up with it."""
        columns = (self.out_shape[1] - 1) * self.stride[1] + self.span[1]
        own = (self.span[0] - 1) * self.row_words + -(-columns // self.pixels) * self.slices
        return max(own, self.stride[0] * self.row_words)

    @property
    def frame_end_need(self) -> int:
        """Words needed by a frame's last window: all the frame's remaining ones."""
        return self.rest * self.row_words

    def operand_order(self, groups: int = 1) -> np.ndarray:
        """Where each operand of a window stands in (kernel row, kernel column, channel).

        With ``groups``, the operands of one group of channels; its channels are a whole number
        of slices, or a slice a whole number of groups.

        Returns
        -------
        array of int, (operands,)
            Flat index into (kernel height, kernel width, channels / groups), in stream order.
        """
        (kh, kw), c = self.kernel, self.shape[2] // groups
        s = min(self.channels, c)
        index = np.arange(kh * kw * c).reshape(kh, kw, c // s, s)
        axes = {"serial": (0, 1, 2, 3), "column": (1, 2, 0, 3), "full": (2, 0, 1, 3)}[self.mode]
        return index.transpose(axes).reshape(-1)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0]).reshape(self.shape)
        (sy, sx), (dy, dx) = self.stride, self.dilation
        view = np.lib.stride_tricks.sliding_window_view(x, self.span, axis=(0, 1))
        view = view[::sy, ::sx, :, ::dy, ::dx]  # (oh, ow, c, kh, kw)
        oh, ow, _, kh, kw = view.shape
        view = view.reshape(oh, ow // self.positions, self.positions, self.slices, self.channels,
                            kh, kw)
        axes = {"serial": (0, 1, 2, 5, 6, 3, 4), "column": (0, 1, 2, 6, 3, 5, 4),
                "full": (0, 1, 3, 2, 5, 6, 4)}[self.mode]
        out = self.outputs[0]
        return (view.transpose(axes).reshape(out.beats, out.lanes).astype(np.int64),)

    def variants(self) -> Iterator[WindowParams]:
        for spare in range(self.stride[0], self.stride[0] + self.span[0] + 1):
            yield replace(self, spare=spare)

    @property
    def buffer_bits(self) -> int:
        return self.rows * self.row_words * self.inputs[0].width

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        return self.paced_schedule(0, frames, *arrivals)

    def paced_schedule(self, interval: int, frames: int, *arrivals: np.ndarray) -> Timing:
        """Windows wait in the row buffer until they are asked for: at least ``interval`` divided
        by the number of output beats pass between two of them."""
        (arrival,) = arrivals
        needs, emits = self.needs
        fills = int((~emits).sum()) * self.out_shape[0]
        pace = max(1, (interval - fills) // self.outputs[0].beats)
        durations = np.where(emits, pace, 1)
        # The last read (in the other modes, the last window) of a frame waits for all of it.
        last_need = np.where(needs == self.row_end_need, self.frame_end_need, needs)
        capacity = self.rows * self.row_words
        written = np.empty(len(arrival), dtype=np.int64)
        issued = [np.zeros(0, np.int64)]
        done, free_at, released, write_at, read_at = 0, 0, 0, 0, 0
        for row in range(frames * self.out_shape[0]):
            # Words that fit once the rows before this row of windows are given up.
            upto = min(released + capacity, len(arrival))
            if upto > done:
                ready = np.maximum(arrival[done:upto], max(free_at, write_at))
                written[done:upto] = serve(ready)
                done, write_at = upto, int(written[upto - 1]) + 1
            end = (row + 1) % self.out_shape[0] == 0
            need = last_need if end else needs
            ready = np.maximum(written[released + need - 1] + 1, read_at)
            start = serve(ready, durations, depth=self.depth, hold=self.queue_latency + 1,
                          emits=emits, before=np.concatenate(issued[-(self.depth or 0) - 1 :]))
            issued.append(start[emits])
            read_at = int(start[-1] + durations[-1])
            free_at = int(start[-1]) + 1
            released += (self.rest if end else self.stride[0]) * self.row_words
        if done < len(arrival):
            written[done:] = serve(np.maximum(arrival[done:], max(free_at, write_at)))
        return Timing((written,), (np.concatenate(issued) + self.queue_latency,))

    def create(self) -> wiring.Component:
        from .window_column import ColumnWindow
        from .window_reader import FullWindow, SerialWindow  # the hardware knows its parameters

        return {"serial": SerialWindow, "column": ColumnWindow, "full": FullWindow}[self.mode](self)
