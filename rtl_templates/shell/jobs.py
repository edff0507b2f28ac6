"""The queue of jobs in front of a DMA engine."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..queue import Queue
from .bursts import JOB

__all__ = ["JobQueue"]


class JobQueue(wiring.Component):
    """Jobs as registers give them, and what became of them.

    Parameters
    ----------
    depth : int
        Jobs that wait, at most.

    Members
    -------
    put : In(1)
        Take ``job`` in this cycle.
    job : In(JOB)
    dropped : Out(1)
        High with ``put`` if the job was not taken: no room, or no frame, or no byte in them.
    o : Out(stream of JOB)
    waiting : Out
        Jobs in the queue.
    frame_done : In(1)
    frames : Out(32)
        Cycles in which ``frame_done`` was high.
    """

    o: stream.Interface

    def __init__(self, depth: int):
        self.depth = depth
        super().__init__({
            "put": In(1), "job": In(JOB), "dropped": Out(1),
            "o": Out(stream.Signature(JOB)), "waiting": Out(range(depth + 1)),
            "frame_done": In(1), "frames": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(JOB, self.depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        entered = queue.i.valid & queue.i.ready
        m.d.comb += [
            queue.i.payload.eq(self.job),
            queue.i.valid.eq(self.put & self.job.length.any() & self.job.frames.any()),
            self.dropped.eq(self.put & ~entered),
        ]
        m.d.sync += [
            self.waiting.eq(self.waiting + entered - (queue.o.valid & queue.o.ready)),
            self.frames.eq(self.frames + self.frame_done),
        ]
        return m
