"""AXI bus signatures, seen from the master, with the channels' own names."""

from __future__ import annotations

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BURST_BEATS", "axi_signature", "lite_signature"]

BURST_BEATS = 16
"""Longest burst of AXI3, which AXI4 slaves take as well."""

INCREMENTING = 1
"""AxBURST of bursts whose address goes up."""


def lite_signature(address_bits: int) -> wiring.Signature:
    """AXI4-Lite of 32 bits."""
    members: dict[str, In | Out] = {}
    for kind in ("aw", "ar"):
        members |= {f"{kind}addr": Out(address_bits), f"{kind}prot": Out(3),
                    f"{kind}valid": Out(1), f"{kind}ready": In(1)}
    members |= {"wdata": Out(32), "wstrb": Out(4), "wvalid": Out(1), "wready": In(1),
                "bresp": In(2), "bvalid": In(1), "bready": Out(1),
                "rdata": In(32), "rresp": In(2), "rvalid": In(1), "rready": Out(1)}
    return wiring.Signature(members)


def axi_signature(data_bits: int = 64, *, address_bits: int = 32, id_bits: int = 1,
                  length_bits: int = 8) -> wiring.Signature:
    """AXI4; with ``length_bits`` of 4, AXI3 without its WID."""
    members: dict[str, In | Out] = {}
    for kind in ("aw", "ar"):
        members |= {f"{kind}id": Out(id_bits), f"{kind}addr": Out(address_bits),
                    f"{kind}len": Out(length_bits), f"{kind}size": Out(3),
                    f"{kind}burst": Out(2), f"{kind}cache": Out(4), f"{kind}prot": Out(3),
                    f"{kind}valid": Out(1), f"{kind}ready": In(1)}
    members |= {"wdata": Out(data_bits), "wstrb": Out(data_bits // 8), "wlast": Out(1),
                "wvalid": Out(1), "wready": In(1),
                "bid": In(id_bits), "bresp": In(2), "bvalid": In(1), "bready": Out(1),
                "rid": In(id_bits), "rdata": In(data_bits), "rresp": In(2), "rlast": In(1),
                "rvalid": In(1), "rready": Out(1)}
    return wiring.Signature(members)
