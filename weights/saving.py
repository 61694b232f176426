"""Checkpoints out: a safetensors file that says what it is."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch

from weights.classifier import Classifier


def save_checkpoint(path: Path, classifier: Classifier, about: Mapping[str, str]) -> None:
    """Writes a float16 safetensors file that `load_classifier` reads without a file beside it, whole or not at all.

    Args:
        path: of the file, ending in .safetensors.
        classifier: the network, its architecture, classes and preprocessing.
        about: more metadata, such as training data and accuracy; keys other than arch, classes, preprocess.
    """
    checkpoint = classifier.checkpoint
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in classifier.network.state_dict().items()
    }
    metadata = {
        **about,
        "arch": checkpoint.arch,
        "classes": json.dumps(checkpoint.classes),
        "preprocess": json.dumps(dataclasses.asdict(checkpoint.preprocess)),
    }
    scratch = path.with_name(f".{path.name}.tmp")
    with scratch.open("wb") as file:
        file.write(safetensors.torch.save(tensors, metadata))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
