"""Metrics over other images: the same rows however the images are cut into shards, and those of the definition."""

import numpy as np
import pandas as pd
import pytest
import torch

from bench.engine.tables import SCHEMAS
from bench.library import evaluate
from bench.run.others import NOBODY, other_images
from metrics.lift import OTHERS
from metrics.localisation import energy_in_mask
from metrics.scaling import upsample

COUNT, SIDE = 9, 24
KEY = ["image_id", "layer", "target", "role", "metric"]


class Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5, stride=4), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).mean(dim=(2, 3)))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return Tiny().eval()


def scored(batch_size: int):
    random = torch.Generator().manual_seed(1)
    masks = (torch.rand(COUNT, SIDE, SIDE, generator=random) > 0.7).to(torch.uint8)
    masks[0] = 255
    result = evaluate(
        network(),
        torch.rand(COUNT, 3, SIDE, SIDE, generator=random),
        ["cat"] * 5 + ["dog"] * 4,
        methods=["layercam"],
        metrics=["animal_lift", "effective_area"],
        protocols=("none",),
        controls="none",
        masks=masks,
        batch_size=batch_size,
        ids=[f"picture {number}" for number in range(COUNT)],
    )
    return result, masks


@pytest.fixture(scope="module")
def whole():
    return scored(COUNT)


def lifts(scores: pd.DataFrame) -> pd.Series:
    own = scores[scores["metric"].eq("animal_lift")].astype(dict.fromkeys(KEY, str))
    return own.set_index(KEY)["value"].sort_index()


def test_the_size_of_a_shard_changes_nothing(whole):
    cut, _ = scored(2)
    pd.testing.assert_series_equal(lifts(cut.scores), lifts(whole[0].scores), rtol=1e-5, atol=1e-6)


def test_lift_is_the_energy_minus_the_mean_of_the_label_s_other_maps(whole):
    result, masks = whole
    found = lifts(result.scores)
    labels = {f"picture {number}": "cat" if number < 5 else "dog" for number in range(COUNT)}
    ids = list(labels)
    energies = upsample(torch.from_numpy(next(iter(result.maps.values()))), (SIDE, SIDE))
    assert len(found) == 2 * (COUNT - 1)  # the first picture has no mask
    for (image_id, _, target, _, _), value in found.items():
        number, column = ids.index(image_id), ["cat", "dog"].index(target)
        energy = energy_in_mask(energies[:, column], masks[number].expand(COUNT, -1, -1))
        others = [n for n in range(COUNT) if n != number and labels[ids[n]] == labels[image_id]]
        assert value == pytest.approx(float(energy[number] - energy[others].nanmean()), abs=1e-5, nan_ok=True)
    assert found.notna().any()


def test_nothing_of_the_masks_is_left_in_the_run(whole):
    names = {path.stem for path in whole[0].run.folder.glob("*.parquet")}
    assert names <= {*SCHEMAS}


def test_twelve_others_of_the_same_label_are_drawn_by_the_image_s_name():
    labels = {f"{n:02}": "cat" if n < 30 else "dog" for n in range(33)}
    chosen = other_images(labels, 0)
    backwards = dict(reversed(labels.items()))
    names, again = list(labels), list(backwards)
    for place, name in enumerate(names):
        own = [names[other] for other in chosen[place] if other != NOBODY]
        assert own == [again[other] for other in other_images(backwards, 0)[again.index(name)] if other != NOBODY]
        assert name not in own
        assert {labels[other] for other in own} == {labels[name]}
        assert len(set(own)) == len(own) == (OTHERS if labels[name] == "cat" else 2)
    assert not np.array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[:30], other_images(labels, 1)[:30])
