"""Checkpoint files by the hundred, seeded: good ones in every wrapping, hostile ones, bombs and damaged ones."""

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

BOMB = 80 * 2**20  # bytes
LOADS, REFUSED, EITHER, SAME = "loads", "refused", "either", "the same tensors, or refused"
GADGETS = (
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "open"), ("io", "open"), ("subprocess", "Popen"), ("runpy", "run_path"), ("torch", "load"),
    ("importlib", "import_module"), ("torch.hub", "load"), ("torch.storage", "_load_from_bytes"), ("pickle", "loads"),
    ("torch.jit", "load"), ("numpy", "load"), ("pathlib", "Path.touch"), ("shutil", "rmtree"), ("webbrowser", "open"),
    ("pip._internal.cli.main", "main"), ("torch.serialization", "load"), ("__builtin__", "execfile"),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A file: its name says what it is; `expected` is one of the four above."""

    name: str
    content: bytes
    expected: str
    suffix: str = ".pth"


def tiny(classes: int) -> nn.Module:
    """62 parameters."""
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, classes))


def state() -> dict[str, torch.Tensor]:
    """Its tensors, always the same."""
    torch.manual_seed(0)
    return dict(tiny(2).state_dict())


def cases(canary: Path, turns: int = 1) -> Iterator[Case]:
    """All of them.

    Args:
        canary: a file that hostile checkpoints try to make.
        turns: multiplies the damaged ones.
    """
    yield from _good()
    yield from _hostile(canary)
    yield from _zip_bombs()
    yield from _pickle_bombs()
    yield from _lying_storages()
    yield from _lying_safetensors()
    yield from _unusable()
    yield from _damaged(turns)


def saved(content: object, legacy: bool = False) -> bytes:
    """By torch.save."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def zipped(pickled: bytes, storages: dict[str, bytes] | None = None, packing: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint of today's format by hand."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return buffer.getvalue()


