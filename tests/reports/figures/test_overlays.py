import numpy as np
import pytest
import safetensors.numpy

from reports import render
from reports.figures.overlays import blended, disagreement, overlay_figures
from reports.runs.run import Run


def test_blended_picture_is_brightest_where_the_map_is():
    picture = np.full((32, 32, 3), 100, dtype=np.uint8)
    raw = np.zeros((4, 4), dtype=np.float32)
    raw[0, 0] = 7
    result = blended(picture, raw).astype(int).sum(axis=2)
    assert result.shape == (32, 32)
    assert result[0, 0] == result.max()
    assert (result[16:, 16:] == result.min()).all()


def test_disagreement_is_the_mass_not_shared(make_run):
    """Two maps of mass in different cells share nothing, equal maps everything; scale does not count."""
    run = Run(make_run({"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat+dog"}))
    corner, other = np.eye(4, dtype=np.float32)[:1].T @ np.eye(4, dtype=np.float32)[:1], np.zeros((4, 4))
    other[3, 3] = 5
    first = {"a.jpg": np.stack([corner, corner]), "b.jpg": np.stack([other, corner]), "c.jpg": np.stack([corner] * 2)}
    second = {"a.jpg": np.stack([other, other]), "b.jpg": np.stack([other, 9 * corner]), "c.jpg": np.zeros((2, 4, 4))}
    run.__dict__["maps"] = {("gradcam", "features.11"): first, ("layercam", "features.11"): second}
    values = disagreement(run, "features.11")
    assert values.to_dict() == pytest.approx({"a.jpg": 1, "b.jpg": 0})  # c.jpg: an empty map disagrees with nothing


def test_few_images_are_all_shown_and_many_are_chosen(make_run, tmp_path):
    names = [name for name, _ in overlay_figures(Run(make_run({"a.jpg": "cat", "b.jpg": "dog"})))]
    assert names == ["overlays_all_features.11"]


def test_chosen_images_are_the_extremes(make_run):
    run = Run(make_run({f"{i}.jpg": "cat" for i in range(9)}))
    rows = run.scores[(run.scores["metric"] == "effective_area") & (run.scores["role"] == "right")]
    largest = rows.groupby("image_id")["value"].mean().idxmax()
    figures = dict(overlay_figures(run))
    assert list(figures) == [
        f"overlays_{kind}_features.11" for kind in ("most_dispersed", "least_dispersed", "most_disagreeing")
    ]
    first = figures["overlays_most_dispersed_features.11"].axes[0].texts[0].get_text()
    assert first.startswith(largest)


def test_a_map_that_is_not_finite_is_said_to_be_undefined(make_run):
    folder = make_run({"a.jpg": "cat", "b.jpg": "dog"})
    path = folder / "maps" / "shard-00000.safetensors"
    with safetensors.safe_open(path, "numpy") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["gradcam/features.11"][0, 0, 1, 1] = np.nan
    tensors["gradcam/features.11"][1, 1, 0, 0] = np.inf
    safetensors.numpy.save_file(tensors, path, metadata)
    render(folder)
    assert (folder / "figures" / "overlays_all_features.11.svg").read_text().count(">undefined<") == 2
    assert (folder / "report.html").read_text().count('" undefined"') == 2
