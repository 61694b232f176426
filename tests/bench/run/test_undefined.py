"""Maps that are not finite: without any number, counted and named; everything else as if they were not there."""

import json
import math

import pytest

from bench.config import load_config
from bench.run.pipeline import run
from bench.run.undefined import undefined_lines
from metrics import METRICS
from reports import Run
from reports.pages.gallery import gallery


def test_an_undefined_map_is_counted_named_and_never_scored(module, tmp_path, read_manifest, read_scores):
    """One in four of a method's maps holds a NaN; the other method's numbers stay as they are."""
    module(
        """
        import torch
        from cam.methods import gradcam

        def holes(activations, gradients):
            maps = gradcam(activations, gradients)
            maps[0, 0, 3, 3], maps[0, 0, 2, 2] = torch.nan, torch.inf
            activations.zero_()
            gradients.zero_()
            return maps
        """
    )
    metrics = ",".join(name for name, metric in METRICS.items() if not metric.needs_truth)  # which takes redrawing
    words = {"dataset": "synthetic", "limit": 3, "weights": "catdog-scenes", "steps": 2, "batch_size": 2, "workers": 0,
             "resize": 112, "crop": 112, "targets": "right,wrong", "metrics": metrics, "protocols": "rise,srg,road",
             "no_report": True}  # fmt: skip
    run(load_config(None, {**words, "methods": "mine:holes,layercam", "out": "both"}))
    manifest = read_manifest(tmp_path / "both")
    layer = next(iter(manifest["layers"]))
    assert manifest["undefined_maps"] == {"mine:holes": {layer: 2}}
    said = f"mine:holes at {layer}: 2 of 6 maps hold NaN or infinity; they are undefined and count in no mean"
    assert undefined_lines(manifest) == [said]
    json.loads(gallery(Run(tmp_path / "both"), []).text, parse_constant=pytest.fail)  # no NaN in what a browser reads
    run(load_config(None, {**words, "methods": "gradcam,layercam", "out": "alone"}))
    assert read_manifest(tmp_path / "alone")["undefined_maps"] == {}
    both, alone = (read_scores(tmp_path / name)["value"] for name in ("both", "alone"))
    assert both.xs("layercam", level="method").equals(alone.xs("layercam", level="method"))
    for name, twin in (("mine:holes", "gradcam"), ("control_negated_mine:holes", "control_negated_gradcam")):
        found, expected = both.xs(name, level="method"), alone.xs(twin, level="method")
        assert found.index.equals(expected.index)
        images = sorted(set(found.index.get_level_values("image_id")))
        lost = [image for image in images if found.xs((image, "cat"), level=("image_id", "target")).isna().all()]
        assert len(lost) == 2
        for key, value in found.items():
            both_maps = key[3] in ("antisymmetry", "map_separation", "class_sensitivity")
            undefined = (key[0] in lost and (key[2] == "cat" or both_maps)) or math.isnan(expected[key])
            assert math.isnan(value) if undefined else value == pytest.approx(expected[key], abs=1e-4), key
