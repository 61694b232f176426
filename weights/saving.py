"""Checkpoints out: a safetensors file that says what it is."""

import dataclasses
import json
from collections.abc import Mapping

import safetensors.torch
import torch

from weights.classifier import Classifier


def checkpoint_bytes(classifier: Classifier, about: Mapping[str, str]) -> bytes:
    """A float16 safetensors file that `load_classifier` reads without a file beside it.

    Statistics of batch normalisation keep their type: a variance may be smaller or larger than float16 can say.

    Args:
        classifier: the network, its architecture, classes and preprocessing.
        about: more metadata, such as training data and accuracy; keys other than arch, classes, preprocess.
    """
    checkpoint = classifier.checkpoint
    kept = {name for name, _ in classifier.network.named_buffers()}
    tensors = {
        name: tensor.detach().to("cpu", tensor.dtype if name in kept else torch.float16).contiguous()
        for name, tensor in classifier.network.state_dict().items()
    }
    metadata = {
        **about,
        "arch": checkpoint.arch,
        "classes": json.dumps(checkpoint.classes),
        "preprocess": json.dumps(dataclasses.asdict(checkpoint.preprocess)),
    }
    return safetensors.torch.save(tensors, metadata)
