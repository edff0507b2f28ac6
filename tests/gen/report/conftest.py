from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import quantloom
from quantloom import Design
from quantloom.gen.cli.frames import random_frames

from ...networks import tiny_network


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """A generated directory whose Verilog was simulated."""
    out = tmp_path_factory.mktemp("report") / "out"
    network = tiny_network()
    design = Design(network, quantloom.fold(network, 200), {"file": "<tiny> & co.onnx"})
    quantloom.generate(design, out)
    quantloom.simulate(out, random_frames(network, 3), engine="cxxrtl")
    return out


@pytest.fixture
def out(simulated, tmp_path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(simulated, tmp_path / "out"))


@pytest.fixture
def record(simulated):
    """Its report."""
    return json.loads((simulated / "report.json").read_text())


@pytest.fixture
def frames():
    """Three frames of the network."""
    return np.asarray(random_frames(tiny_network(), 3))