def headed(pickled: bytes) -> bytes:
    """A pickle behind the header of the older format."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    return b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, system)) + pickled


def _good() -> Iterator[Case]:
    plain = state()
    for legacy in (False, True):
        old = " legacy" * legacy
        for key in (
            None,
            "state_dict",
            "model",
            "net",
            "weights",
            "ema",
            "state_dict_ema",
            "model_state_dict",
            "network",
        ):
            for prefix in ("", "module.", "_orig_mod.", "model.net."):
                named = {prefix + name: tensor for name, tensor in plain.items()}
                content = (
                    named if key is None else {"epoch": np.int64(3), "optimizer": {"lr": 0.1, "state": {}}, key: named}
                )
                yield Case(f"good {key} {prefix}{old}", saved(content, legacy), LOADS, ".ckpt" if prefix else ".pth")
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            yield Case(f"good {dtype}{old}", saved({n: t.to(dtype) for n, t in plain.items()}, legacy), LOADS)
    modules = nn.Sequential(*[layer for layer in tiny(2) if not isinstance(layer, nn.Flatten)])
    yield Case("good module of other names", saved(modules), REFUSED)
    yield Case("good module", saved(tiny(2)), LOADS)
    yield Case("good parallel module", saved(nn.DataParallel(tiny(2))), LOADS)
    yield Case("good parameters", saved({n: nn.Parameter(t) for n, t in plain.items()}), LOADS)
    yield Case("good safetensors", safetensors.torch.save(plain, {"format": "pt"}), LOADS, ".safetensors")
    yield Case("good safetensors with another name", safetensors.torch.save(plain), LOADS)
    with zipfile.ZipFile(io.BytesIO(saved(plain))) as archive:
        content = {name.rpartition("/data/")[2]: archive.read(name) for name in archive.namelist() if "/data/" in name}
        packed = zipped(archive.read("archive/data.pkl"), content, zipfile.ZIP_DEFLATED)
    yield Case("good and packed", packed, LOADS)


def _hostile(canary: Path) -> Iterator[Case]:
    argument = f"touch '{canary}'"
    text = pickle.dumps(argument, 0)[:-1].rpartition(b"p")[0]
    for module, name in GADGETS:
        by_name = b"c" + f"{module}\n{name}\n".encode()
        unicode = b"X" + struct.pack("<I", len(argument)) + argument.encode()
        m, n = (b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name))
        pickles = {
            "reduce": b"\x80\x02" + by_name + unicode + b"\x85R.",
            "protocol 0": by_name + b"(" + text + b"tR.",
            "stack": b"\x80\x04" + m + n + b"\x93" + unicode + b"\x85R.",
            "inst": b"(" + text + b"i" + f"{module}\n{name}\n".encode() + b".",
            "obj": b"\x80\x02(" + by_name + unicode + b"o.",
            "new": b"\x80\x02" + by_name + unicode + b"\x85\x81.",
            "build": b"\x80\x02}" + by_name + unicode + b"\x85Rb.",
            "beside": b"\x80\x02}X\x01\x00\x00\x00x" + by_name + unicode + b"\x85Rs.",
        }
        for kind, content in pickles.items():
            yield Case(f"hostile zip {kind} {module}.{name}", zipped(content), REFUSED)
        yield Case(f"hostile legacy {module}.{name}", headed(pickles["reduce"]), REFUSED)
        yield Case(f"hostile bare {module}.{name}", pickles["stack"], REFUSED)
    for number, opcode in enumerate((b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00")):
        yield Case(f"hostile extension {number}", zipped(b"\x80\x02" + opcode + b")R."), REFUSED)


def _zip_bombs() -> Iterator[Case]:
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


def _pickle_bombs() -> Iterator[Case]:
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


def _lying_storages() -> Iterator[Case]:
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


def _lying_safetensors() -> Iterator[Case]:
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


def _unusable() -> Iterator[Case]:
    plain = state()
    contents = {
        "empty dict": {}, "a list": [1, 2], "a number": 3, "None": None, "no tensors": {"epoch": 3},
        "names that are numbers": {1: torch.zeros(2)}, "meta": {"a": torch.zeros(2, device="meta")},
        "sparse": {"a": torch.eye(2).to_sparse()}, "NaN": {**plain, "4.bias": torch.full((2,), float("nan"))},
        "infinity": {**plain, "4.bias": torch.full((2,), float("inf"))},
        "int8": {n: t.to(torch.int8) for n, t in plain.items()},
        "three classes": {**plain, "4.weight": torch.zeros(3, 2), "4.bias": torch.zeros(3)},
        "wide": {**plain, "4.weight": torch.zeros(1).expand(2**15, 2**20)},
        "no shape": {**plain, "4.bias": torch.tensor(0.0)}, "one missing": {n: plain[n] for n in list(plain)[1:]},
        "one more": {**plain, "x": torch.zeros(1)}, "unknown container": {"params_of": plain},
        "dogs only": {"model": plain, "class_to_idx": {"dog": 0}},
    }  # fmt: skip
    for name, content in contents.items():
        yield Case(f"unusable {name}", saved(content), REFUSED)
    others = (
        b"",
        b"\0",
        b"hello\n",
        b"PK",
        b"PK\3\4" + bytes(99),
        b"PK\5\6" + bytes(18),
        b"\x80\x02",
        b"\x89PNG\r\n\x1a\n",
    )
    for number, content in enumerate(
        (*others, b"\x89HDF\r\n\x1a\n", b"GGUF\3", bytes(5000), b"{}", b"<!DOCTYPE html>")
    ):
        yield Case(f"other {number}", content, REFUSED)
        yield Case(f"other {number} by name", content, REFUSED, ".safetensors")


def _damaged(turns: int) -> Iterator[Case]:
    dice = random.Random(0)
    whole = {
        "zip": (saved({"state_dict": state(), "epoch": 1}), SAME, ".pth"),
        "module": (saved(tiny(2)), EITHER, ".pth"),
        "legacy": (saved(state(), legacy=True), EITHER, ".pth"),
        "safetensors": (safetensors.torch.save(state(), {"arch": "tiny"}), EITHER, ".safetensors"),
    }
    for kind, (content, expected, suffix) in whole.items():
        for number in range(60 * turns):
            damaged = bytearray(content)
            for _ in range(dice.choice([1, 1, 2, 8])):
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
            yield Case(f"flipped {kind} {number}", bytes(damaged), expected, suffix)
        for number in range(10 * turns):
            cut = content[: dice.randrange(len(content))]
            yield Case(f"cut {kind} {number}", cut, SAME if kind == "zip" else EITHER, suffix)
