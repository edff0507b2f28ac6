"""Damage to files: to bytes, and to what the bytes mean."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Message

__all__ = ["mutate"]

_NUMBERS = (0, 1, -1, 2, 3, 7, 255, 1 << 16, 1 << 31, -(1 << 31), (1 << 32) + 1, 1 << 62,
            -(1 << 63), 10**30)
_VALUES: tuple[Any, ...] = (
    None, True, False, *_NUMBERS, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", "a", "1", [],
    {}, [[]], [1, 2, 3], {"array": "input.order"}, {"type": "int4"}, "int0", "uint999999999")
_NAMES = ("", "..", "../../etc/passwd", "/tmp/x", "a/b", "module", "wire", "input", "output", "clk",
          "rst", "s_axis_tdata", "a__b", "_a", "a_", "9a", "a b", "größe", "\u0000", "a\nb", "$x",
          "\\esc ", "-o", "[red]x[/]", "{0}", "%s", "n" * 5000, "1e5", "Ⅷ", "\ud800")


def mutate(name: str, data: bytes, rng: random.Random) -> bytes:
    """A damaged file: one to three changes, of the kind that the format offers or of bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = next((c for suffix, c in _STRUCTURED.items() if name.endswith(suffix)), _bytes)
        if change is not _bytes and rng.random() < 0.25:
            change = _bytes
        try:
            data = change(data, rng)
        except Exception:  # an earlier change may have left no structure to change
            data = _bytes(data, rng)
    return data


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Flipped, overwritten, cut, repeated or inserted bytes."""
    if not data:
        return rng.randbytes(9)
    at, end = sorted((rng.randrange(len(data)), rng.randrange(len(data) + 1)))
    kind = rng.randrange(6)
    if kind == 0:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if kind == 1:
        return data[:at] + rng.randbytes(rng.choice((1, 2, 4))) + data[at + 1 :]
    if kind == 2:
        return data[:at]
    if kind == 3:
        return data[:at] + data[end:]
    if kind == 4:
        return data[:at] + data[at:end] * rng.choice((2, 3)) + data[end:]
    number = struct.pack("<q", max(-(1 << 63), min(rng.choice(_NUMBERS), (1 << 63) - 1)))
    return data[:at] + number[: rng.choice((1, 4, 8))] + data[at:]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key of a JSON value."""
    found, open_ = [], [value]
    while open_:
        here = open_.pop()
        keys: Any = here if isinstance(here, dict) else range(len(here))
        for key in keys:
            found.append((here, key))
            if isinstance(here[key], dict | list):
                open_.append(here[key])
    return found


def _json(data: bytes, rng: random.Random) -> bytes:
    """A value, a key or a part of the tree."""
    value = json.loads(data)
    places = _places(value)
    if not places or rng.random() < 0.03:
        depth = rng.choice((500, 5_000, 200_000))
        return b"[" * depth + b"]" * depth if rng.random() < 0.5 else b'{"a":' * depth
    here, key = rng.choice(places)
    kind = rng.randrange(8)
    if kind == 0:
        del here[key]
    elif kind == 1 and isinstance(here, list):
        here *= rng.choice((2, 3))
    elif kind == 1 and isinstance(here, dict):
        here[rng.choice(_NAMES)] = here.pop(key)
    elif kind == 2:
        other, place = rng.choice(places)
        here[key] = json.loads(json.dumps(other[place]))
    elif isinstance(here[key], str) and kind < 6:
        here[key] = rng.choice(_NAMES)
    elif isinstance(here[key], int) and kind < 5:
        here[key] += rng.choice((-1, 1, 2, 1000))
    else:
        here[key] = rng.choice(_VALUES)
    return json.dumps(value).encode()


def _toml(data: bytes, rng: random.Random) -> bytes:
    """A line's value, or a line."""
    lines = data.decode().splitlines()
    at = rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    elif kind == 1:
        lines.append(lines[at])
    else:
        key = lines[at].split("=")[0]
        wild = rng.choice((*_NUMBERS, '""', '"x"', "nan", "inf", "true", "[" * 5000, "{a=1}",
                           "1979-05-27", '"""', "0x7fffffffffffffffffff"))
        lines[at] = f"{key}= {wild}"
    return "\n".join(lines).encode()


def _messages(message: Message) -> list[Message]:
    found, open_ = [], [message]
    while open_:
        here = open_.pop()
        found.append(here)
        for field, value in here.ListFields():
            if field.type == field.TYPE_MESSAGE:
                open_.extend(value if field.is_repeated else [value])
    return found


