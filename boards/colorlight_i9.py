"""Colorlight i9 v7.2 on the extension board with a debugger, in the form of amaranth-boards."""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import LatticeECP5Platform
from amaranth_boards.resources import LEDResources, UARTResource

__all__ = ["ColorlightI9Platform"]

_LVCMOS33 = Attrs(IO_TYPE="LVCMOS33")


class ColorlightI9Platform(LatticeECP5Platform):  # type: ignore[misc]
    """The serial line goes through the extension board's debugger to USB."""

    device = "LFE5U-45F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = (
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), _LVCMOS33),
        *LEDResources(pins="L2", invert=True, attrs=_LVCMOS33),
        UARTResource(0, rx="H18", tx="J17", attrs=_LVCMOS33),
    )
    connectors = ()
