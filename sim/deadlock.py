"""Says which blocks wait for each other when nothing moves any more."""

from __future__ import annotations

from dataclasses import dataclass

from ..gen.dataflow.graph import Dataflow
from .engine import Design, RunResult

__all__ = ["Wait", "explain", "waits"]

SOURCE, SINK = "the input", "the output"


@dataclass(frozen=True)
class Wait:
    """One block waits for another on a stream.

    ``taking`` tells for what: that the other takes a beat which is offered, or that it offers
    one. ``beat`` is the number of the beat, from 0 at the start of the run.
    """

    block: str
    other: str
    stream: str
    taking: bool
    beat: int

    def __str__(self) -> str:
        does = "take" if self.taking else "offer"
        return f"{self.block} waits for {self.other} to {does} beat {self.beat} of {self.stream}"


def waits(dataflow: Dataflow, design: Design, result: RunResult, frames: int) -> list[Wait]:
    """Who waits for whom, from the handshakes at the end of a run of ``frames`` frames."""
    found = []
    for probe, seen in zip(design.probes, result.probes, strict=True):
        stream = dataflow.streams[probe.name]
        producer, consumer = stream.producer or SOURCE, stream.consumer or SINK
        if (seen.beats == frames * probe.beats or seen.valid == seen.ready
                or producer == consumer):
            continue  # nothing is due here, or neither side is waiting for the other
        if seen.valid:
            found.append(Wait(producer, consumer, probe.name, True, seen.beats))
        else:
            found.append(Wait(consumer, producer, probe.name, False, seen.beats))
    return found


def explain(dataflow: Dataflow, design: Design, result: RunResult, frames: int) -> str:
    """A dead-lock in words: the circle of waiting blocks, or the block that does nothing.

    Parameters
    ----------
    dataflow : Dataflow
    design : Design
    result : RunResult
        Of a run that got stuck.
    frames : int
        Frames of the run.
    """
    chain, circle = _chain(waits(dataflow, design, result, frames))
    head = f"stuck after {result.cycles} cycles, {result.frames} of {frames} frames complete: "
    steps = [str(wait) for wait in chain]
    if circle:
        return f"{head}{', '.join(steps)}: they wait in a circle"
    last = chain[-1].other if chain else ""
    if last in dataflow.blocks:
        state = _handshakes(dataflow, design, result, last)
        steps.append(f"{last} waits for nobody and does nothing ({state})")
    missing = [f"{probe.name} carried {seen.beats} of {frames * probe.beats} beats"
               for probe, seen in zip(design.probes, result.probes, strict=True)
               if seen.beats < frames * probe.beats]
    return head + (", ".join(steps) or ", ".join(missing))


def _chain(found: list[Wait]) -> tuple[list[Wait], bool]:
    """The waits of a circle, else those from one end to the block where the trail ends."""
    by_block: dict[str, list[Wait]] = {}
    for wait in found:
        by_block.setdefault(wait.block, []).append(wait)

    longest: list[Wait] = []
    finished: set[str] = set()

    def search(block: str, path: list[Wait]) -> list[Wait] | None:
        nonlocal longest
        if len(path) > len(longest):
            longest = list(path)
        for wait in by_block.get(block, ()):
            on_path = [step.block for step in path] + [block]
            if wait.other in on_path:
                return [*path, wait][on_path.index(wait.other):]
            if wait.other not in finished:
                circle = search(wait.other, [*path, wait])
                if circle:
                    return circle
        finished.add(block)
        return None

    # From the output first: its trail leads back to what it lacks.
    for start in (SINK, SOURCE, *by_block):
        circle = search(start, [])
        if circle:
            return circle, True
        if longest:
            return longest, False
    return [], False


def _handshakes(dataflow: Dataflow, design: Design, result: RunResult, block: str) -> str:
    seen = {probe.name: state for probe, state in zip(design.probes, result.probes, strict=True)}
    texts = []
    for name in (*dataflow.blocks[block].inputs, *dataflow.blocks[block].outputs):
        if name in seen:
            state = seen[name]
            texts.append(f"{name}: valid {state.valid:d}, ready {state.ready:d}")
    return "; ".join(texts)
