from __future__ import annotations

import numpy as np
import pytest

from quantloom import Design
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.dataflow.fold import fold
from quantloom.sim import golden

from ...networks import tiny_network


@pytest.fixture(scope="session")
def designs(tmp_path_factory):
    """Two small networks as stored designs, by name."""
    folders = {}
    for seed in (0, 1):
        network = tiny_network(seed)
        network.name = f"tiny{seed}"
        folder = tmp_path_factory.mktemp("models") / network.name
        folder.mkdir()
        Design(network, fold(network, 400)).save(folder)
        folders[network.name] = folder
    return folders


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """Frames that the first of them classifies as they are labelled, but for every fourth."""
    network = tiny_network(0)
    frames = np.asarray(random_frames(network, 40, seed=3))
    classes = golden.run(network, frames)[network.output].reshape(40, -1).argmax(axis=1)
    classes[::4] = (classes[::4] + 1) % 5
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, images=frames, labels=classes)
    return path
