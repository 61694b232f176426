"""Makes Keras models with random weights, saves them, and says what they give; runs alone, on Keras' torch backend.

python models.py PICTURES.npy FOLDER: pictures (B, side, side, 3), RGB from 0 to 255.
"""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import Model, Sequential, layers

TAPS = ("block5_conv3", "block5_pool")


def shaken(model: Model, seed: int) -> Model:
    """Biases that are not 0, and a head that tells pictures apart."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, Model):
            shaken(layer, seed)
        elif layer.get_weights():
            kernel, bias = layer.get_weights()
            scale = 1.3 if kernel.ndim == 4 else 4.0
            layer.set_weights([kernel * scale, generator.normal(0, 0.1, bias.shape)])
    return model


def trunk(side: int) -> Model:
    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(weights=None, include_top=False, input_shape=(side, side, 3))


def flat(side: int) -> tuple[Model, Model]:
    """The usual file of transfer learning: a model in a Sequential."""
    base = trunk(side)
    head = [layers.Flatten(), layers.Dense(24, "relu"), layers.Dropout(0.5), layers.Dense(2, "softmax")]
    return Sequential([keras.Input((side, side, 3)), base, *head]), base


def average(side: int) -> tuple[Model, Model]:
    """Augmentation and Rescaling in the model, one output, the second half of the trunk frozen."""
    base = trunk(side)
    for layer in base.layers[:10]:
        layer.trainable = False
    inputs = keras.Input((side, side, 3))
    x = Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)])(inputs)
    x = base(layers.Rescaling(1 / 127.5, offset=-1)(x), training=False)
    x = layers.Dropout(0.2)(layers.ReLU()(layers.Dense(16)(layers.GlobalAveragePooling2D()(x))))
    return Model(inputs, layers.Dense(1, "sigmoid")(x)), base


def largest(side: int) -> tuple[Model, Model]:
    """No model in a model, three classes, logits."""
    base = trunk(side)
    return Model(base.input, layers.Dense(3)(layers.GlobalMaxPooling2D()(base.output))), base


PREPROCESSING = {
    "flat": keras.applications.vgg16.preprocess_input,
    "average": lambda pixels: pixels,
    "largest": lambda pixels: pixels / 255,
}
INSIDE = {"average": lambda pixels: pixels / 127.5 - 1}  # what goes into the trunk, where it is something else


def main(pictures: Path, folder: Path) -> None:
    pixels = np.load(pictures).astype(np.float32)
    for name, build in (("flat", flat), ("average", average), ("largest", largest)):
        model, base = build(pixels.shape[1])
        shaken(model, 1)
        for ending in (".keras", ".h5"):
            model.save(folder / f"{name}{ending}")
        model.layers[-1].activation = keras.activations.linear
        prepared = PREPROCESSING[name](pixels.copy())
        logits = model.predict(prepared, verbose=0)
        taps = Model(base.input, [base.get_layer(each).output for each in TAPS])
        maps = taps.predict(INSIDE.get(name, lambda x: x)(prepared), verbose=0)
        np.savez(folder / f"{name}.npz", logits=logits, **dict(zip(TAPS, maps, strict=True)))
    model.save_weights(folder / "alone.weights.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
