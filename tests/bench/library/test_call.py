"""The same numbers whatever the images come in, and those of the command line."""

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import bench.run.pipeline
from bench import evaluate
from bench.cli import main
from bench.run.manifest import first_manifest
from cam import METHODS, Method
from metrics import METRICS

KEY = ["image_id", "method", "layer", "target", "role", "metric"]


def close(found: pd.DataFrame, expected: pd.DataFrame, tolerance: float) -> None:
    one, two = (table.set_index(KEY)["value"].sort_index() for table in (found, expected))
    assert len(one)
    pd.testing.assert_series_equal(one, two, atol=tolerance, rtol=0)


def test_a_loader_and_a_list_of_batches_give_the_numbers_of_the_tensor(score, model, images, labels, masks):
    options = {"metrics": None, "controls": "cheap", "targets": ("right", "wrong")}
    expected = score(model, images, labels, masks=masks, **options)
    present = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 1]])
    loader = DataLoader(TensorDataset(images, present, masks), batch_size=2)
    pieces = [(images[:1], labels[:1], masks[:1]), (images[1:].numpy(), np.array(labels[1:]), masks[1:].numpy())]
    for batches in (loader, iter(pieces)):
        found = score(model, batches, **options)
        pd.testing.assert_frame_equal(found.scores, expected.scores)
        pd.testing.assert_frame_equal(found.curves, expected.curves)
        record = expected.run.manifest["dataset"]
        assert found.run.manifest["dataset"] == record
        assert record["labels"] == {"cat": 2, "dog": 1, "dog+fox": 1, "fox": 1}
    assert set(expected.scores["role"]) == {"right", "wrong", "present"}
    assert "energy_in_mask" in set(expected.scores["metric"])


def test_numbers_do_not_depend_on_the_size_of_a_batch(score):
    one, three = score(batch_size=1), score(batch_size=3)
    areas = [result.scores[result.scores["metric"] == "effective_area"] for result in (one, three)]
    close(*areas, 1e-5)
    close(one.scores, three.scores, 2e-4)
    np.testing.assert_allclose(one.maps["gradcam", "features.4"], three.maps["gradcam", "features.4"], atol=1e-5)


