"""Token timing of the sliding windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .block import Timing, serve

if TYPE_CHECKING:
    from .sliding_window import WindowParams

__all__ = ["line_schedule", "ring_schedule"]

ROUNDS = 5
"""Tries to find a row's schedule as a whole; else it is followed column by column."""


def _paces(p: WindowParams, cycles: int, least: int) -> np.ndarray:
    """Cycles from each beat to the next, ``cycles`` or more in all a frame: a row for each row of
    windows."""
    beats = np.arange(p.outputs[0].beats + 1, dtype=np.int64)
    paces = np.maximum(np.diff(beats * cycles // p.outputs[0].beats), least)
    return paces.reshape(p.out_shape[0], p.row_beats)


def line_schedule(p: WindowParams, cycles: int, frames: int, arrival: np.ndarray,
                  least: int = 1) -> Timing:
    """Timing of full windows behind a line buffer.

    Parameters
    ----------
    p : WindowParams
    cycles : int
        What the output beats of a frame take together at least, evenly spread.
    frames : int
    arrival : array of int64
    least : int
        Cycles from one output beat to the next at least.
    """
    assert p.spare is not None
    inside, emits = p.row_columns
    # An output register holds a beat while the columns behind it pass.
    ends = emits & ~np.append(emits[1:], False) & (p.every > 1)
    behind = (p.every - 1) * p.slices
    produce = 1 if p.output_kind == "columns" else 2
    consumed, produced = [], []
    due: list[np.ndarray] = []  # when the column after a beat's last one takes its place
    line_at, window_at = 0, 0
    popped = np.full(p.spare, -1, dtype=np.int64)  # the last columns' departures
    place = 0
    paces, line_rows, row_words, rows = (_paces(p, cycles, least), p.line_rows, p.row_words,
                                         p.out_shape[0])
    for frame_row in range(frames * line_rows):
        y = frame_row % line_rows
        fed = y < p.shape[0]
        ready = np.zeros(row_words, dtype=np.int64)
        if fed:
            ready = arrival[place : place + row_words]
            place += row_words
        if p.spare == 1:
            line_at = max(line_at, int(popped[-1]) + 1)
        ends_row, phase = divmod(y - p.first_end, p.stride[0])
        if phase == 0 and 0 <= ends_row < rows:
            busy = np.ones(len(emits), dtype=np.int64)
            busy[emits] = paces[ends_row]
            busy[ends] = np.maximum(busy[ends] - behind, 1)
            row = _Row(inside, busy, p.spare, p.column_latency)
            start, shifts = row.run(ready, line_at, window_at, popped)
            popped = np.concatenate((popped, shifts[inside]))[-p.spare:]
            if due and emits[-1]:
                due[-1][-1] = shifts[0]
            window_at = int(shifts[-1] + busy[-1])
            produced.append(shifts[emits] + produce)
            due.append(np.append(shifts[1:], window_at)[emits])
        else:
            start = serve(np.maximum(ready, line_at))
        line_at = int(start[-1]) + 1
        if fed:
            consumed.append(start)
    return Timing((np.concatenate(consumed),), (np.concatenate(produced),),
                  (np.concatenate(due),))


class _Row:
    """A row of windows: what the columns and the window's shifts wait for."""

    def __init__(self, inside: np.ndarray, busy: np.ndarray, places: int, latency: int):
        self.inside, self.busy = inside, busy
        self.columns = np.flatnonzero(inside)
        self.offset = np.concatenate(([0], np.cumsum(busy)[:-1]))
        self.places, self.latency = places, latency

    def run(self, ready: np.ndarray, line_at: int, window_at: int,
            popped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cycles of the line buffer's steps and of the window's shifts."""
        # Without the wait for places the steps are never too late. With the places that such a
        # schedule gives back they are later, and never too late either: what fits is the schedule.
        earliest = np.maximum(ready, line_at)
        start = serve(earliest)
        for _ in range(ROUNDS):
            shifts = self._shifts(start, window_at)
            credit = np.concatenate((popped, shifts[self.columns]))[: len(start)] + 1
            if (start >= credit).all():
                return start, shifts
            start = serve(np.maximum(earliest, credit))
        return self._one_by_one(ready, line_at, window_at, popped)

    def _shifts(self, start: np.ndarray, window_at: int) -> np.ndarray:
        """Shifts of the columns of a row."""
        ready = np.full(len(self.inside), window_at, dtype=np.int64)
        ready[self.columns] = np.maximum(start + self.latency, window_at)
        return np.maximum.accumulate(ready - self.offset) + self.offset

    def _one_by_one(self, ready: np.ndarray, line_at: int, window_at: int,
                    popped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        start, shifts, pops = [], [], popped.tolist()
        arrivals = iter(ready.tolist())
        for inside, busy in zip(self.inside.tolist(), self.busy.tolist(), strict=True):
            if inside:
                step = max(next(arrivals), line_at, pops[-self.places] + 1)
                line_at = step + 1
                start.append(step)
                window_at = max(window_at, step + self.latency)
                pops.append(window_at)
            shifts.append(window_at)
            window_at += busy
        return np.array(start), np.array(shifts)


def ring_schedule(p: WindowParams, cycles: int, frames: int, arrival: np.ndarray,
                  least: int = 1) -> Timing:
    """Timing of windows read from a ring of rows.

    Parameters
    ----------
    p : WindowParams
    cycles : int
        What the output beats of a frame take together at least, evenly spread.
    frames : int
    arrival : array of int64
    least : int
        Cycles from one output beat to the next at least.
    """
    needs, firsts = p.rows_needed, p.rows_given_up
    height, words = p.shape[0], p.row_words
    written = np.empty(len(arrival), dtype=np.int64)
    done, write_at, read_at = 0, 0, 0
    free_from = np.zeros(frames * height + p.rows + 1, dtype=np.int64)  # of each row's slot
    least = max(least, p.reads + 2 if p.collect else 1)
    depth = None if p.collect else p.depth
    begun = np.full(depth or 1, -1 << 40, dtype=np.int64)
    last_words = (np.array(p.columns_needed) * p.slices - 1).repeat(
        p.row_beats // p.out_shape[1])
    produced = []
    paces = _paces(p, cycles, least)

    def fill(rows: int) -> None:
        nonlocal done, write_at
        while done < min(rows, frames * height):
            part = slice(done * words, (done + 1) * words)
            ready = np.maximum(arrival[part], max(write_at, int(free_from[done])))
            written[part] = serve(ready)
            write_at = int(written[part.stop - 1]) + 1
            done += 1

    given = 0
    for row in range(frames * p.out_shape[0]):
        frame, oy = divmod(row, p.out_shape[0])
        fill(frame * height + needs[oy])
        ready = written[(frame * height + needs[oy] - 1) * words + last_words] + 1
        periods = paces[oy]
        begin = serve(np.maximum(ready, read_at), periods, depth=depth,
                      hold=p.queue_latency + 1, before=begun)
        begun = np.concatenate((begun, begin))[-len(begun):]
        start = begin + p.reads - 1
        produced.append(start + p.latency - 1)
        read_at = int(begin[-1] + periods[-1])
        upto = frame * height + (firsts[oy + 1] if oy + 1 < p.out_shape[0] else height)
        free_from[given + p.rows : upto + p.rows] = int(start[-1]) + 1
        given = upto
    fill(frames * height)
    beats = np.concatenate(produced)
    if not p.collect:
        return Timing((written,), (beats,))
    # A beat that is put together must go before the first word of the next one is read.
    begins = beats - (p.reads + p.latency - 2)
    return Timing((written,), (beats,), (np.append(begins[1:], begins[-1] + least) - 1,))
