"""The driver against a shell in software; tests/shell has it at a simulated one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from quantloom.boards.driver import Accelerator
from quantloom.boards.driver import devices as device_names
from quantloom.boards.driver.clock import plan_clock, set_clock
from quantloom.boards.driver.devices import open_device
from quantloom.boards.driver.linux import DmaBuffers, MappedTransport
from quantloom.boards.driver.pynq import PynqTransport
from quantloom.boards.driver.registers import read_map
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.errors import QuantloomError
from quantloom.sim import golden

from ...command import quantloom
from ...networks import tiny_network
from .model import SoftwareShell


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Output directory of a small network with a shell."""
    network = tiny_network()
    design = Design(network, fold(network, 200))
    directory = tmp_path_factory.mktemp("driver") / "out"
    build(design, directory, random_frames(network, 1), shell="zynq")
    return directory


def test_frames(out):
    """Several rounds of frames where the buffer is small; counters add up."""
    shell = SoftwareShell(out)
    frames = random_frames(shell.network, 7, seed=5)
    report = Accelerator(out, shell, memory=3 * 72).run(frames)
    assert np.array_equal(report.outputs, golden.run(shell.network, frames)[shell.network.output])
    assert (report.frames, report.cycles, report.latency_cycles, report.interval_cycles) == (
        7, 700, 150, 100)
    assert len(shell.buffers) == shell.closed == 2


@pytest.mark.parametrize("register,value,text", [
    ("magic", 0xFFFFFFFF, "no Quantloom shell answers .* 0xFFFFFFFF is read there"),
    ("version", 0x20000, "of another version"),
    ("hash_2", 1, "the design on the chip is another one .* its hash is"),
])
def test_another_device(out, register, value, text):
    shell = SoftwareShell(out)
    shell.words[register] = value
    with pytest.raises(QuantloomError, match=text):
        Accelerator(out, shell)


def test_wrong_frames(out):
    accelerator = Accelerator(out, SoftwareShell(out))
    with pytest.raises(QuantloomError, match=r"an array \(frames, 6, 6, 3\) .* not \(1, 6, 6\)"):
        accelerator.run(np.zeros((1, 6, 6), np.int64))
    with pytest.raises(QuantloomError, match="values of uint3, not 0 to 8"):
        accelerator.run(np.full((1, 6, 6, 3), 8) * np.arange(2)[:1] + np.eye(6, dtype=int)[
            None, :, :, None].repeat(3, 3) * 8)
    with pytest.raises(QuantloomError, match="at least one frame"):
        accelerator.run(np.zeros((0, 6, 6, 3), np.int64))
    with pytest.raises(QuantloomError, match="stream must be one of input"):
        accelerator.capture("none", np.zeros((6, 6, 3), np.int64))


def test_errors(out):
    """Flags become text; a stuck device is told apart; both are reset."""
    shell = SoftwareShell(out)
    accelerator = Accelerator(out, shell, timeout=0.01)
    frames = random_frames(shell.network, 2)
    shell.flag, shell.words["write_error_frame"] = 0b10, 1
    resets = shell.resets
    with pytest.raises(QuantloomError, match="Frame 1: The bus answered a write with an error"):
        accelerator.run(frames)
    assert shell.resets == resets + 1
    shell.flag, shell.dead = 0, True
    shell.words["errors"] = 0
    with pytest.raises(QuantloomError, match="the device is stuck: 0 of 2 frames were written"):
        accelerator.run(frames)
    shell.dead = False
    assert accelerator.run(frames).frames == 2
    shell.words["status"] = 1
    with pytest.raises(QuantloomError, match="the reset does not end"):
        accelerator.reset()


def test_no_shell(out, tmp_path):
    with pytest.raises(QuantloomError, match="has no shell; make one with"):
        Accelerator(tmp_path, SoftwareShell(out))
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell" / "registers.json").write_text("{}")
    with pytest.raises(QuantloomError, match="not a register map of format 1"):
        Accelerator(tmp_path, SoftwareShell(out))


def test_run_command(out, tmp_path, monkeypatch):
    """``quantloom run`` with a device that is right, and one that is not."""
    shell = SoftwareShell(out)
    monkeypatch.setattr(device_names, "open_device", lambda *_, **__: shell)
    done = quantloom("run", out, "--device", "uio0", "--frames", 4, "--outputs",
                     tmp_path / "y.npy")
    assert done.code == 0 and "equal: 4 frames, every integer (uio0)" in done.out, done
    assert "100 cycles a frame" in done.out and "latency 150 cycles" in done.out
    assert np.load(tmp_path / "y.npy").shape[0] == 4
    shell.wrong = 1
    done = quantloom("run", out, "--device", "uio0")
    assert done.code == 1 and "not equal: 1 elements of 5 frames" in done.out, done
    assert "first: frame 0, row 0, column 0, channel 0: expected" in done.out
    done = quantloom("run", out, "--device", "uio0", "--json")
    assert done.code == 1 and done.json["first_mismatch"]["channel"] == 0


