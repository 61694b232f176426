import json

import numpy as np
import pandas as pd
import pytest

from reports import Run
from reports.tables.controls import control_table, unbeaten

CONTROLS = ("control_sobel", "control_negated_gradcam")


@pytest.fixture
def controlled(make_run):
    """Grad-CAM has energy 0.6, LayerCAM 0.4, Sobel 0.5, each with a little noise of its own."""
    folder = make_run({f"{i}.jpg": ("cat", "dog")[i % 2] for i in range(12)}, ("gradcam", "layercam", *CONTROLS))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["controls"] = {name: {"title": name.removeprefix("control_"), "meaning": ""} for name in CONTROLS}
    manifest["methods"] = {name: entry for name, entry in manifest["methods"].items() if name not in CONTROLS}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    scores = pd.read_parquet(folder / "scores.parquet")
    level = scores["method"].map(
        {"gradcam": 0.6, "layercam": 0.4, "control_sobel": 0.5, "control_negated_gradcam": 0.1}
    )
    rows = scores["metric"] == "energy_in_mask"
    scores.loc[rows, "value"] = (level + np.random.default_rng(0).normal(0, 0.01, len(scores)))[rows]
    scores.to_parquet(folder / "scores.parquet")
    return Run(folder)


def test_who_beats_whom(controlled):
    table = control_table(controlled).set_index(["method", "control", "metric"])["beats"]
    assert table["gradcam", "control_sobel", "energy_in_mask"] == "yes"
    assert table["layercam", "control_sobel", "energy_in_mask"] == "no"
    assert table["gradcam", "control_negated_gradcam", "energy_in_mask"] == "yes"
    assert ("layercam", "control_negated_gradcam", "energy_in_mask") not in table.index


def test_it_is_said_in_words(controlled):
    table = control_table(controlled)
    table = table[table["metric"] == "energy_in_mask"]
    assert unbeaten(controlled, table) == [
        "Gradcam beats every control.",
        "Layercam does not beat every control: energy in mask of the right class (sobel).",
    ]


def test_a_control_without_a_value_was_not_tried_and_is_not_beaten(controlled):
    path = controlled.folder / "scores.parquet"
    scores = pd.read_parquet(path)
    tried = ~(scores["method"].eq("control_sobel") & scores["metric"].eq("srg_probability"))
    scores[tried].to_parquet(path)
    run = Run(controlled.folder)
    table = control_table(run)
    row = table.set_index(["method", "control", "metric"]).loc["gradcam", "control_sobel", "srg_probability"]
    assert (row["beats"], row["n"], row["n_undefined"]) == ("not tried", 0, 0)
    sentences = unbeaten(run, table[table["metric"].isin(["energy_in_mask", "srg_probability"])])
    assert all("Not tried on srg probability: --controls all does." in sentence for sentence in sentences)
    assert not any("beats every control." in sentence for sentence in sentences)


def test_a_control_that_was_asked_on_some_images_is_compared_on_them(controlled):
    path = controlled.folder / "scores.parquet"
    scores = pd.read_parquet(path)
    sobel = scores["method"].eq("control_sobel") & scores["metric"].eq("energy_in_mask")
    asked = scores["image_id"].isin([f"{i}.jpg" for i in range(9)])
    scores.loc[sobel & scores["image_id"].eq("0.jpg"), "value"] = np.nan
    scores[~sobel | asked].to_parquet(path)
    table = control_table(Run(controlled.folder)).set_index(["method", "control", "metric"])
    row = table.loc["gradcam", "control_sobel", "energy_in_mask"]
    assert (row["n"], row["n_undefined"], row["beats"]) == (8, 1, "yes")
    assert table.loc["gradcam", "control_negated_gradcam", "energy_in_mask"]["n"] == 12


def test_the_other_tables_show_methods_alone(controlled):
    assert set(controlled.scores["method"]) == {"gradcam", "layercam"}
    assert set(controlled.all_scores["method"]) == {"gradcam", "layercam", *CONTROLS}
    assert controlled.title("control_sobel") == "sobel"
