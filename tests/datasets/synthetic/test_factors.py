from dataclasses import replace

import numpy as np
import pytest

from datasets import DatasetError
from datasets.synthetic import KINDS, sample_scene


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_is_the_same_in_any_order(kind):
    forwards = [sample_scene(kind, index) for index in range(6)]
    backwards = [sample_scene(kind, index) for index in reversed(range(6))][::-1]
    assert forwards == backwards
    assert len({repr(scene) for scene in forwards}) == 6
    assert sample_scene(kind, 3, seed=1) != forwards[3]


def test_kinds_show_the_animals_they_name():
    for index in range(6):
        assert [a.class_name for a in sample_scene("one", index).animals] == [("cat", "dog")[index % 2]]
        assert {a.class_name for a in sample_scene("both", index).animals} == {"cat", "dog"}
        assert sample_scene("neither", index).animals == ()
    kinds = {prop.kind for index in range(9) for prop in sample_scene("distractors", index).clutter}
    assert kinds >= {"triangles", "dots", "strokes"}


def factors(index: int) -> list[float]:
    scene = sample_scene("one", index)
    (animal,) = scene.animals
    names = [animal.radius, animal.x, animal.y, animal.tilt, animal.side, *animal.coat, *animal.second]
    poses = [animal.pose == "sitting", animal.pose == "lying", animal.pattern == "plain", animal.pattern == "stripes"]
    return [*names, *poses, *scene.wall, *scene.floor, scene.horizon, len(scene.clutter), len(scene.occluders)]


def test_nothing_but_the_head_follows_the_class():
    """Means of every factor over 3,000 cats and 3,000 dogs differ by no more than chance allows (|z| < 4)."""
    values = np.array([factors(index) for index in range(6000)], dtype=float)
    cats, dogs = values[0::2], values[1::2]
    z = (cats.mean(0) - dogs.mean(0)) / np.sqrt((cats.var(0) + dogs.var(0)) / 3000)
    assert np.abs(z).max() < 4
    assert values.std(axis=0).min() > 0  # every factor varies


def test_correlated_backgrounds_follow_the_class():
    colours = np.array([sample_scene("correlated", index).wall for index in range(200)], dtype=float)
    red_minus_green = colours[:, 0] - colours[:, 1]
    assert red_minus_green[0::2].min() > red_minus_green[1::2].max()


def test_heads_span_one_to_six_cells_of_the_last_conv_layer():
    diameters = np.array([2 * sample_scene("one", index).animals[0].radius / 16 for index in range(500)])
    assert 1 <= diameters.min() < 2
    assert 5 < diameters.max() <= 6


def test_remove_and_swap_touch_one_part_of_one_animal():
    scene = sample_scene("both", 0)
    removed = scene.remove("ears", animal=1)
    assert removed.animals[0] == scene.animals[0]
    assert removed.animals[1] == replace(scene.animals[1], removed=frozenset({"ears"}))
    assert scene.remove("head").animals[0].removed == {"skull", "ears", "eyes", "muzzle", "whiskers"}
    swapped = scene.swap("muzzle")
    assert swapped.animals[0].drawn_as("muzzle") != scene.animals[0].class_name
    assert swapped.animals[0].drawn_as("ears") == scene.animals[0].class_name
    assert swapped.swap("muzzle") == scene


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda: sample_scene("two", 0), "scene kind is 'two', expected one of one, both"),
        (lambda: sample_scene("one", -1), "index and seed are -1 and 0"),
        (lambda: sample_scene("one", 0).remove("wing"), "part is 'wing', expected one of head"),
        (lambda: sample_scene("one", 0).remove("ears", 1), "animal is 1, but the scene has 1"),
        (lambda: sample_scene("neither", 0).remove("head"), "animal is 0, but the scene has 0"),
        (lambda: sample_scene("one", 0).swap("body"), "part 'body' is the same for both classes"),
        (lambda: sample_scene("one", 0).swap("animal"), "part 'animal' is the same"),
    ],
)
def test_impossible_factors_are_refused(attempt, said):
    with pytest.raises(DatasetError, match=said):
        attempt()
