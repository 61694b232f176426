from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets import DATASETS, DatasetError, load_batches
from datasets.synthetic import render, sample_scene

synthetic = DATASETS["synthetic"]
OPTIONS = {"resize": 224, "crop": 224, "classes": ("cat", "dog")}


def test_the_default_is_a_mix_of_64_scenes():
    records = synthetic().records
    assert Counter(record.image_id.split("/")[0] for record in records) == {"one": 40, "both": 16, "distractors": 8}
    assert Counter(record.label for record in records) == {"cat": 24, "dog": 24, "cat+dog": 16}
    assert len(synthetic(split="one").records) == 1000


def test_batches_hold_the_picture_and_the_masks_of_the_scene():
    records = [record for record in synthetic().records if record.image_id in ("one/000003", "both/000001")]
    batch = next(load_batches(records, [[0, 1]], **OPTIONS))
    one, both = render(sample_scene("one", 3)), render(sample_scene("both", 1))
    assert np.array_equal(batch.images[0].permute(1, 2, 0).numpy(), one.picture)
    assert batch.present.tolist() == [[False, True], [True, True]]
    for target in (0, 1):
        assert np.array_equal(batch.masks[0, target].numpy(), one.mask("animal"))
        assert np.array_equal(batch.faces[0, target].numpy(), one.mask("head"))
        number = 1 - target  # scene 1 of both: the first animal is the dog
        assert np.array_equal(batch.masks[1, target].numpy(), both.mask("animal", number))
        assert np.array_equal(batch.faces[1, target].numpy(), both.mask("head", number))


def test_worker_processes_draw_the_same():
    records = synthetic().records[:4]
    here, there = (next(load_batches(records, [[0, 1, 2, 3]], workers=count, **OPTIONS)) for count in (0, 1))
    assert torch.equal(here.images, there.images)
    assert torch.equal(here.masks, there.masks)


def test_fingerprint_depends_on_the_scenes_alone():
    assert synthetic().fingerprint() == synthetic().fingerprint()
    prints = {synthetic(split=kind).limited(4).fingerprint() for kind in ("one", "both", "correlated")}
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"split": "neither"}, "split is 'neither', expected train or one of one, both"),
        ({"root": Path()}, "leave --data-root and --download out"),
        ({"download": True}, "leave --data-root and --download out"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(DatasetError, match=said):
        synthetic(**arguments)
