"""`cambench lab` on the lab's own pictures."""

import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

from bench.cli import main
from reports import Run
from reports.pages.lab import predictions, sentences


@pytest.fixture(scope="module", autouse=True)
def lab_alone():
    """The run in a lab draws no report of its own here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.run.pipeline.render", lambda folder: folder)
        yield


@pytest.fixture(scope="module")
def pictures(shared):
    return [shared / "data" / "lab" / f"{name}.jpg" for name in ("both", "cat", "dog")]


@pytest.fixture(scope="module")
def made(shared, pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("lab") / "out"
    weights = shared / "weights" / "alexnet-catdog.pth"
    assert main(["lab", *map(str, pictures), "--weights", str(weights), "--out", str(out)]) == 0
    return out


def test_every_figure_is_there_and_in_the_page(made):
    names = {f"channels_{picture}" for picture in ("both", "cat", "dog")}
    names |= {f"maps_{layer}_{p}" for layer in ("features.11", "features.12") for p in ("both", "cat", "dog")}
    assert {path.name for path in (made / "figures").iterdir()} == {f"{n}.{k}" for n in names for k in ("png", "svg")}
    page = (made / "lab.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in names)
    assert "http://" not in page
    assert "https://" not in page


def test_the_lab_calls_its_pictures_as_the_exercise_did(made):
    rows = {row["name"]: row["predicted"] for row in predictions(Run(made / "run"))}
    assert rows == {"both.jpg": "dog", "cat.jpg": "cat", "dog.jpg": "dog"}


def test_sentences_take_their_numbers_from_the_scores(made):
    run = Run(made / "run")
    scores = pd.read_parquet(made / "run" / "scores.parquet").set_index(
        ["image_id", "method", "layer", "target", "metric"]
    )["value"]
    said = sentences(run, "cat.jpg", "features.11")[0]
    right, wrong = (scores["cat.jpg", "gradcam", "features.11", name, "effective_area"] for name in ("cat", "dog"))
    energy = scores["cat.jpg", "gradcam", "features.11", "cat", "energy_in_mask"]
    assert said.startswith(f"Grad-CAM: cat map (right): {energy:.0%} of its mass on the animal")
    assert f"effective area {right:.2f}; dog map (wrong)" in said
    assert f"dispersion gap {wrong - right:+.2f}" in said
    assert "on its own" in sentences(run, "both.jpg", "features.11")[1]


def test_the_channel_grid_has_all_channels_of_the_last_conv_layer(made):
    channels = safetensors.numpy.load_file(made / "channels.safetensors")
    assert set(channels) == {"both.jpg", "cat.jpg", "dog.jpg"}
    assert {tensor.shape for tensor in channels.values()} == {(256, 13, 13)}
    assert min(tensor.min() for tensor in channels.values()) >= 0


def test_layers_can_be_named_and_boxes_may_be_missing(tmp_path):
    Image.effect_noise((60, 50), 50).convert("RGB").save(tmp_path / "a_cat.png")
    words = ["lab", str(tmp_path / "a_cat.png"), "--weights", "catdog-photos-alexnet", "--layers", "features.7"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "figures" / "maps_features.7_a_cat.png").exists()
    said = sentences(Run(tmp_path / "out" / "run"), "a_cat.png", "features.7")
    assert all("animal" not in sentence for sentence in said)


def test_bad_input(tmp_path, capsys):
    picture = tmp_path / "cat.png"
    Image.new("RGB", (40, 40)).save(picture)
    (tmp_path / "more").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "more" / "cat.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "tree.png")
    cases = {
        "picture 'none.jpg' not found": ["none.jpg"],
        "two pictures are named 'cat.png'": [str(picture), str(tmp_path / "more" / "cat.png")],
        "put cat, dog or both into the name": [str(tmp_path / "tree.png")],
    }
    for number, (said, images) in enumerate(cases.items()):
        assert (
            main(["lab", *images, "--weights", "catdog-photos-alexnet", "--out", str(tmp_path / f"out{number}")]) == 2
        )
        assert said in capsys.readouterr().err
    assert main(["lab", str(picture), "--weights", "catdog-photos-alexnet", "--out", str(tmp_path / "more")]) == 2
    assert "is not empty; choose another --out" in capsys.readouterr().err
