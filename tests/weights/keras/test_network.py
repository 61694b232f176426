import copy
import json

import pytest

from weights import WeightsError
from weights.errors import Refused
from weights.keras import convert
from weights.keras.network import understood
from weights.vgg_keras import TRUNK

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


def layer(kind, name, **settings):
    return {"class_name": kind, "config": {"name": name, **settings}}


def dense(name, units, activation=None, **settings):
    return layer("Dense", name, units=units, activation=activation, **settings)


def vgg16(head, side=64, before=()):
    """A Sequential of VGG16's trunk and other layers."""
    layers = [layer("InputLayer", "input", batch_shape=[None, side, side, 3]), *before]
    for name, width in TRUNK.items():
        kernel = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "same"}
        layers.append(layer("Conv2D", name, filters=width, activation="relu", **kernel))
        block, number = name.split("_conv")
        if f"{block}_conv{int(number) + 1}" not in TRUNK:
            layers.append(layer("MaxPooling2D", f"{block}_pool", pool_size=[2, 2], strides=[2, 2], padding="valid"))
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [*layers, *head]}}


FLAT = layer("Flatten", "flatten")
POOL = layer("GlobalAveragePooling2D", "pool")
TWO = dense("two", 2, "softmax")


@pytest.mark.parametrize(
    ("head", "arch", "outputs"),
    [
        ([FLAT, TWO], "vgg16_keras_flat2", 2),
        ([FLAT, *[dense(n, 4096, "relu") for n in "ab"], TWO], "vgg16_keras_flat2_4096_4096", 2),
        ([POOL, layer("Dropout", "d"), dense("a", 9, "relu"), TWO], "vgg16_keras_average_9", 2),
        ([layer("GlobalMaxPooling2D", "p"), dense("a", 1, "sigmoid")], "vgg16_keras_max", 1),
        ([POOL, dense("a", 9), layer("ReLU", "r"), TWO], "vgg16_keras_average_9", 2),
        ([POOL, dense("a", 2), layer("Activation", "s", activation="softmax")], "vgg16_keras_average", 2),
        ([POOL, dense("a", 2), layer("Softmax", "s", axis=-1)], "vgg16_keras_average", 2),
        ([POOL, dense("a", 2, {"class_name": "function", "config": "softmax"})], "vgg16_keras_average", 2),
    ],
)  # fmt: skip
def test_heads(head, arch, outputs):
    network = understood(vgg16(head))
    assert (network.arch, network.outputs, network.side) == (arch, outputs, 64)
    assert list(network.convolutions) == list(TRUNK)
    assert list(network.dense)[-1] == "predictions"


def test_rescaling_is_read():
    rescaling = layer("Rescaling", "r", scale=1 / 127.5, offset=-1)
    assert understood(vgg16([POOL, TWO], before=[rescaling])).rescaling == (1 / 127.5, -1)
    with pytest.raises(Refused, match="rescales by 0 and 0 in layer 'r', expected one scale above 0"):
        understood(vgg16([POOL, TWO], before=[layer("Rescaling", "r", scale=0, offset=0)]))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ([], "has nothing behind block5_pool; expected VGG16's"),
        ([FLAT], "has no Dense layer behind its trunk"),
        (
            [layer("Lambda", "l", function="x")],
            r"layer 'l' \(Lambda\), which is code and never run, behind block5_pool",
        ),
        ([POOL, layer("BatchNormalization", "bn"), TWO], r"layer 'bn' \(BatchNormalization\) in its head; expected"),
        ([POOL, dense("a", 9, "tanh"), TWO], "layer 'a' with activation tanh, expected relu"),
        ([POOL, dense("a", 9), TWO], "layer 'a' with activation linear, expected relu"),
        ([POOL, dense("a", 2, "sigmoid")], "ends in 2 outputs with sigmoid; expected 1 with"),
        ([POOL, dense("a", 1, "softmax")], "ends in 1 outputs with softmax"),
        ([POOL, dense("a", 2, use_bias=False)], "in its head; .*with bias"),
        ([POOL, dense("a", 10**9)], "of 1000000000 units, expected 1 to 65536"),
        ([layer("Flatten", "f", data_format="channels_first"), TWO], "keepdims or channels first"),
    ],
)
def test_heads_that_are_refused(head, message):
    with pytest.raises(Refused, match=message):
        understood(vgg16(head))


