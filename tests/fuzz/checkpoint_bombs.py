"""Checkpoint files that lie about their size, or would take memory or time without end."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator

import safetensors.torch
from torch import nn

from tests.fuzz.checkpoint_files import LOADS, REFUSED, Case, headed, saved, state, zipped

BOMB = 80 * 2**20  # bytes


def zip_bombs() -> Iterator[Case]:
    """Archives that unpack to far more than their size, or that have records without end."""
    zeros = bytes(BOMB)
    yield Case(
        "bomb in a storage", zipped(_tensor_pickle(numel=BOMB // 4), {"0": zeros}, zipfile.ZIP_DEFLATED), REFUSED
    )
    yield Case("bomb in the pickle", zipped(b"\x80\x02" + b"]" * BOMB, None, zipfile.ZIP_DEFLATED), REFUSED)
    yield Case("bomb of bz2", zipped(b"\x80\x02" + bytes(10**6), None, zipfile.ZIP_BZIP2), REFUSED)
    yield Case("bomb of lzma", zipped(b"\x80\x02" + bytes(10**6), None, zipfile.ZIP_LZMA), REFUSED)
    yield Case("bomb of overlapping records", _overlapping(2**20, 3000), REFUSED)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(20_000):
            archive.writestr(zipfile.ZipInfo(f"archive/data/{number:0200d}"), b"")
    yield Case("bomb of records", many.getvalue(), REFUSED)
    twice = bytearray(zipped(pickle.dumps({}, 2), {"0": b"1234", "1": b"1234"}))
    yield Case("two records of one name", bytes(twice.replace(b"archive/data/1", b"archive/data/0")), REFUSED)


def _overlapping(size: int, count: int) -> bytes:
    """Many entries of the directory that are one and the same record."""
    content = zipped(pickle.dumps({}, 2), {"0": bytes(size)})
    at = content.rindex(b"PK\1\2")
    end = content.rindex(b"PK\5\6")
    entry = content[at:end]
    start = content.index(b"PK\1\2")
    entries = b"".join(
        entry.replace(b"archive/data/0", f"archive/dat{i:03x}"[:14].encode().ljust(14, b"x")) for i in range(count)
    )
    directory = content[start:end] + entries
    total = struct.unpack("<H", content[end + 10 : end + 12])[0] + count
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, total, total, len(directory), start, 0)
    return content[:start] + directory + tail


def pickle_bombs() -> Iterator[Case]:
    """Pickles that make objects, hashes or copies without end, or claim bytes that are not there."""
    double = b"\x80\x02]q\x00" + b"".join(
        b"]" + bytes([ord("q"), i]) + (b"h" + bytes([i - 1]) + b"a") * 2 for i in range(1, 120)
    )
    key = b"\x80\x02)" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(1, 120))
    copies = b"\x80\x02}q\x00(" + b"".join(b"K%cK\x00" % i for i in range(1, 90)) + b"u0"
    copies += b"]" + b"ccollections\nCounter\nh\x00\x85R0" * 3000 + b"."
    deep = b"\x80\x02" + b")" + b"\x85" * 90_000
    pickles = {
        "a million lists": b"\x80\x02" + b"]" * 1_000_000 + b".",
        "a million sets": b"\x80\x04" + b"\x8f" * 1_000_000 + b".",
        "lists of lists": double + b".",
        "a key that hashes for ever": b"\x80\x02}" + key[2:] + b"K\x00s.",
        "a key that overflows": b"\x80\x02}" + deep[2:] + b"K\x00s.",
        "a deep tuple": deep + b".",
        "a large memo": b"\x80\x02]r\xff\xff\xff\x7f.",
        "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.",
        "a text that is not there": b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"abc.",
        "an array that is not there": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
        "a number that is not there": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"abc.",
        "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"].",
        "a long number": b"I" + b"9" * 100_000 + b"\n.",
        "copies": copies,
        "a large layer": b"\x80\x02ctorch.nn.modules.linear\nLinear\n(J\xff\xff\xff\x0fJ\xff\xff\xff\x0ftR.",
        "many bytes": b"\x80\x02c__builtin__\nbytearray\n(J\xff\xff\xff\x7ftR.",
        "itself": b"\x80\x02}q\x00(X\x05\x00\x00\x00modelh\x00X\x0a\x00\x00\x00state_dicth\x00u.",
        "nothing": b".", "only a mark": b"(.", "a pop too many": b"0.", "no end": b"\x80\x02]",
        "unknown": b"\x80\x02\xff.",
    }  # fmt: skip
    for name, content in pickles.items():
        yield Case(f"bomb zip {name}", zipped(content), REFUSED)
        yield Case(f"bomb legacy {name}", headed(content), REFUSED)
    lists: list = []
    for _ in range(60):
        lists = [lists, lists]
    for key in ("classes", "class_to_idx", "idx_to_class"):
        yield Case(f"bomb {key} of lists", saved({"model": state(), key: lists}), REFUSED)
        yield Case(f"bomb {key} in lists", saved({"model": state(), key: {"cat": lists, "dog": 1}}), REFUSED)
    yield Case("bomb beside", saved({**state(), "history": lists}), LOADS)
    loop = nn.Sequential(nn.Linear(1, 1))
    loop._modules["again"] = loop
    yield Case("bomb module in itself", saved(loop), REFUSED)
    tree = nn.Sequential(nn.Linear(1, 1))
    for _ in range(60):
        tree = nn.Sequential(tree, tree)
    yield Case("bomb module of modules", saved(tree), REFUSED)


def _tensor_pickle(numel: object = 2, size: object = (2,), stride: object = (1,), offset: object = 0) -> bytes:
    """A state dict of one tensor that claims whatever is said."""
    stored = pickle.dumps(("storage", "TYPE", "0", "cpu", numel), 2)[2:-1]
    name = pickle.dumps("TYPE", 2)[2:-1].partition(b"q")[0]
    stored = stored.replace(name, b"ctorch\nFloatStorage\n")
    rest = b"".join(_without_memo(part) for part in (offset, size, stride, False))
    return b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(" + stored + b"Q" + rest + b"}tRs."


def _without_memo(value: object) -> bytes:
    """Pickled in the middle of another pickle."""
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_without_memo, value)) + b"t"
    return pickle.dumps(value, 2)[2:-1]


def lying_storages() -> Iterator[Case]:
    """Tensors whose storages are not there, or not so long."""
    lies: dict[str, dict] = {
        "not there": {"numel": 2**31}, "far too long": {"numel": 2**62}, "negative": {"numel": -1},
        "a text": {"numel": "8"},
        "a wide view": {"size": (2**20, 2**20), "stride": (0, 0)}, "a view beyond": {"size": (2, 2), "stride": (1, 1)},
        "a far offset": {"offset": 2**40}, "a negative offset": {"offset": -1}, "a negative size": {"size": (-2,)},
        "a huge size": {"size": (2**62, 4), "stride": (0, 0)}, "a negative stride": {"stride": (-1,)},
        "other counts": {"size": (1, 2)}, "no tuple": {"size": 3},
        "many dimensions": {"size": (1,) * 99, "stride": (1,) * 99},
        "lists": {"size": ((2,),)}, "bool": {"numel": True},
    }  # fmt: skip
    for name, claim in lies.items():
        yield Case(f"lie zip {name}", zipped(_tensor_pickle(**claim), {"0": bytes(8)}), REFUSED)
        tail = pickle.dumps(["0"], 2) + struct.pack("<q", 2) + bytes(8)
        yield Case(f"lie legacy {name}", headed(_tensor_pickle(**claim)) + tail, REFUSED)
    yield Case("lie no record", zipped(_tensor_pickle()), REFUSED)
    for name, count in (("count", 2**40), ("negative count", -5)):
        tail = pickle.dumps(["0"], 2) + struct.pack("<q", count) + bytes(8)
        yield Case(f"lie legacy {name}", headed(_tensor_pickle()) + tail, REFUSED)


def lying_safetensors() -> Iterator[Case]:
    """Headers and metadata that cannot be."""

    def file(header: object, data: bytes = bytes(16), length: int | None = None) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text) if length is None else length) + text + data

    def entry(dtype: str = "F32", shape: object = (4,), offsets: object = (0, 16)) -> dict:
        return {"dtype": dtype, "shape": shape, "data_offsets": offsets}

    headers = {
        "overlap": file({"a": entry(), "b": entry()}),
        "a hole": file({"a": entry(shape=(2,), offsets=(8, 16))}),
        "beyond": file({"a": entry(shape=(400,), offsets=(0, 1600))}),
        "backwards": file({"a": entry(offsets=(16, 0))}),
        "negative": file({"a": entry(shape=(-4,))}),
        "overflow": file({"a": entry(shape=(2**40, 2**40))}),
        "type": file({"a": entry("F1000")}),
        "a long header": file({"a": entry()}, length=2**63),
        "a longer header": file({"a": entry()}, length=5000),
        "no JSON": file(b"{'a': 1}"),
        "no object": file(b"[1, 2]"),
        "deep": file(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        "deep metadata": file(b'{"__metadata__":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        "numbers in metadata": file({"__metadata__": {"a": 1}, "a": entry()}),
        "twice": file(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":1}'),
        "no tensors": file({}, b""),
    }
    for name, content in headers.items():
        yield Case(f"safetensors {name}", content, REFUSED, ".safetensors")
    for key, value in {
        "classes": "cat,dog", "class_to_idx": "[" * 100_000, "preprocess": "[1]", "arch": "tinny", "idx_to_class": "{}",
        "class_names": "9" * 5000,
    }.items():  # fmt: skip
        yield Case(f"metadata {key}", safetensors.torch.save(state(), {key: value}), REFUSED, ".safetensors")
