import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from weights import WeightsError, load_classifier
from weights.files import read_tensors, sha256_of, size_of

INDEX, FIRST, SECOND = (
    f"model{each}" for each in (".safetensors.index.json", "-00001-of-00002.safetensors", "-00002-of-00002.safetensors")
)


@pytest.fixture
def sharded(network, tmp_path):
    """The network in two shards; the path of their index."""
    tensors = network.state_dict()
    names = list(tensors)
    where = {name: FIRST if name in names[:2] else SECOND for name in names}
    for shard in (FIRST, SECOND):
        part = {name: tensors[name] for name in names if where[name] == shard}
        save_file(part, tmp_path / shard, {"arch": "tiny", "format": "pt"})
    (tmp_path / INDEX).write_text(json.dumps({"metadata": {"total_size": 248}, "weight_map": where}))
    return tmp_path / INDEX


def test_shards_are_one_network(network, sharded, architectures):
    classifier = load_classifier(sharded, architectures=architectures)
    assert classifier.checkpoint.arch == "tiny"
    assert "read from 2 shards" in classifier.checkpoint.notes
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(classifier(images), network(classifier.normalise(images)))


def test_the_hash_and_the_size_are_of_all_shards(sharded):
    files = [sharded, sharded.with_name(FIRST), sharded.with_name(SECOND)]
    each = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert sha256_of(sharded) == hashlib.sha256(each.encode()).hexdigest()
    assert size_of(sharded) == sum(len(file.read_bytes()) for file in files)


def test_one_shard_names_the_index(sharded):
    with pytest.raises(WeightsError, match=rf"is one of 2 shards; give the index beside it, {INDEX}"):
        read_tensors(sharded.with_name(SECOND))
    whole = sharded.with_name("model-00001-of-00001.safetensors")
    save_file({"a": torch.ones(1)}, whole)
    assert set(read_tensors(whole).tensors) == {"a"}


def test_a_missing_shard_is_named(sharded):
    sharded.with_name(SECOND).unlink()
    for read in (read_tensors, sha256_of):
        with pytest.raises(WeightsError, match=f"needs the shard '{SECOND}' beside it, which is missing; copy all"):
            read(sharded)


@pytest.mark.parametrize("name", ["../model-00001-of-00002.safetensors", "/etc/passwd", "..\\a.safetensors", "a.bin"])
def test_shards_lie_beside_their_index(sharded, name):
    sharded.write_text(json.dumps({"weight_map": {"0.weight": name}}))
    with pytest.raises(WeightsError, match=r"expected a \.safetensors file in the index's own folder"):
        read_tensors(sharded)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is no index of shards"), ("[]", "is no index"), ('{"weight_map": 3}', "is no index"),
     ('{"weight_map": {}}', "an index without tensors"), ("[" * 100_000, "is no index"),
     (" " * (16 * 2**20 + 1), "more than 16777216 bytes")],
)  # fmt: skip
def test_what_is_no_index_says_so(sharded, text, message):
    sharded.write_text(text)
    with pytest.raises(WeightsError, match=message):
        read_tensors(sharded)


def test_an_index_and_a_shard_that_contradict_each_other(sharded):
    table = json.loads(sharded.read_text())
    table["weight_map"]["more"] = FIRST
    sharded.write_text(json.dumps(table))
    with pytest.raises(WeightsError, match=f"its shard '{FIRST}' contradict each other about 'more'; copy both"):
        read_tensors(sharded)


def test_a_damaged_shard_says_so(sharded):
    sharded.with_name(FIRST).write_bytes(b"12345678")
    with pytest.raises(WeightsError, match="truncated or no safetensors file"):
        read_tensors(sharded)
