import numpy as np
import pytest
import safetensors.numpy

from reports import Run
from reports.figures.moved import moved_maps, shown_metric


def with_maps(folder, change) -> None:
    path = folder / "maps" / "shard-00000.safetensors"
    with safetensors.safe_open(path, "np") as file:
        metadata, maps = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    safetensors.numpy.save_file({name: change(name, value.copy()) for name, value in maps.items()}, path, metadata)


def test_the_share_of_the_weight_that_lies_elsewhere(write_run, tmp_path):
    first, second = (write_run(tmp_path / name, {"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat+dog"}) for name in "ab")

    def corner(name, maps, place):
        maps[:] = 0
        maps[..., place, 0] = maps[..., 0, 1] = 2.0  # half of the weight stays
        return maps

    with_maps(first, lambda name, maps: corner(name, maps, 1))

    def moved(name, maps):
        maps = corner(name, maps, 1)
        if name.startswith("gradcam"):
            maps[0] = corner(name, maps[:1].copy(), 2)[0]  # a.jpg
            maps[1] = 0  # b.jpg: empty now
        return maps

    with_maps(second, moved)
    table = moved_maps(Run(first), Run(second)).set_index(["image_id", "target", "method"])["moved"]
    assert table["b.jpg", "dog", "gradcam"] == 1
    assert table["a.jpg", "cat", "gradcam"] == pytest.approx(0.5)
    assert table.drop([("b.jpg", "dog", "gradcam"), ("a.jpg", "cat", "gradcam")]).eq(0).all()
    assert list(dict.fromkeys(table.index.get_level_values("image_id"))) == ["b.jpg", "a.jpg", "c.jpg"]
    assert ("c.jpg", "dog", "layercam") in table.index  # each class that a picture shows, and no other
    assert ("a.jpg", "dog", "gradcam") not in table.index


def test_undefined_maps_come_last_and_the_values_are_those_of_the_runs(write_run, tmp_path):
    first, second = (write_run(tmp_path / name) for name in "ab")
    with_maps(second, lambda name, maps: np.full_like(maps, np.nan))
    table = moved_maps(Run(first), Run(second))
    assert table["moved"].isna().all()
    assert shown_metric(Run(first), Run(second)) == "srg_probability"
    scores = Run(second).scores
    row = table.iloc[0]
    own = scores[
        scores["image_id"].eq(row["image_id"]) & scores["method"].eq(row["method"]) & scores["target"].eq(row["target"])
    ]
    assert row["after"] == own.loc[own["metric"].eq("srg_probability"), "value"].item()
