import json
import struct

import safetensors
import safetensors.torch
import torch

from bench.serialise import canonical, digest


def header(content: bytes) -> list:
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length], object_pairs_hook=list)


def test_metadata_is_in_alphabetical_order_and_nothing_else_changes(tmp_path):
    metadata = {f"{letter}": "v" for letter in "qwertzuiopasdfghjkl"} | {"ü": 'a "b"'}
    tensors = {name: torch.randn(3, 2) for name in ("b/ü", "a", "c/d/e")} | {"n": torch.tensor([1])}
    content = canonical(safetensors.torch.save(tensors, metadata))
    assert [key for key, _ in header(content)[0][1]] == sorted(metadata)
    assert canonical(content) == content
    (tmp_path / "x.safetensors").write_bytes(content)
    with safetensors.safe_open(tmp_path / "x.safetensors", "pt") as file:
        assert file.metadata() == metadata
        assert set(file.keys()) == set(tensors)
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())


def test_the_order_the_library_chose_does_not_show():
    def file(keys: str) -> bytes:
        text = json.dumps(
            {"__metadata__": dict.fromkeys(keys, "v"), "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}
        )
        return struct.pack("<Q", len(text)) + text.encode() + b"\x07"

    assert canonical(file("abc")) == canonical(file("cab"))
    assert safetensors.torch.load(canonical(file("cab")))["a"].tolist() == [7]


def test_files_without_metadata_or_tensors():
    for content in (safetensors.torch.save({}), safetensors.torch.save({"a": torch.zeros(2)})):
        assert safetensors.torch.load(canonical(content)).keys() == safetensors.torch.load(content).keys()


def test_a_digest_is_of_the_content():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
