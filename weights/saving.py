"""Checkpoints out: a safetensors file that says what it is."""

import json
from collections.abc import Mapping

import safetensors.torch
import torch

from weights.classifier import Classifier


def checkpoint_bytes(classifier: Classifier, about: Mapping[str, str]) -> bytes:
    """A safetensors file that `load_classifier` reads without a file beside it; weights as float16, statistics as are.

    Statistics of batch normalisation keep their type: a variance may be smaller or larger than float16 can say.

    Args:
        classifier: the network, its architecture, classes and preprocessing.
        about: more metadata, such as training data and accuracy; keys other than `TEXTS` and `TABLES` of a description.
    """
    checkpoint = classifier.checkpoint
    halved = {name for name, _ in classifier.network.named_parameters(remove_duplicate=False)}
    tensors = {
        name: tensor.detach().to("cpu", torch.float16 if name in halved else tensor.dtype).contiguous()
        for name, tensor in classifier.network.state_dict().items()
    }
    metadata = {
        **about,
        "arch": checkpoint.arch,
        "classes": json.dumps(checkpoint.classes),
        "preprocess": json.dumps(checkpoint.preprocess.record()),
    }
    if checkpoint.groups:
        metadata["groups"] = json.dumps(dict(zip(checkpoint.classes, checkpoint.groups, strict=True)))
    if checkpoint.output is not None:
        metadata["output"] = checkpoint.output
    return safetensors.torch.save(tensors, metadata)
