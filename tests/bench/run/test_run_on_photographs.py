"""The main job, end to end, on real photographs and the real AlexNet."""

import json

import numpy as np
import pandas as pd
import pytest
import safetensors

from metrics import METRICS, Metric

IMAGES, STEPS = 4, 4  # of the run on pets
CONTROLS = {
    f"control_{name}" for name in ("random", "center", "sobel", "uniform", "negated_gradcam", "negated_layercam")
}


def of_methods(frame: pd.DataFrame) -> pd.DataFrame:
    """The scores without those of the controls."""
    return frame[~frame.index.get_level_values("method").isin(CONTROLS)]


def curves_of(folder) -> pd.DataFrame:
    return pd.read_parquet(folder / "curves.parquet")


def asked_for(metric: Metric) -> bool:
    """Whether only who asks for it, or for its protocol, gets it."""
    return metric.on_demand or metric.family == "road"


def test_run_directory_holds_what_the_format_promises(pets, read_manifest):
    for name in ("scores", "curves", "images", "localisation"):
        assert (pets / f"{name}.parquet").stat().st_size > 0, name
    assert (pets / "skipped.csv").read_bytes() == b"path,reason\r\n"
    assert (pets / "report.html").stat().st_size > 0
    for name in ("summary", "wrong_class", "comparison"):
        assert all((pets / "tables" / f"{name}.{kind}").exists() for kind in ("csv", "md", "tex"))
    assert len(list((pets / "figures").glob("*.svg"))) == len(list((pets / "figures").glob("*.png"))) > 8
    assert not list(pets.rglob(".*"))
    assert not (pets / "shards").exists()
    manifest = read_manifest(pets)
    assert (manifest["schema_version"], manifest["status"], manifest["error"]) == (1, "complete", None)
    assert manifest["counts"] == {"images": IMAGES, "scored": IMAGES, "skipped": 0}
    assert manifest["dataset"]["labels"] == {"cat": 2, "dog": 2}
    assert manifest["layers"]["features.12"] == {"channels": 256, "height": 6, "width": 6}
    assert manifest["protocols"]["srg"]["substrates"] == ["blur", "blur"]
    assert set(manifest["metrics"]) == {name for name, metric in METRICS.items() if not asked_for(metric)}
    assert 0 < manifest["timings"]["model_share"] < 1


def test_every_image_method_layer_and_class_is_scored_once(pets, read_scores):
    frame = read_scores(pets)
    assert frame.index.is_unique
    area = frame.xs("effective_area", level="metric")
    assert area.groupby(level="method").size().to_dict() == dict.fromkeys(
        CONTROLS | {"gradcam", "layercam"}, IMAGES * 2 * 2
    )
    assert set(area["role"]) == {"right", "wrong"}
    assert (area[area["role"] == "right"].reset_index()["target"] == area[area["role"] == "right"]["label"].array).all()
    names = set(frame.index.get_level_values("metric"))
    truth = {name for name, metric in METRICS.items() if metric.needs_truth}  # of drawn scenes alone
    on_demand = {name for name, metric in METRICS.items() if asked_for(metric)}
    assert names == set(METRICS) - {"own_animal_share", "map_separation"} - truth - on_demand  # no picture shows both


def test_values_are_in_the_range_their_metric_states(pets, lab, read_scores):
    for frame in (read_scores(pets), read_scores(lab)):
        for name, values in frame["value"].dropna().groupby(level="metric"):
            low, high = METRICS[name].range
            assert low is None or values.min() >= low - 1e-6, name
            assert high is None or values.max() <= high + 1e-6, name


def test_probabilities_of_the_two_classes_sum_to_one_at_every_point(pets):
    curves = curves_of(pets)
    total = np.stack(curves["probability"]) + np.stack(curves["probability_other"])
    np.testing.assert_allclose(total, 1, atol=1e-12)
    assert np.stack(curves["fraction"]).shape == (len(curves), STEPS + 1)
    assert len(curves) == IMAGES * 2 * 2 * 2 * 3  # images, methods, layers, roles, curves


