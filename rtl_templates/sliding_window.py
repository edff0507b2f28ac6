"""Sliding window: which elements of a feature map a kernel sees, position by position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from amaranth.lib import wiring

from .block import BlockParams, StreamShape, Timing, fewest_places
from .path import Path
from .resources import Resources
from .types import IntType
from .validation import check_divisor, check_one_of, divisors
from .window_cost import line_resources, ring_resources
from .window_paths import line_paths, ring_paths, window_exit
from .window_timing import line_schedule, ring_schedule

__all__ = ["MODES", "WindowParams"]

MODES = ("serial", "column", "full")

PLACES = 4
"""Columns that wait in front of full windows, for one a cycle."""

REGISTER_SLICES = 4
"""Up to so many channel slices the columns before the newest are registers, then LUTRAM."""

LUTRAM_WORDS = 64
"""Up to so many words a memory is in LUTs, however wide."""

LUTRAM_BITS = 512
"""Up to so many bits as well."""


@dataclass(frozen=True, kw_only=True)
class WindowParams(BlockParams):
    """Windows of a feature map in raster order, of padding around it where the kernel reaches out.

    Three ways of reading give different numbers of elements a beat:

    ``serial``
        ``channels`` elements of one kernel position. Order within a window: kernel row, kernel
        column, channel.
    ``column``
        ``channels`` elements of each row of a kernel column. Order: kernel column, channel
        slice, kernel row, channel of the slice.
    ``full``
        ``channels`` elements of every kernel position, and ``positions`` windows at once. Order:
        channel slice, position, kernel row, kernel column, channel of the slice.

    Full windows come from a line buffer, which reads every word of the map once, in step with
    the input. Serial and column windows, and full ones that are collected from single words, are
    read from a ring of whole rows, several times over; a window begins when all of it is there.

    Parameters
    ----------
    type : IntType
    shape : (height, width, channels)
        Of the map without padding.
    kernel, stride, dilation : (vertical, horizontal)
    pads : (top, left, bottom, right)
        Less than the kernel's span.
    pad_value : int
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
    collect : bool
        ``full`` only, one position: read word by word and put together, two cycles a beat
        beside one a word, with neither a line buffer nor registers for the other slices.
    spare : int or None
        Ring: rows beyond the span (None: the vertical stride). With ``span`` more the first rows
        of a frame are there before the last ones of the frame before it are given up, and no
        cycle is lost between frames. Line buffer: columns that wait for the windows (None:
        enough for one a cycle; 1 is a register, for one every second cycle).
    kept : int
        Cycles for which the consumer keeps a beat; tells :meth:`paced_schedule` how fast beats
        can go.
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle. Full windows have one at
        no cost: the registers that they are put together in.

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
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: int = 0
    mode: str = "serial"
    channels: int = 1
    positions: int = 1
    pixels: int = 1
    collect: bool = False
    spare: int | None = None
    kept: int = 1
    depth: int | None = None

    kind = "window"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {self.mode!r}")
        if min(*self.shape, *self.kernel, *self.stride, *self.dilation) < 1:
            raise ValueError("shape, kernel, stride and dilation must be positive")
        top, left, bottom, right = self.pads
        if min(self.pads) < 0 or max(top, bottom) >= self.span[0] or (
                max(left, right) >= self.span[1]):
            raise ValueError("pads must be at least 0 and less than the kernel's span "
                             f"{self.span}, not {self.pads!r}")
        padded = (self.shape[0] + top + bottom, self.shape[1] + left + right)
        if self.span[0] > padded[0] or self.span[1] > padded[1]:
            raise ValueError(f"a kernel that spans {self.span} must fit a map of {padded}")
        if any(self.pads) and not self.type.contains(np.array([self.pad_value])):
            raise ValueError(f"pad_value must be a value of {self.type}, not {self.pad_value!r}")
        check_divisor("channels", self.channels, self.shape[2])
        whole = self.mode == "full" and self.channels == self.shape[2]
        step = self.positions * self.stride[1]
        check_one_of("positions", self.positions, divisors(self.out_shape[1]) if whole else [1])
        check_one_of("pixels", self.pixels, [k for k in divisors(step) if self.shape[1] % k == 0]
                if whole else [1])
        if self.collect and (self.mode != "full" or self.positions * self.pixels > 1):
            raise ValueError("collect must come with full windows, one position and one pixel")
        if self.spare is None:
            spare = PLACES if self.lines else self.stride[0]
            object.__setattr__(self, "spare", spare)
        elif self.spare < 1:
            raise ValueError(f"spare must be at least 1, not {self.spare!r}")

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first to the last that a kernel sees."""
        (kh, kw), (dy, dx) = self.kernel, self.dilation
        return (kh - 1) * dy + 1, (kw - 1) * dx + 1

    @property
    def out_shape(self) -> tuple[int, int]:
        """Windows down and across."""
        top, left, bottom, right = self.pads
        return ((self.shape[0] + top + bottom - self.span[0]) // self.stride[0] + 1,
                (self.shape[1] + left + right - self.span[1]) // self.stride[1] + 1)

    @property
    def slices(self) -> int:
        """Channel slices of a pixel."""
        return self.shape[2] // self.channels

    @property
    def row_words(self) -> int:
        """Input beats a row."""
        return self.shape[1] // self.pixels * self.slices

    @property
    def lines(self) -> bool:
        """Whether the windows come from a line buffer, not from a ring of rows."""
        return self.mode == "full" and not self.collect

    @property
    def pad_word(self) -> np.ndarray:
        """Elements of an input word of padding, array (1, lanes)."""
        value = self.pad_value if any(self.pads) else self.type.lo
        return np.full((1, self.inputs[0].lanes), value, dtype=np.int64)

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
    def row_beats(self) -> int:
        """Output beats of a row of windows."""
        return self.outputs[0].beats // self.out_shape[0]

    @property
    def cycles(self) -> int:
        words = self.inputs[0].beats
        if not self.lines:
            beats = self.outputs[0].beats
            if self.collect:
                return max(words, beats * (self.reads + 2))
            held = 1 if self.depth is None else max(1, (self.queue_latency + 1) / self.depth)
            return max(words, ceil(beats * held))
        assert self.spare is not None
        oh, across, row = self.out_shape[0], self.groups * self.slices, self.row_words
        passing = self.passing_rows
        if self.spare == 1:
            # A column every second cycle, and nothing passes while one waits.
            pause = np.maximum(across - row + 1, (passing - 1) * row + 2)
            return int((2 * (row - 1) + pause).sum())
        # More places carry what one row has too many of on to the rows that have too few.
        least = max(self.line_rows * row, oh * across)
        return max(least, int(np.maximum(passing * row, across).sum()) - self.spare + PLACES)

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Written word to output."""
        if self.lines:
            return self.column_latency + (1 if self.output_kind == "columns" else 2)
        return 4 if self.collect or self.mode == "column" else 3

    @property
    def queue_latency(self) -> int:
        # A full window's place is where it is put together.
        return 0 if self.mode == "full" else self.latency - 1

    @property
    def output_kind(self) -> str:
        """What an output beat of full windows waits in.

        ``columns``: the registers of the columns themselves; ``register``: one of its own, while
        the next columns come; ``queue``: a queue.
        """
        columns = self.lines and self.every == 1  # without more, enough for one place
        if self.depth is None or self.depth == 1:
            return "columns" if columns else "register"
        return "register" if columns and self.depth == 2 else "queue"

    # Line buffer and the columns of full windows.

    @property
    def first_end(self) -> int:
        """Row of the map, from 0, that ends the first row of windows."""
        return self.span[0] - 1 - self.pads[0]

    @property
    def line_rows(self) -> int:
        """Rows that pass the line buffer: the map's, and those below that end windows."""
        return max(self.shape[0], self.first_end + (self.out_shape[0] - 1) * self.stride[0] + 1)

    @property
    def passing_rows(self) -> np.ndarray:
        """Rows from each that ends windows to the next; from a frame's last, to the next frame."""
        passing = np.full(self.out_shape[0], self.stride[0])
        passing[-1] = self.line_rows - (self.out_shape[0] - 1) * self.stride[0]
        return passing

    @property
    def line_memory(self) -> str:
        """What holds the rows above the newest: ``register``, ``lutram`` or ``block``."""
        if self.row_words == 1:
            return "register"
        bits = (self.span[0] - 1) * self.inputs[0].width * self.row_words
        return ("lutram" if self.row_words <= LUTRAM_WORDS or bits <= LUTRAM_BITS else "block")

    @property
    def column_latency(self) -> int:
        """Cycles from a word to its column at the windows."""
        assert self.spare is not None
        return 1 if self.spare == 1 else 2 if self.spare <= LUTRAM_WORDS else 3

    @property
    def lead_groups(self) -> int:
        """Pixel groups of padding at the left."""
        return -(-self.pads[1] // self.pixels)

    @property
    def lead(self) -> int:
        """Pixels of these groups that lie before the padding."""
        return self.lead_groups * self.pixels - self.pads[1]

    @property
    def history(self) -> int:
        """Pixel groups, padding included, before the one that completes the first windows."""
        last = self.lead + (self.positions - 1) * self.stride[1] + self.span[1] - 1
        return last // self.pixels

    @property
    def every(self) -> int:
        """Pixel groups from one beat's windows to the next one's."""
        return self.positions * self.stride[1] // self.pixels

    @property
    def groups(self) -> int:
        """Pixel groups of a row, padding included."""
        needed = self.history + (self.out_shape[1] // self.positions - 1) * self.every + 1
        return max(needed, self.lead_groups + self.shape[1] // self.pixels)

    @property
    def row_columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns of a row of windows.

        Returns
        -------
        inside : array of bool, (groups * slices,)
            Whether the column is the map's, not padding.
        emits : array of bool, (groups * slices,)
            Whether it completes an output beat.
        """
        group = np.arange(self.groups)
        inside = (group >= self.lead_groups) & (
            group < self.lead_groups + self.shape[1] // self.pixels)
        emits = (group >= self.history) & ((group - self.history) % self.every == 0)
        return inside.repeat(self.slices), emits.repeat(self.slices)

    @property
    def register_columns(self) -> bool:
        """Whether the columns before the newest are in registers, not in a memory by slices."""
        return self.slices <= REGISTER_SLICES

    # Ring of rows.

    @property
    def rows(self) -> int:
        """Rows that the ring holds."""
        assert self.spare is not None
        return self.span[0] + self.spare

    @property
    def reads(self) -> int:
        """Reads of the ring an output beat."""
        return self.kernel[0] * self.kernel[1] if self.collect else 1

    @property
    def rows_needed(self) -> list[int]:
        """Rows of the frame that must be there for each row of windows."""
        return [min(self.shape[0], y * self.stride[0] - self.pads[0] + self.span[0])
                for y in range(self.out_shape[0])]

    @property
    def columns_needed(self) -> list[int]:
        """Pixels of the last of these rows that must be there for each window of the row."""
        return [min(self.shape[1], x * self.stride[1] - self.pads[1] + self.span[1])
                for x in range(self.out_shape[1])]

    @property
    def rows_given_up(self) -> list[int]:
        """Rows of the frame that no row of windows sees any more, before each of them."""
        return [min(self.shape[0], max(0, y * self.stride[0] - self.pads[0]))
                for y in range(self.out_shape[0])]

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
        top, left, bottom, right = self.pads
        x = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=self.pad_value)
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
        if not self.lines:
            for spare in range(1, self.stride[0] + self.span[0] + 1):
                yield replace(self, spare=spare)
            return
        # Columns may wait while rows that end no windows pass.
        most = self.row_words * max(1, int(self.passing_rows.max()) - 1)
        spare = 1
        while True:
            yield replace(self, spare=spare)
            if spare >= most:
                return
            spare = PLACES if spare < PLACES else 16 if spare < 16 else 2 * spare

    @property
    def buffer_bits(self) -> int:
        assert self.spare is not None
        width = self.inputs[0].width
        if not self.lines:
            return self.rows * self.row_words * width
        return ((self.span[0] - 1) * self.row_words + self.kernel[0] * self.spare) * width

    @property
    def queue_bits(self) -> int:
        # Columns that wait are counted with the line buffer.
        return 0 if self.output_kind == "columns" else super().queue_bits

    @property
    def resources(self) -> Resources:
        return line_resources(self) if self.lines else ring_resources(self)

    @property
    def paths(self) -> tuple[Path, ...]:
        return line_paths(self) if self.lines else ring_paths(self)

    @property
    def entry(self) -> Path:
        return Path(what="input")

    @property
    def exit(self) -> str:
        return window_exit(self)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        return (line_schedule if self.lines else ring_schedule)(self, 0, frames, arrivals[0])

    def paced_schedule(self, interval: int, frames: int, *arrivals: np.ndarray) -> Timing:
        """Output beats go as fast as the consumer takes them; or, if what passes in a row without
        any leaves no time for that, evenly spread over the rest of the interval."""
        (arrival,) = arrivals
        if not self.lines:
            return ring_schedule(self, 0, frames, arrival, self.kept)
        assert self.spare is not None
        _, emits = self.row_columns
        silent = int((~emits).sum())
        row = silent + self.kept * self.row_beats
        if self.output_kind != "columns":  # the beat before them hides some columns without any
            row -= self.row_beats // self.slices * min(self.kept - 1,
                                                       (self.every - 1) * self.slices)
        if self.out_shape[0] * row <= interval:
            return line_schedule(self, 0, frames, arrival, self.kept)
        # What waits between line buffer and windows bridges some of the rows that end none.
        columns = self.out_shape[0] * self.groups * self.slices
        bridged = (self.spare - 1) * interval // columns
        silent_rows = np.maximum((self.passing_rows - 1) * self.row_words - bridged, 0).sum()
        idle = self.out_shape[0] * silent + int(silent_rows)
        return line_schedule(self, interval - idle, frames, arrival)

    def queue_delay(self, depth: int) -> int:
        # Columns that are the output themselves give their beats on to a queue.
        return int(self.lines and self.every == 1 and depth > 1)

    def places(self, timing: Timing, port: int, consumed: np.ndarray) -> int:
        if self.mode != "full":
            return super().places(timing, port, consumed)
        (due,) = timing.due
        columns = self.lines and self.every == 1
        if columns and (due >= consumed).all():
            return 1
        # One beat waits in front of the register, or queue. The register takes it as its own beat
        # leaves, a queue a cycle later.
        if (due[1:] >= consumed[:-1]).all():
            return 1 + columns
        return max(2 + columns, fewest_places(due, consumed))

    def create(self) -> wiring.Component:
        # The hardware knows its parameters.
        from .window_column import ColumnWindow
        from .window_full import FullWindow
        from .window_reader import RingWindow

        if self.lines:
            return FullWindow(self)
        return ColumnWindow(self) if self.mode == "column" else RingWindow(self)
