"""Watches AXI ports for what the protocol forbids (AMBA AXI, IHI 0022, chapters A3 and A4)."""

from __future__ import annotations

from collections import deque

from cocotb.triggers import RisingEdge

__all__ = ["AxiMonitor", "LiteMonitor"]

PAYLOADS = {
    "aw": ("awaddr", "awlen", "awsize", "awburst"), "w": ("wdata", "wstrb", "wlast"),
    "b": ("bresp",), "ar": ("araddr", "arlen", "arsize", "arburst"),
    "r": ("rdata", "rresp", "rlast"),
}
PAGE = 4096
LONGEST = 16
"""Beats of a burst that AXI3 allows."""


class _Monitor:
    """Valid and payload stay until they are taken."""

    def __init__(self, dut, prefix, clock, resetn):
        self.errors: list[str] = []
        self.prefix, self.clock, self.resetn = prefix, clock, resetn
        self.cycle = 0
        self.beats = dict.fromkeys(PAYLOADS, 0)
        self.channels = {}
        for name, payload in PAYLOADS.items():
            signals = [getattr(dut, f"{prefix}_{part}") for part in payload
                       if hasattr(dut, f"{prefix}_{part}")]
            names = [part for part in payload if hasattr(dut, f"{prefix}_{part}")]
            self.channels[name] = (getattr(dut, f"{prefix}_{name}valid"),
                                   getattr(dut, f"{prefix}_{name}ready"), names, signals)
        self.waiting: dict[str, dict[str, int] | None] = dict.fromkeys(PAYLOADS)

    def fail(self, text: str) -> None:
        self.errors.append(f"{self.prefix}, cycle {self.cycle}: {text}")

    async def run(self):
        while True:
            await RisingEdge(self.clock)
            self.cycle += 1
            if self.resetn.value != 1:
                continue
            for name in ("aw", "ar", "w", "b", "r"):  # requests before their responses
                self.look(name)

    def look(self, name):
        valid, ready, names, signals = self.channels[name]
        held = self.waiting[name]
        if valid.value != 1:
            if held is not None:
                self.fail(f"{name}valid fell before {name}ready")
                self.waiting[name] = None
            return
        payload = {part: int(signal.value) for part, signal in zip(names, signals, strict=True)
                   if signal.value.is_resolvable}
        if held is not None and payload != held:
            self.fail(f"the payload of {name} changed while it waited: {held} to {payload}")
        if held is None:
            self.offered(name, payload)
        if ready.value == 1:
            self.waiting[name] = None
            self.beats[name] += 1
            self.moved(name, payload)
        else:
            self.waiting[name] = payload

    def offered(self, name, payload):
        """A new beat is offered."""

    def moved(self, name, payload):
        """A beat was taken."""


class AxiMonitor(_Monitor):
    """A master of 64-bit bursts with one ID."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.reads: deque[int] = deque()
        self.writes: deque[int] = deque()
        self.unanswered = 0
        self.sent = 0
        self.received = 0
        self.most_reads = self.most_writes = 0

    def offered(self, name, payload):
        if name in ("ar", "aw"):
            beats, address = payload[f"{name}len"] + 1, payload[f"{name}addr"]
            if payload[f"{name}burst"] != 1 or payload[f"{name}size"] != 3:
                self.fail(f"{name} is no incrementing burst of 8 bytes: {payload}")
            if beats > LONGEST:
                self.fail(f"{name} has {beats} beats")
            if address % 8 or address // PAGE != (address + 8 * beats - 1) // PAGE:
                self.fail(f"{name} crosses 4 KiB or is not aligned: {address:#x}, {beats} beats")
        if name == "b" and not self.unanswered:
            self.fail("a write response without a write")
        if name == "r" and not self.reads:
            self.fail("read data without a read")

    def moved(self, name, payload):
        if name == "ar":
            self.reads.append(payload["arlen"] + 1)
            self.most_reads = max(self.most_reads, len(self.reads))
        elif name == "aw":
            self.writes.append(payload["awlen"] + 1)
            self.most_writes = max(self.most_writes, len(self.writes) + self.unanswered)
        elif name == "w":
            if not self.writes:
                self.fail("write data before their address")
                return
            self.sent += 1
            if payload["wlast"] != (self.sent == self.writes[0]):
                self.fail(f"wlast is {payload['wlast']} at beat {self.sent} of {self.writes[0]}")
            if self.sent == self.writes[0]:
                self.writes.popleft()
                self.sent = 0
                self.unanswered += 1
        elif name == "b":
            self.unanswered -= 1
        elif name == "r" and self.reads:
            self.received += 1
            if payload["rlast"] != (self.received == self.reads[0]):
                self.fail(f"rlast is {payload['rlast']} at beat {self.received} of "
                          f"{self.reads[0]}")
            if payload["rlast"]:
                self.reads.popleft()
                self.received = 0


class LiteMonitor(_Monitor):
    """A slave of single words."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.open = {"aw": 0, "w": 0, "ar": 0}

    def offered(self, name, payload):
        if name == "b" and not (self.open["aw"] and self.open["w"]):
            self.fail("a write response without address and data")
        if name == "r" and not self.open["ar"]:
            self.fail("read data without an address")

    def moved(self, name, payload):
        if name in self.open:
            self.open[name] += 1
        elif name == "b":
            self.open["aw"] -= 1
            self.open["w"] -= 1
        elif name == "r":
            self.open["ar"] -= 1
