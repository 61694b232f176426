"""Maps made elsewhere: scored as any method's, refused in one line where they do not fit, and part of what a run is."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch

import bench.run.pipeline
from bench.cli import main
from bench.run.given import read_maps_file
from reports import Run, render

FAST = (
    "run", "--dataset", "synthetic", "--limit", "3", "--weights", "catdog-scenes", "--resize", "64", "--crop", "64",
    "--layers", "features.11", "--steps", "2", "--batch-size", "2", "--workers", "0", "--device", "cpu",
)  # fmt: skip
METRICS = ("--metrics", "insertion_auc,srg_probability,effective_area,energy_in_mask,antisymmetry,empty")
IDS = ["a", "b"]


@pytest.fixture(scope="module", autouse=True)
def no_pages():
    """Reports take most of the time, and one test makes one itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.run.pipeline, "render", lambda folder: folder)
        patch.setattr("bench.commands.run.print_result", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """A run of Grad-CAM."""
    out = tmp_path_factory.mktemp("given") / "computed"
    assert main([*FAST, *METRICS, "--methods", "gradcam", "--out", str(out)]) == 0
    return out


def saved_maps(folder) -> tuple[list[str], np.ndarray]:
    ids, maps = [], []
    for path in sorted((folder / "maps").iterdir()):
        with safetensors.safe_open(path, "numpy") as file:
            ids += json.loads(file.metadata()["image_ids"])
            maps.append(file.get_tensor("gradcam/features.11"))
    return ids, np.concatenate(maps)


def values(folder, method: str) -> pd.Series:
    scores = pd.read_parquet(folder / "scores.parquet")
    own = scores[scores["method"] == method]
    return own.set_index(["image_id", "layer", "target", "role", "metric"])["value"].sort_index()


def test_maps_of_a_run_scored_as_theirs_have_the_same_numbers(computed, tmp_path):
    ids, maps = saved_maps(computed)
    turned = slice(None, None, -1)  # another order
    np.savez_compressed(
        tmp_path / "theirs.npz", theirs=maps[turned].astype(np.float64), image_ids=np.array(ids)[turned]
    )
    words = [*FAST, *METRICS, "--methods", "layercam", "--maps", str(tmp_path / "theirs.npz")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    for name, own in (("theirs", "gradcam"), ("control_negated_theirs", "control_negated_gradcam")):
        found, expected = values(tmp_path / "out", name), values(computed, own)
        signed = ["antisymmetry"]  # of maps whose negative part was kept
        kept = ~expected.index.get_level_values("metric").isin(signed)
        pd.testing.assert_series_equal(found[kept], expected[kept], check_exact=True)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    digest = hashlib.sha256((tmp_path / "theirs.npz").read_bytes()).hexdigest()
    assert manifest["maps"] == {"file": "theirs.npz", "sha256": digest}
    assert list(manifest["methods"]) == ["layercam", "theirs"]
    assert manifest["methods"]["theirs"]["size"] == [maps.shape[2], maps.shape[3]]


def test_a_run_is_gone_on_with_only_with_the_same_maps(computed, tmp_path, capsys):
    ids, maps = saved_maps(computed)
    np.savez(tmp_path / "theirs.npz", theirs=maps, image_ids=np.array(ids))
    words = [*FAST, "--protocols", "none", "--metrics", "empty", "--maps", str(tmp_path / "theirs.npz")]
    words += ["--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert main([*words, "--resume"]) == 0
    np.savez(tmp_path / "theirs.npz", theirs=maps + 1, image_ids=np.array(ids))
    capsys.readouterr()
    assert main([*words, "--resume"]) == 2
    assert "other maps made elsewhere" in capsys.readouterr().err


def test_maps_of_another_size_are_scored_as_they_are_and_shown(computed, tmp_path):
    """Of the size of the image: nothing is resampled but for the gallery; NaN is undefined, and counted."""
    ids, maps = saved_maps(computed)
    large = torch.nn.functional.interpolate(torch.from_numpy(maps), size=(64, 64), mode="bilinear").numpy()
    large[0, 0, 5, 5] = np.nan
    np.savez(tmp_path / "theirs.npz", theirs=large, image_ids=np.array(ids))
    words = [*FAST, *METRICS, "--methods", "gradcam", "--maps", str(tmp_path / "theirs.npz")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["undefined_maps"] == {"theirs": {"features.11": 1}}
    run = Run(tmp_path / "out")
    assert run.maps["theirs", "features.11"][ids[1]].shape == (2, 64, 64)
    found, expected = values(tmp_path / "out", "theirs"), values(computed, "gradcam")
    lost = found.index.get_level_values("image_id") == ids[0]
    auc = found.index.get_level_values("metric").isin(["insertion_auc", "energy_in_mask"])
    pd.testing.assert_series_equal(found[~lost & auc], expected[~lost & auc], atol=1e-3)
    assert found[lost & (found.index.get_level_values("target") == "cat")].isna().all()
    assert render(tmp_path / "out").exists()


def written(path, **arrays):
    np.savez(path, **arrays)
    return path


MAPS = np.zeros((2, 2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"theirs": MAPS}, "holds theirs; expected arrays"),
        ({"image_ids": np.array(IDS)}, "holds image_ids; expected arrays"),
        ({"theirs": MAPS, "image_ids": np.arange(2)}, "image_ids are int64"),
        ({"theirs": MAPS, "image_ids": np.array(["a", "x"])}, "has no maps of image 'b'"),
        ({"theirs": MAPS, "image_ids": np.array(["a", "b", "x"])}, "has maps of 'x', which is not among the 2 images"),
        ({"theirs": MAPS, "image_ids": np.array(["a", "b", "b"])}, "has image 'b' twice"),
        ({"theirs": MAPS[:1], "image_ids": np.array(IDS)}, "have the shape (1, 2, 3, 3), expected (2, 2, h, w)"),
        ({"theirs": MAPS[:, :1], "image_ids": np.array(IDS)}, "have the shape (2, 1, 3, 3), expected (2, 2, h, w)"),
        ({"theirs": MAPS[..., 0], "image_ids": np.array(IDS)}, "have the shape (2, 2, 3), expected (2, 2, h, w)"),
        ({"theirs": MAPS[:, :, :0], "image_ids": np.array(IDS)}, "have the shape (2, 2, 0, 3)"),
        ({"theirs": MAPS.astype(complex), "image_ids": np.array(IDS)}, "are of complex128"),
        ({"theirs": np.array([{}] * 16).reshape(2, 2, 2, 2), "image_ids": np.array(IDS)}, "are of object"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path, arrays, said):
    with pytest.raises(ValueError, match=r"^maps file") as caught:
        read_maps_file(written(tmp_path / "theirs.npz", **arrays), IDS, 2)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_npz_file_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "theirs.npz").write_bytes(content)
    with pytest.raises(ValueError, match="expected arrays"):
        read_maps_file(tmp_path / "theirs.npz", IDS, 2)
    with pytest.raises(ValueError, match="No such file"):
        read_maps_file(tmp_path / "none.npz", IDS, 2)


def test_maps_with_the_name_of_another_method_are_refused(tmp_path):
    found = read_maps_file(written(tmp_path / "a.npz", gradcam=MAPS, image_ids=np.array(IDS)), IDS, 2)
    with pytest.raises(ValueError, match="maps are named 'gradcam', which is the name of a method or control"):
        found.methods(["gradcam"])
    found = read_maps_file(written(tmp_path / "b.npz", control_negated_x=MAPS, image_ids=np.array(IDS)), IDS, 2)
    with pytest.raises(ValueError, match="control_negated_x"):
        found.methods()
