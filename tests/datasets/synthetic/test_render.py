from dataclasses import replace

import numpy as np
import pytest

from datasets.drawn import PART_NAMES
from datasets.synthetic import KINDS, render, sample_scene


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_scene_gives_the_same_pixels(kind):
    one, other = render(sample_scene(kind, 5)), render(sample_scene(kind, 5))
    assert one.picture.shape == (224, 224, 3)
    assert one.picture.dtype == np.uint8
    assert np.array_equal(one.picture, other.picture)
    assert np.array_equal(one.parts, other.parts)


@pytest.mark.parametrize("index", range(8))
def test_every_part_is_seen_and_parts_do_not_overlap(index):
    rendered = render(sample_scene("one", index))
    masks = [rendered.mask(part) for part in PART_NAMES]
    assert all(mask.any() for mask in masks)
    assert (np.sum(masks, axis=0) == rendered.mask("animal")).all()
    assert rendered.mask("head").sum() == sum(rendered.mask(p).sum() for p in PART_NAMES if p not in ("body", "tail"))


def test_two_animals_have_masks_of_their_own():
    scene = sample_scene("both", 1)
    rendered = render(scene)
    first, second = rendered.mask("animal", 0), rendered.mask("animal", 1)
    assert first.any()
    assert second.any()
    assert not (first & second).any()
    centres = [np.argwhere(rendered.mask("head", number)).mean(axis=0)[1] for number in (0, 1)]
    assert centres == pytest.approx([animal.x for animal in scene.animals], abs=12)


def test_a_scene_without_animals_has_no_masks():
    assert not render(sample_scene("neither", 0)).parts.any()


def changed(one, other) -> np.ndarray:
    return (one.picture != other.picture).any(axis=2)


def grown(mask: np.ndarray) -> np.ndarray:
    """The mask and the pixels beside it, which supersampling blends with it."""
    padded = np.pad(mask, 1)
    return np.any([np.roll(padded, shift, (0, 1)) for shift in np.ndindex(3, 3)], axis=0)[2:, 2:]


@pytest.mark.parametrize("part", [*PART_NAMES, "head"])
@pytest.mark.parametrize("index", [0, 1])
def test_removing_a_part_changes_its_pixels_and_no_others(part, index):
    scene = sample_scene("one", index)
    before, after = render(scene), render(scene.remove(part))
    assert not after.mask(part).any()
    difference = changed(before, after)
    least = 0.5 if part in ("skull", "head") else 0.8  # the neck that is seen then has the same coat
    assert difference[before.mask(part)].mean() > least
    if part != "body":  # its shadow goes with it
        assert not (difference & ~grown(before.mask(part))).any()


def test_the_body_is_drawn_the_same_whatever_the_class():
    """Without their heads a scene and its twin of the other class are the same picture."""
    for index in range(6):
        scene = sample_scene("one", index)
        other = "dog" if scene.animals[0].class_name == "cat" else "cat"
        twin = replace(scene, animals=(replace(scene.animals[0], class_name=other),))
        assert np.array_equal(render(scene.remove("head")).picture, render(twin.remove("head")).picture)
        assert changed(render(scene), render(twin)).any()


def test_swapping_the_head_gives_the_twin_of_the_other_class():
    scene = sample_scene("one", 2)
    twin = replace(scene, animals=(replace(scene.animals[0], class_name="dog"),))
    assert np.array_equal(render(scene.swap("head")).picture, render(twin).picture)


def test_without_background_leaves_the_animal():
    scene = sample_scene("one", 3)
    alone = render(scene.without_background())
    assert (alone.mask("animal") | ~render(scene).mask("animal")).all()  # occluders are gone too
    background = alone.picture[alone.parts == 0]
    assert background.std(axis=0).max() < 30
