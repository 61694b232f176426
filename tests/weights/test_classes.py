import json

import numpy as np
import pytest
import safetensors.torch

from weights import WeightsError, load_classifier
from weights.classes import order_of


def load(path, architectures, **settings):
    return load_classifier(path, architectures=architectures, **settings).checkpoint


SAID = {
    "class_to_idx": {"dog": 0, "cat": 1},
    "class_to_idx of NumPy": {"dog": np.int64(0), "cat": np.uint8(1)},
    "class_to_idx of folders": {"Dogs": 0, "CATS ": 1},
    "idx_to_class": {0: "dog", 1: "cat"},
    "idx_to_class of JSON": {"1": "cat", "0": "dog"},
    "classes": ["dog", "cat"],
    "class_names": ("Dog", "Cat"),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", SAID)
def test_the_order_in_the_file_is_used(network, save, architectures, name, legacy):
    path = save({"epoch": 1, "state_dict": network.state_dict(), name.split()[0]: SAID[name]}, legacy=legacy)
    checkpoint = load(path, architectures)
    assert checkpoint.classes == ("dog", "cat")
    assert checkpoint.warnings == ()
    assert not any("class order" in note for note in checkpoint.notes)


def test_also_among_the_settings_of_a_training(network, save, architectures):
    path = save({"hyper_parameters": {"class_to_idx": {"dog": 0, "cat": 1}}, "state_dict": network.state_dict()})
    assert load(path, architectures).classes == ("dog", "cat")


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("key", ["class_to_idx", "idx_to_class", "classes", "class_names"])
def test_also_in_metadata_and_toml(network, tmp_path, architectures, key, beside):
    path, value = tmp_path / "m.safetensors", {"classes": ["dog", "cat"], "class_names": ["dogs", "cats"]}
    value |= {"class_to_idx": {"dog": 0, "cat": 1}, "idx_to_class": {"0": "dog", "1": "cat"}}
    safetensors.torch.save_file(network.state_dict(), path, {} if beside else {key: json.dumps(value[key])})
    if beside:
        table = isinstance(value[key], dict)
        pairs = "".join(f"{k} = {json.dumps(v)}\n" for k, v in value[key].items()) if table else ""
        path.with_suffix(".toml").write_text(f"[{key}]\n{pairs}" if table else f"{key} = {json.dumps(value[key])}")
    assert load(path, architectures).classes == ("dog", "cat")


@pytest.mark.parametrize("given", [("cat", "dog"), ("Cat", "dogs")])
def test_an_order_that_contradicts_the_file_is_warned_of(network, save, architectures, given):
    path = save({"model": network.state_dict(), "class_to_idx": {"dog": 0, "cat": 1}})
    checkpoint = load(path, architectures, classes=given)
    assert checkpoint.classes == ("cat", "dog")
    (warning,) = checkpoint.warnings
    assert warning.startswith("class order cat, dog (the arguments) contradicts dog, cat (the file itself); ")
    assert "--classes dog,cat" in warning
    assert load(path, architectures, classes=("dog", "cat")).warnings == ()
    path.with_suffix(".toml").write_text('classes = ["cat", "dog"]')
    (warning,) = load(path, architectures).warnings
    assert "(the TOML beside it) contradicts dog, cat (the file itself)" in warning


def test_numbers_as_names_say_nothing(network, save, architectures):
    checkpoint = load(save({"model": network.state_dict(), "class_to_idx": {"0": 0, "1": 1}}), architectures)
    assert checkpoint.classes == ("cat", "dog")
    assert "class order assumed: cat, dog" in checkpoint.notes


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"class_to_idx": {"cat": 0, "dog": 1, "cow": 2}},
            r"are cat, dog, cow \(3 names, the file itself\), .* 2 outputs",
        ),
        ({"class_to_idx": {"cat": 0, "Cats": 1}}, "are cat, cat; expected two different names or more; say them with"),
        ({"classes": ["cat+dog", "dog"]}, r"class name 'cat\+dog' in .*expected a short text without '\+'; rename it"),
        ({"class_to_idx": {"cat": 0, "dog": 0}}, "class_to_idx in .* is cat: 0, dog: 0, expected a list of names"),
        ({"class_to_idx": {"cat": 1, "dog": 2}}, "class_to_idx in .* expected"),
        ({"classes": 3}, "classes in .* is 3, expected a list of names or a number for each name"),
        ({"classes": []}, "classes in .* expected a list"),
        ({"classes": [["cat"], "dog"]}, "classes in .* expected a list"),
        ({"classes": ["cat", "dog"], "class_to_idx": {"dog": 0, "cat": 1}}, "contradict each other about the classes"),
    ],
    ids=str,
)
def test_orders_that_cannot_be_used(network, save, architectures, said, message):
    with pytest.raises(WeightsError, match=message) as caught:
        load(save({"model": network.state_dict(), **said}), architectures)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [{"a": [1], "b": None}, {}, None, 10**30, [float("nan")], {0: 1, 1: 0}])
def test_no_order_at_all(value):
    with pytest.raises(WeightsError, match="expected a list of names"):
        order_of("classes", value, "x")


def test_other_names_are_classes_too(network, save, architectures):
    path = save({"model": network.state_dict(), "class_to_idx": {"tabby": 1, "hound": 0}})
    assert load(path, architectures).classes == ("hound", "tabby")
    assert load(path, architectures, classes=["dog", "cat"]).classes == ("dog", "cat")
