"""A ViT, a Swin and a ConvNeXt, small and untrained, from the file to the scores."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from bench.config import load_config
from bench.run.pipeline import run

NETWORKS = """
import torch
from torch import nn
from torchvision.models import ConvNeXt, SwinTransformer, VisionTransformer
from torchvision.models.convnext import CNBlockConfig

def vit(num_classes):
    network = VisionTransformer(64, 16, 2, 2, 24, 48, num_classes=num_classes)
    nn.init.normal_(network.heads.head.weight)  # zeros before it is trained
    return network

def swin(num_classes):
    return SwinTransformer([4, 4], 12, [1, 2], [2, 2], [4, 4], num_classes=num_classes)

def convnext(num_classes):
    return ConvNeXt([CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)], num_classes=num_classes)
"""


@pytest.mark.parametrize(
    ("arch", "layer", "size"),
    [
        ("vit", "encoder.layers.encoder_layer_1.ln_1", (24, 4, 4)),
        ("swin", "norm", (24, 8, 8)),
        ("convnext", "features", (32, 8, 8)),
    ],
)
def test_a_transformer_runs_as_it_is(shared, tmp_path, monkeypatch, read_manifest, arch, layer, size):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("attentive.py").write_text(NETWORKS, encoding="utf-8")
    import attentive  # type: ignore[import-not-found]

    torch.manual_seed(0)
    torch.save(getattr(attentive, arch)(2).state_dict(), "net.pth")
    given = {"dataset": "files", "data_root": str(shared / "data" / "lab"), "weights": "net.pth", "out": "out"}
    given |= {"arch": f"attentive:{arch}", "resize": 64, "crop": 64, "steps": 2, "workers": 0, "controls": "none"}
    methods = ["gradcam", "layercam"] + ["legrad", "rollout"] * (arch == "vit")
    given |= {"methods": methods, "protocols": ["srg"], "no_report": True}
    given |= {"metrics": ["srg_probability", "effective_area"]}
    run(load_config(None, given))
    manifest = read_manifest(Path("out"))
    assert manifest["layers"] == {layer: dict(zip(("channels", "height", "width"), size, strict=True))}
    said = f"layer {layer} ({' x '.join(map(str, size))}) found by a trial pass; name others with --layers"
    assert said in manifest["checkpoint"]["notes"]
    scores = pd.read_parquet("out/scores.parquet")
    areas = scores[scores["metric"] == "effective_area"]
    assert set(areas["method"]) == set(methods)
    assert len(areas["image_id"].unique()) == 3
    assert areas["value"].between(0, 1).all()
    assert scores[scores["metric"] == "srg_probability"]["value"].notna().all()
