"""Checkpoints out: a safetensors file that says what it is."""

import dataclasses
import json
from collections.abc import Mapping

import safetensors.torch
import torch

from weights.classifier import Classifier


def checkpoint_bytes(classifier: Classifier, about: Mapping[str, str]) -> bytes:
    """A float16 safetensors file that `load_classifier` reads without a file beside it.

    Args:
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
    return safetensors.torch.save(tensors, metadata)
