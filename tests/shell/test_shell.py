"""Whole shells around a small network, simulated with bus models."""

from __future__ import annotations

import pytest

from .conftest import simulate

MODULE = "tests.shell.inside"


def test_axi(tiny, tmp_path):
    simulate(tiny("axi"), "tiny_axi", MODULE, ["frames_under_stalls"], tmp_path)
