"""Whole shells around a small network, simulated with bus models."""

from __future__ import annotations

from .conftest import simulate

MODULE = "tests.shell.inside"
CASES = ["frames_under_stalls", "registers", "cycle_counter", "latency_and_interval",
         "read_error", "decode_error", "write_error", "error_through_the_driver",
         "reset_in_mid_frame", "unaligned", "wrong_lengths", "queue", "continuous",
         "captured_layers", "bus_reset"]


def test_axi(generated, tmp_path):
    simulate(generated("axi"), "skips_axi", MODULE, CASES, tmp_path)


def test_zynq(generated, tmp_path):
    """The same driver through the ports of the processor."""
    simulate(generated("zynq"), "tiny_zynq", MODULE,
             ["frames_under_stalls", "processor_bursts", "bus_reset"], tmp_path)