def test_curves_of_both_targets_start_and_end_together(pets):
    """All maps of an image share its end points: the photograph and the substrate."""
    curves = curves_of(pets)
    for _, group in curves.groupby(["image_id", "target", "direction", "substrate"]):
        first, last = (np.stack(group["probability"])[:, end] for end in (0, -1))
        assert np.ptp(first) == np.ptp(last) == 0
    images = pd.read_parquet(pets / "images.parquet").set_index("image_id")
    for row in curves[curves["direction"] == "deletion"].itertuples():
        full = images.loc[row.image_id, "probability"][["cat", "dog"].index(row.target)]
        assert row.probability[0] == pytest.approx(full, abs=1e-6)


def test_scores_follow_from_the_curves(pets, read_scores):
    curves = curves_of(pets).set_index(["image_id", "method", "layer", "target", "direction", "substrate"])

    def area(key: tuple[str, ...], direction: str, substrate: str, column: str = "probability") -> float:
        return np.trapezoid(curves.loc[(*key, direction, substrate), column], dx=1 / STEPS)

    for (*key, metric), value in of_methods(read_scores(pets))["value"].items():
        if metric == "deletion_auc":
            assert value == pytest.approx(area(tuple(key), "deletion", "mean"))
        elif metric == "insertion_auc":
            assert value == pytest.approx(area(tuple(key), "insertion", "blur"))
        elif metric == "srg_margin":
            inserted, deleted = (area(tuple(key), d, "blur", "margin") for d in ("insertion", "deletion"))
            assert value == pytest.approx(inserted - deleted)


def test_dispersion_follows_from_the_stored_maps(pets, read_scores):
    frame = read_scores(pets)["value"]
    for path in (pets / "maps").glob("*.safetensors"):
        with safetensors.safe_open(path, "numpy") as file:
            ids, classes = (json.loads(file.metadata()[name]) for name in ("image_ids", "classes"))
            for name in file.keys():  # noqa: SIM118 (not a dict)
                method, layer = name.split("/")
                for image_id, pair in zip(ids, file.get_tensor(name), strict=True):
                    for target, raw in zip(classes, pair.astype(float), strict=True):
                        value = frame[image_id, method, layer, target, "effective_area"]
                        assert raw.min() >= 0
                        if raw.any():
                            assert value == pytest.approx(raw.sum() ** 2 / (raw.size * (raw**2).sum()), rel=1e-5)
                        else:
                            assert np.isnan(value)


def test_the_summary_is_the_mean_of_the_scores(pets, read_scores):
    summary = pd.read_csv(pets / "tables" / "summary.csv").set_index(["method", "layer", "role", "metric"])
    frame = read_scores(pets).reset_index()
    for key, group in frame.groupby(["method", "layer", "role", "metric"]):
        defined = group.sort_values("image_id")["value"].dropna()
        assert summary.loc[key, "n"] == len(defined)
        assert summary.loc[key, "n_undefined"] == len(group) - len(defined)
        if len(defined):
            assert summary.loc[key, "mean"] == pytest.approx(defined.mean())
    key = ("gradcam", "features.11", "right", "effective_area")
    assert summary.loc[key, "n"] == IMAGES
    assert summary.loc[key, ["ci_low", "ci_high"]].isna().all()  # so few images have no interval


def test_lab_picture_of_both_has_no_wrong_class_and_an_animal_per_class(lab, read_scores):
    frame = read_scores(lab)
    both = frame.loc["both.jpg"]
    assert set(both["role"]) == {"present"}
    assert set(both["label"]) == {"cat+dog"}
    share = of_methods(both).xs("own_animal_share", level="metric")["value"]
    assert len(share) == 4  # two methods, two classes
    assert share.between(0, 1).all()
    curves = curves_of(lab)
    assert set(curves.loc[curves["image_id"] == "both.jpg", "target"]) == {"cat", "dog"}
    assert set(curves.loc[curves["image_id"] == "cat.jpg", "role"]) == {"right"}
    assert set(frame.loc["cat.jpg", "predicted"]) == {"cat"}
