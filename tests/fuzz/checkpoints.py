"""Checkpoint files by the hundred, seeded: good ones in every wrapping, hostile ones, bombs and damaged ones."""

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

from tests.fuzz.checkpoint_bombs import lying_safetensors, lying_storages, pickle_bombs, zip_bombs
from tests.fuzz.checkpoint_files import EITHER, LOADS, REFUSED, SAME, Case, headed, saved, state, tiny, zipped

GADGETS = (
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "open"), ("io", "open"), ("subprocess", "Popen"), ("runpy", "run_path"), ("torch", "load"),
    ("importlib", "import_module"), ("torch.hub", "load"), ("torch.storage", "_load_from_bytes"), ("pickle", "loads"),
    ("torch.jit", "load"), ("numpy", "load"), ("pathlib", "Path.touch"), ("shutil", "rmtree"), ("webbrowser", "open"),
    ("pip._internal.cli.main", "main"), ("torch.serialization", "load"), ("__builtin__", "execfile"),
)  # fmt: skip


def cases(canary: Path, turns: int = 1) -> Iterator[Case]:
    """All of them.

    Args:
        canary: a file that hostile checkpoints try to make.
        turns: multiplies the damaged ones.
    """
    yield from _good()
    yield from _hostile(canary)
    yield from zip_bombs()
    yield from pickle_bombs()
    yield from lying_storages()
    yield from lying_safetensors()
    yield from _unusable()
    yield from _damaged(turns)


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
