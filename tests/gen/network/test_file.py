"""Network files: what is read is what was written, and damage is named."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.frontends import InputGrid, door, load
from quantloom.gen.network.file import read_record, save_network
from quantloom.sim import golden

from ...networks import tiny_network


def test_round_trip(tmp_path):
    network, path = tiny_network(), tmp_path / "tiny.qnet"
    save_network(network, path, {"layers": [1, 2]})
    found = load(path)
    assert door(path) == "network" and read_record(path) == {"layers": [1, 2]}
    x = np.random.default_rng(0).integers(0, 8, (3, 6, 6, 3))
    np.testing.assert_array_equal(golden.run(found, x)["fc"], golden.run(network, x)["fc"])
    save_network(found, tmp_path / "again", {"layers": [1, 2]})
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert door(tmp_path / "again") == "network"  # whatever it is called


def test_the_input_has_its_grid(tmp_path):
    path = tmp_path / "tiny.qnet"
    save_network(tiny_network(), path)
    with pytest.raises(QuantloomError, match="an integer network has its input grid"):
        load(path, input_grid=InputGrid(4))


def test_damage(tmp_path):
    path = tmp_path / "tiny.qnet"
    save_network(tiny_network(), path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"no file", b""):
        path.write_bytes(damaged)
        with pytest.raises(QuantloomError, match="damaged, or not a network file"):
            load(path)
    with path.open("wb") as file:
        np.savez(file, **{"network.json": np.frombuffer(b'{"format": 9}', np.uint8)})
    with pytest.raises(QuantloomError, match="not a network file of format 1"):
        load(path)
    with pytest.raises(QuantloomError, match="cannot be read: No such file"):
        load(tmp_path / "none.qnet")