def test_the_same_numbers_as_the_command_line_on_the_same_files(tmp_path, monkeypatch):
    """ResNet-18 with three classes and random weights; pictures of noise as PNG files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(
        "import torchvision\nfrom weights import Architecture\n"
        "def build(classes): return torchvision.models.resnet18(num_classes=classes)\n"
        "resnet = Architecture(build, 'layer4', 'of the test')\n"
    )
    torch.manual_seed(3)
    model = torchvision.models.resnet18(num_classes=3)
    torch.save(model.state_dict(), tmp_path / "net.pth")
    generator, names, pixels = torch.Generator().manual_seed(4), [], []
    for label in ("cat", "dog", "fox"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(1 + (label == "cat")):
            picture = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8, generator=generator)
            names.append(f"{label}/{number}.png")
            Image.fromarray(picture.numpy()).save(tmp_path / "photos" / names[-1])
            pixels.append(picture.permute(2, 0, 1))
    monkeypatch.setattr(bench.run.pipeline, "render", lambda folder: folder)
    monkeypatch.setattr("bench.commands.run.print_result", lambda *_, **__: None)
    words = [
        "run", "--dataset", "folder", "--data-root", "photos", "--weights", "net.pth", "--arch", "nets:resnet",
        "--classes", "cat,dog,fox", "--resize", "64", "--crop", "64", "--layers", "layer4", "--steps", "2",
        "--batch-size", "3", "--device", "cpu", "--workers", "0", "--controls", "none", "--out", "run",
    ]  # fmt: skip
    assert main(words) == 0
    labels = [name.partition("/")[0] for name in names]
    result = evaluate(
        model, torch.stack(pixels).float() / 255, labels, classes=("cat", "dog", "fox"), layers=["layer4"], steps=2,
        batch_size=3, controls="none", ids=names,
    )  # fmt: skip
    close(result.scores, pd.read_parquet(tmp_path / "run" / "scores.parquet"), 1e-6)
    assert set(result.scores["metric"]) > {"insertion_auc", "effective_area", "antisymmetry"}


def test_methods_and_metrics_are_names_functions_entries_or_a_dict(score):
    def mine(activations, classes):
        return activations.sum(dim=1, keepdim=True).expand(-1, classes, -1, -1)

    def mass(raw):
        return raw.sum(dim=(1, 2)).numpy()

    entry = Method(mine, "An entry", "of the test")
    result = score(methods=["layercam", mine, ("again", entry), METHODS["gradcam"]], metrics=[mass, METRICS["empty"]])
    assert list(result.run.manifest["methods"]) == ["layercam", "mine", "again", "gradcam"]
    assert result.run.manifest["methods"]["again"]["title"] == "An entry"
    assert list(result.run.manifest["metrics"]) == ["mass", "empty"]
    own = result.scores[result.scores["metric"] == "mass"]
    wide = own.set_index(["image_id", "target", "method"])["value"].unstack()
    pd.testing.assert_series_equal(wide["mine"], wide["again"], check_names=False)
    assert (wide["mine"] > 0).all()
    assert list(score(methods={"theirs": mine}).run.manifest["methods"]) == ["theirs"]
    assert list(score(methods="layercam", metrics=mass).run.manifest["metrics"]) == ["mass"]


def test_a_layer_that_is_not_named_is_found(score):
    assert score(layers=None).run.layers == ["features"]  # what the last ReLU gives, by its outermost name


def test_groups_of_outputs_are_read_as_classes(score, model, images):
    result = score(model, images[:2], ["pet", "wild"], classes=None, groups={"pet": [0, 1], "wild": 2})
    assert result.run.classes == ["pet", "wild"]
    with torch.no_grad():
        z = model.eval()((images[:2] - 0.5) / 0.2).double()
    expected = torch.stack([z[:, :2].logsumexp(1), z[:, 2]], 1).softmax(1)
    found = np.stack(result.run.images["probability"])
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_maps_made_elsewhere_are_scored_as_the_method_that_made_them(score):
    expected = score(controls="cheap")
    maps = expected.maps["gradcam", "features.4"]
    for given in (maps, torch.from_numpy(maps).double()):
        found = score(methods=[], maps={"theirs": given}, controls="cheap").scores
        found = found.assign(method=found["method"].str.replace("theirs", "gradcam"))
        close(found, expected.scores, 0)


def test_a_metric_that_needs_maps_of_other_images_is_not_given_for_maps_made_elsewhere(score):
    def moved(raw, images, maps_of):
        return (maps_of(images.flip(3)) - raw).abs().sum(dim=(1, 2))

    maps = {"theirs": torch.rand(5, 3, 4, 4)}
    found = score(metrics=[moved], maps=maps).scores
    assert set(found["method"]) == {"gradcam"}


def test_a_classifier_brings_its_classes_and_normalisation(score, images):
    from weights import load_classifier

    classifier = load_classifier("catdog-scenes", device=torch.device("cpu"))
    pictures = torch.nn.functional.interpolate(images[:2], size=(96, 96))
    result = score(classifier, pictures, [0, 1], classes=None, mean=None, std=None, layers=None)
    manifest = result.run.manifest
    assert manifest["checkpoint"]["classes"] == ["cat", "dog"]
    assert manifest["checkpoint"]["preprocess"]["mean"] == list(classifier.checkpoint.preprocess.mean)
    with torch.inference_mode():
        expected = classifier(pictures).double().softmax(1)
    np.testing.assert_allclose(np.stack(result.run.images["probability"]), expected.numpy(), atol=1e-6)


def test_what_is_assumed_is_said_in_the_manifest(score):
    manifest = score(mean=None, std=None).run.manifest
    assert any("ImageNet" in note for note in manifest["checkpoint"]["notes"])
    assert manifest["config"]["dataset"] == "in memory"
    assert len(manifest["checkpoint"]["sha256"]) == 64


def test_command_line_and_library_share_one_manifest():
    assert bench.run.pipeline.first_manifest is first_manifest
    from bench.library import call

    assert call.first_manifest is first_manifest
    assert call.score_shard is bench.run.pipeline.score_shard


def test_the_command_lines_help_does_without_torch():
    import subprocess
    import sys

    code = "import sys, bench, bench.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        bench.evaluat  # noqa: B018
