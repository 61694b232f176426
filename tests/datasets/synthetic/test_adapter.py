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
    kinds = Counter(record.image_id.split("/")[0] for record in records)
    assert kinds == {"one": 40, "both": 6, "distractors": 10, "correlated": 8}
    assert Counter(record.label for record in records) == {"cat": 29, "dog": 29, "cat+dog": 6}
    assert len(synthetic(split="one").records) == 1000
    assert Counter(record.label for record in synthetic(split="truth").records) == {
        "cat": 120,
        "dog": 120,
        "cat+dog": 60,
    }


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
        ({"split": "neither"}, "split is 'neither', expected train, train-single, truth, one, both"),
        ({"root": Path()}, "leave --data-root and --download out"),
        ({"download": True}, "leave --data-root and --download out"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(DatasetError, match=said):
        synthetic(**arguments)


def test_training_scenes_are_others_and_lack_things_whatever_the_class():
    records = synthetic(split="train").records
    assert Counter(record.image_id.split("/")[0] for record in records) == {
        "one": 2700, "both": 600, "distractors": 700
    }  # fmt: skip
    assert {record.drawing.seed for record in records} == {1}
    assert {record.drawing.seed for record in synthetic().records} == {0}
    lacking = Counter((record.label, record.drawing.without) for record in records)
    assert all(lacking["cat", without] == lacking["dog", without] for without in ("", "body", "background"))
    assert lacking["neither", "head"] == 700
    assert 0.49 < lacking["cat", ""] / sum(count for (label, _), count in lacking.items() if label == "cat") < 0.52
    headless = [record for record in records if record.drawing.without == "head"]
    assert {record.label for record in headless} == {"neither"}
    assert Counter(record.drawing.scene().animals[0].class_name for record in headless) == {"cat": 350, "dog": 350}


def test_a_scene_that_lacks_something_is_drawn_without_it():
    record = next(record for record in synthetic(split="train").records if record.drawing.without == "body")
    picture = record.drawing.draw().picture
    whole = sample_scene("one", record.drawing.index, 1)
    assert np.array_equal(picture, render(whole.remove("rest")).picture)