def changed(place, **settings):
    model = copy.deepcopy(vgg16([POOL, TWO]))
    model["config"]["layers"][place]["config"].update(settings)
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (changed(0, batch_shape=[None, 64, 48, 3]), "images of 64 x 48 pixels, expected a square"),
        (changed(0, batch_shape=[None, 16, 16, 3]), "images of 16 x 16 pixels, expected a square of 32 to 2048"),
        (changed(0, batch_shape=[None, 64, 64, 1]), r"images of shape .*expected \(None, side, side, 3\): RGB"),
        (changed(1, filters=32), "layer 'block1_conv1' with filters 32, VGG16's block1_conv1 has 64"),
        (changed(1, padding="valid"), "with padding valid, VGG16's block1_conv1 has same"),
        (changed(2, activation="linear"), "with activation linear, VGG16's block1_conv2 has relu"),
        (changed(3, pool_size=[3, 3]), r"with pool_size \[3, 3\], VGG16's block1_pool has \[2, 2\]"),
        ({"class_name": "Custom", "config": {"layers": []}}, "model of class 'Custom', expected Sequential"),
        ({"class_name": "Sequential"}, r"configuration that cannot be read; save it again with model\.save"),
        ([], "configuration that cannot be read"),
        (changed(2, name="block1_conv1"), "two layers of one name"),
    ],
)
def test_other_networks_are_refused(model, message):
    with pytest.raises(Refused, match=message):
        understood(model)


def test_a_network_that_branches_is_refused():
    model = vgg16([POOL, TWO])
    before = None
    for each in model["config"]["layers"]:
        each["inbound_nodes"] = [[[before, 0, 0, {}]]] if before else []
        before = each["config"]["name"]
    model |= {"class_name": "Functional"}
    model["config"]["output_layers"] = [["two", 0, 0]]
    assert understood(model).arch == "vgg16_keras_average"
    twice = copy.deepcopy(model)
    twice["config"]["layers"][5]["inbound_nodes"][0].append(["block1_conv1", 0, 0, {}])
    with pytest.raises(Refused, match="is no chain: layer 'block2_conv2' joins 2 layers"):
        understood(twice)
    beside = copy.deepcopy(model)
    beside["config"]["layers"].append({**dense("more", 3), "inbound_nodes": [[["pool", 0, 0, {}]]]})
    with pytest.raises(Refused, match="is no chain: layer 'more' lies beside it"):
        understood(beside)


def test_models_in_models_without_end_are_refused():
    model = vgg16([POOL, TWO])
    for number in range(10):
        model = {"class_name": "Sequential", "config": {"name": f"m{number}", "layers": [model]}}
    with pytest.raises(Refused, match="models 8 deep"):
        understood(model)


def file_of(path, model, arrays, **attributes):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights")
        for name, create in arrays.items():
            create(group.create_group(name).create_group(name))
    return path


def kernel(shape, dtype="f4"):
    """Zeros that take no room in the file: it has chunks that were never written."""
    return lambda group: group.create_dataset("kernel:0", shape, dtype, chunks=True)


def outside(group):
    group["kernel:0"] = h5py.ExternalLink("/etc/passwd", "/")


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (kernel((3, 3, 64, 3)), r"kernel of layer 'block1_conv1' of shape \(3, 3, 64, 3\), expected \(3, 3, 3, 64\)"),
        (kernel((3, 3, 3, 64), "i1"), "as int8 or in another file, expected floating point"),
        (outside, "holds no kernel of layer 'block1_conv1'"),
        (lambda group: None, "holds no kernel of layer 'block1_conv1'; save the whole model"),
        (kernel((3, 3, 3, 64)), "holds no bias of layer 'block1_conv1'"),
    ],
)
def test_arrays_that_are_refused(tmp_path, create, message):
    path = file_of(tmp_path / "m.h5", vgg16([POOL, TWO]), {"block1_conv1": create})
    with pytest.raises(WeightsError, match=message):
        convert(path)


def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path):
    arrays, entering = {}, 3
    for name, width in TRUNK.items():

        def both(group, shape=(3, 3, entering, width)):
            group.create_dataset("kernel:0", shape, "f4", chunks=True)
            group.create_dataset("bias:0", shape[3:], "f4", chunks=True)

        arrays[name], entering = both, width
    path = file_of(tmp_path / "m.h5", vgg16([POOL, TWO]), arrays)
    assert path.stat().st_size < 10**6
    with pytest.raises(WeightsError, match="unpacks to far more than its size"):
        convert(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no file of Keras"),
        (b"PK\x03\x04", "truncated or damaged"),
        (b"\x89HDF\r\n\x1a\n", "truncated or damaged"),
    ],
)
def test_other_files_say_so(tmp_path, content, message):
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        convert(tmp_path / "m.keras")
    with pytest.raises(WeightsError, match=r"'\S*nowhere.h5' not found; give the path of an \.h5 or \.keras file"):
        convert(tmp_path / "nowhere.h5")


def test_an_hdf5_file_of_something_else_says_so(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["data"] = [1.0]
    with pytest.raises(WeightsError, match="HDF5 file without a Keras model; save the whole model"):
        convert(tmp_path / "m.h5")