def _onnx(data: bytes, rng: random.Random) -> bytes:
    """A field of a message, set or not, on any level of an ONNX model."""
    model = onnx.ModelProto()
    model.ParseFromString(data)
    here = rng.choice(_messages(model))
    field = rng.choice(list(here.DESCRIPTOR.fields) if rng.random() < 0.3 else
                       [field for field, _ in here.ListFields()] or list(here.DESCRIPTOR.fields))
    if rng.random() < 0.15:
        here.ClearField(field.name)
        return model.SerializeToString()
    value = getattr(here, field.name)
    if field.is_repeated:
        kind = rng.randrange(4)
        if kind == 0 and len(value):
            del value[rng.randrange(len(value))]
        elif kind == 1 and len(value):
            values = [value[rng.randrange(len(value))] for _ in range(rng.choice((1, 2, 30)))]
            value.extend(values)
        elif field.type != field.TYPE_MESSAGE:
            new = _scalar(field, rng)
            if len(value) and kind == 2:
                value[rng.randrange(len(value))] = new
            else:
                value.append(new)
        else:
            value.add()
    elif field.type == field.TYPE_MESSAGE:
        value.SetInParent()
    else:
        setattr(here, field.name, _scalar(field, rng))
    return model.SerializeToString()


def _scalar(field: Any, rng: random.Random) -> Any:
    if field.type == field.TYPE_STRING:
        return rng.choice([n for n in _NAMES if n.isprintable()])
    if field.type == field.TYPE_BYTES:
        return rng.randbytes(rng.choice((0, 1, 4, 8, 40)))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return rng.choice((0.0, -1.0, 1e38, 1e-40, float("nan"), float("inf"), 0.5))
    if field.type == field.TYPE_ENUM:
        return rng.choice((0, 1, 2, 3, 5, 7, 20))
    small = field.type in (field.TYPE_INT32, field.TYPE_UINT32)
    number = rng.choice((*_NUMBERS[:11], rng.randrange(100)))
    return max(-(1 << (31 if small else 63)), min(number, (1 << (31 if small else 63)) - 1)) \
        if field.type not in (field.TYPE_UINT32, field.TYPE_UINT64) else abs(number) % (1 << 31)


def _tflite(data: bytes, rng: random.Random) -> bytes:
    """An aligned word, half word or byte: an offset, a size or a number of the flatbuffer."""
    size = rng.choice((4, 4, 2, 1))
    at = rng.randrange(len(data) // size) * size
    word = struct.unpack_from({4: "<I", 2: "<H", 1: "B"}[size], data, at)[0]
    word = rng.choice((word + rng.choice((-4, -1, 1, 4, 16)), *_NUMBERS, rng.getrandbits(16),
                       len(data) - at))
    return data[:at] + (word & ((1 << 8 * size) - 1)).to_bytes(size, "little") + data[at + size :]


def _npy(data: bytes, rng: random.Random) -> bytes:
    """Another dtype, shape or header of an array."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    kind = rng.randrange(7)
    if kind == 0:
        array = array.astype(rng.choice(("<f4", "<f8", "u1", "<u8", "?", "<c8", "S3", ">i4")))
    elif kind == 1:
        array = array[..., None] if rng.random() < 0.5 else array.ravel()
    elif kind == 2:
        array = array[:0] if array.ndim else array
    elif kind == 3 and array.size:
        array = array.astype(np.int64)
        array.ravel()[rng.randrange(array.size)] = rng.choice(
            [n for n in _NUMBERS if abs(n) < 1 << 62] + [-(1 << 63)])
    elif kind == 4:
        array = np.array([{"a": 1}], dtype=object)
    elif kind == 5:  # a header that promises much
        shape = rng.choice(("(99999999999,)", "(-1,)", "(1, 2, 3,)", "()", "(4000000000, 8)", "0"))
        text = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data[128:]
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _npz(data: bytes, rng: random.Random) -> bytes:
    """A member of the archive: damaged, missing, under another name, or far too large."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    kind = rng.randrange(6)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[rng.choice(("../x.npy", "/tmp/x.npy", "", "a/b.npy", "x"))] = members.pop(name)
    elif kind == 2:
        text = "{'descr': '<i8', 'fortran_order': False, 'shape': (40000000,), }".ljust(117) + "\n"
        members[name] = (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
                         + bytes(320_000_000))
    else:
        members[name] = _npy(members[name], rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return stream.getvalue()


_STRUCTURED = {".json": _json, ".toml": _toml, ".onnx": _onnx, ".tflite": _tflite, ".npz": _npz,
               ".qnet": _npz, ".npy": _npy}