def test_device_names(out, tmp_path):
    described = read_map(out)
    for name, text in (("usb", "device must be one of uioN, mem, pynq, PORT, not 'usb'"),
                       ("pynq", "pynq is not installed"),
                       ("mem@zero", "an address must be a number as 0x40000000, not 'zero'"),
                       ("uio77", "there is no DMA buffer udmabuf77")):
        with pytest.raises(QuantloomError, match=text):
            open_device(name, described, buffer="udmabuf77")
    with pytest.raises(QuantloomError, match="give it as mem@0x"):
        open_device("mem", {**described, "base": None})
    done = quantloom("run", out, "--device", "usb")
    assert done.code == 2 and "device must be one of" in done.err


def test_buffers():
    """Memory is given out in pieces that do not overlap, and taken back."""
    pool = DmaBuffers(bytearray(1024), 0x1000)
    one, two = pool.allocate(100), pool.allocate(500)
    assert (one.address, two.address, len(two.array)) == (0x1000, 0x1080, 512)
    with pytest.raises(QuantloomError, match="has no room for 512 more"):
        pool.allocate(500)
    one.close()
    three = pool.allocate(64)
    assert three.address == 0x1000
    three.array[:] = 7
    three.flush()
    three.invalidate()
    assert pool.array[:64].tolist() == [7] * 64 and not pool.array[64:].any()


def test_synced_buffers(tmp_path):
    """What is cached is handed over by u-dma-buf's files."""
    pool = DmaBuffers(bytearray(64), 0, tmp_path)
    buffer = pool.allocate(8)
    buffer.flush()
    assert [path.name for path in tmp_path.iterdir()] == ["sync_for_device"]
    buffer.invalidate()
    assert (tmp_path / "sync_for_cpu").read_text() == "1"


def test_mapped_registers():
    memory = bytearray(64)
    transport = MappedTransport(memory, DmaBuffers(bytearray(64), 0))
    transport.write32(8, 0x12345678)
    assert transport.read32(8) == 0x12345678 and memory[8:12] == bytes.fromhex("78563412")
    transport.wait(0)


def test_pynq(monkeypatch):
    """The calls that PYNQ's transport makes, on a stand-in for it."""
    calls = []

    class Memory(np.ndarray):
        device_address = 0x2000

        def flush(self):
            calls.append("flush")

        def invalidate(self):
            calls.append("invalidate")

        def freebuffer(self):
            calls.append("free")

    class Mmio:
        def __init__(self, base, length):
            self.words = {0: base}

        def read(self, offset):
            return self.words[offset]

        def write(self, offset, value):
            self.words[offset] = value

    module = ModuleType("pynq")
    module.MMIO = Mmio
    module.allocate = lambda shape, dtype: np.zeros(shape, dtype).view(Memory)
    monkeypatch.setitem(sys.modules, "pynq", module)
    transport = PynqTransport(0x40000000)
    transport.write32(4, 5)
    assert (transport.read32(0), transport.read32(4)) == (0x40000000, 5)
    buffer = transport.allocate(16)
    assert (buffer.address, buffer.array.nbytes) == (0x2000, 16)
    buffer.flush()
    buffer.invalidate()
    buffer.close()
    assert calls == ["flush", "invalidate", "free"]


@pytest.mark.parametrize("asked,got", [(100, 100), (150, 1000 / 7), (142.9, 1000 / 7), (50, 50),
                                       (1000, 1000), (33, 1000 / 31)])
def test_clock_plan(asked, got):
    plan = plan_clock(asked, 1000)
    assert plan.mhz == pytest.approx(got) and plan.mhz <= asked
    assert plan.divisor0 * plan.divisor1 == pytest.approx(1000 / plan.mhz)


def test_set_clock():
    """The lock is opened and closed around the divisors; bits as UG585 has them."""
    class Slcr:
        def __init__(self):
            self.written = []

        def read32(self, offset):
            assert offset == 0x108
            return 0x0001E008  # IO PLL: 30 times the crystal

        def write32(self, offset, value):
            self.written.append((offset, value))

    slcr = Slcr()
    plan = set_clock(slcr, 125)
    assert plan.mhz == pytest.approx(125)
    assert slcr.written == [(0x008, 0xDF0D), (0x170, 1 << 20 | 8 << 8), (0x004, 0x767B)]
    with pytest.raises(QuantloomError, match="cannot be made of 1000 MHz"):
        plan_clock(0.1, 1000)


def test_needs_no_generator():
    """What runs on the board imports neither solver nor synthesis nor models."""
    script = ("import sys, quantloom.boards.driver.devices; "
              "sys.exit(any(name in sys.modules for name in "
              "('ortools', 'onnx', 'pyosys', 'qonnx', 'hls4ml')))")
    subprocess.run([sys.executable, "-c", script], check=True)


def test_design_is_read_without_the_generator(out, tmp_path):
    """registers.json and design.json are all that a board needs."""
    for name in ("shell/registers.json", "design.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(out / name, tmp_path / name)
    shell = SoftwareShell(out)
    assert Accelerator(tmp_path, shell).run(random_frames(shell.network, 1)).frames == 1
    value = json.loads((tmp_path / "design.json").read_text())
    del value["layers"]
    (tmp_path / "design.json").write_text(json.dumps(value))
    with pytest.raises(QuantloomError, match=r"design\.json: cannot be read as a design"):
        Accelerator(tmp_path, shell)
