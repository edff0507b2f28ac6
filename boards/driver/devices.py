"""Devices by name, as the command line gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...gen.errors import QuantloomError
from .linux import DmaBuffers, open_memory, open_uio
from .pynq import PynqTransport
from .serial_port import PortLine, SerialTransport
from .transport import Transport

__all__ = ["DEVICES", "open_device"]

DEVICES = {
    "uioN": "a UIO device with the shell's registers and interrupt; DMA memory from u-dma-buf",
    "mem": "/dev/mem at the shell's address; DMA memory from u-dma-buf",
    "pynq": "PYNQ's MMIO and allocate",
    "PORT": "a serial port, as /dev/ttyUSB0, for a design with a serial shell",
}
"""What a device may be called."""


def open_device(name: str, described: Mapping[str, Any], *, buffer: str = "udmabuf0") -> Transport:
    """A transport to a device.

    Parameters
    ----------
    name : str
        As in :data:`DEVICES`; ``mem`` and ``pynq`` may be followed by ``@0x40000000``, the
        address of the registers.
    described : mapping
        Content of registers.json, which has the address if the shell has one.
    buffer : str
        DMA memory: the name of a u-dma-buf, or ``0x1F000000+0x1000000``, a reserved range.

    Raises
    ------
    QuantloomError
        If there is no such device.
    """
    if "baud" in described:
        return SerialTransport(PortLine(name, described["baud"]), described["memory_bytes"])
    kind, _, at = name.partition("@")
    base = described["base"] if not at else _number(at)
    if re.fullmatch(r"uio\d+", name):
        return open_uio(name, _buffers(buffer))
    if kind not in ("mem", "pynq"):
        raise QuantloomError(f"device must be one of {', '.join(DEVICES)}, not {name!r}")
    if base is None:
        raise QuantloomError(f"the address of the registers is not known: give it as {kind}@0x...")
    return PynqTransport(base) if kind == "pynq" else open_memory(base, _buffers(buffer))


def _buffers(text: str) -> DmaBuffers:
    address, plus, size = text.partition("+")
    return DmaBuffers.reserved(_number(address), _number(size)) if plus else DmaBuffers.udmabuf(
        text)


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise QuantloomError(f"an address must be a number as 0x40000000, not {text!r}") from None
