"""Frames of bytes: other word sizes, other lengths."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from quantloom.rtl_templates.shell.words import Framer, Gearbox

from .streams import run_stream


def cut(frame: bytes, size: int):
    """Words of a frame."""
    rest = [frame[k : k + size] for k in range(0, len(frame), size)]
    return [{"data": int.from_bytes(word, "little"), "count": len(word),
             "last": k == len(rest) - 1} for k, word in enumerate(rest)]


def joined(payloads, size: int):
    """Frames of words: the bytes that count."""
    frames = [b""]
    for payload in payloads:
        frames[-1] += int(payload.data).to_bytes(size, "little")[: payload.count]
        if payload.last:
            frames.append(b"")
    assert frames.pop() == b""
    return frames


@pytest.mark.parametrize("i_bytes,o_bytes", [
    (8, 1), (8, 2), (8, 3), (8, 4), (8, 5), (8, 8), (8, 12), (8, 16), (8, 23),
    (1, 8), (2, 8), (3, 8), (6, 8), (9, 8), (16, 8), (31, 8)])
def test_gearbox(i_bytes, o_bytes):
    seed = 100 * i_bytes + o_bytes
    rng = np.random.default_rng(seed)
    frames = [rng.bytes(int(size)) for size in rng.integers(1, 70, 12)]
    items = [word for frame in frames for word in cut(frame, i_bytes)]
    count = sum(-(-len(frame) // o_bytes) for frame in frames)
    for stalls in (0.0, 0.5):
        got, _ = run_stream(Gearbox(i_bytes, o_bytes), items, count, seed=seed, gaps=stalls,
                            stalls=stalls)
        assert joined(got, o_bytes) == frames
        assert all(word.count == o_bytes for word in got if not word.last)


@pytest.mark.parametrize("i_bytes,o_bytes", [(8, 1), (8, 3), (8, 8), (8, 12), (1, 8), (12, 8)])
def test_gearbox_at_full_rate(i_bytes, o_bytes):
    """As many bytes a cycle as the narrower side takes."""
    frame = bytes(range(240))
    _, cycles = run_stream(Gearbox(i_bytes, o_bytes), cut(frame, i_bytes), 240 // o_bytes, seed=0,
                           gaps=0, stalls=0)
    assert cycles <= 240 // min(i_bytes, o_bytes) + 4


@pytest.mark.parametrize("bytes_,length", [(8, 40), (8, 37), (8, 1), (2, 6)])
def test_framer(bytes_, length):
    """Right, short and long frames come out as long as they should be, with flags."""
    seed = length
    rng = np.random.default_rng(seed)
    sizes = [length, 1, length + 1, length, length + 3 * bytes_, max(1, length - bytes_), length]
    frames = [rng.bytes(size) for size in sizes]
    words = -(-length // bytes_)
    tail = length - (words - 1) * bytes_
    framer = Framer(bytes_, word_bits=8, frame_bits=8)
    flags = {"early": 0, "late": 0}

    def setup(ctx):
        ctx.set(framer.job.payload, {"words": words, "tail": tail, "frames": len(sizes)})
        ctx.set(framer.job.valid, 1)

    def each(ctx):
        for name in flags:
            flags[name] += ctx.get(getattr(framer, name))

    got, _ = run_stream(framer, [word for frame in frames for word in cut(frame, bytes_)],
                        words * len(sizes), seed=seed, setup=setup, each=each)
    assert joined(got, bytes_) == [frame[:length] for frame in frames]
    for k in range(len(sizes)):
        part = got[k * words : (k + 1) * words]
        assert [word.last for word in part] == [0] * (words - 1) + [1]
    assert flags == {"early": sum(size < length for size in sizes),
                     "late": sum(size > length for size in sizes)}


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_sizes():
    with pytest.raises(ValueError, match="o_bytes must be at least 1, not 0"):
        Gearbox(8, 0)
    gc.collect()
