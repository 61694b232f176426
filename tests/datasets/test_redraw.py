import numpy as np
import pytest
import torch

from datasets import DATASETS, load_batches
from datasets.drawn import BACKGROUND, GROUP_NAMES, PART_NAMES, part_code
from datasets.geometry import fit_of
from datasets.redraw import draw_removals
from datasets.synthetic import render, sample_scene
from datasets.synthetic.adapter import SceneDrawing


def load(classes: tuple[str, str], **options):
    records = {record.image_id: record for record in DATASETS["synthetic"]().records}
    chosen = [records["one/000001"], records["both/000000"]]  # a dog; a cat and a dog
    return next(load_batches(chosen, [range(2)], resize=224, crop=224, classes=classes, **options)), chosen


@pytest.mark.parametrize("classes", [("cat", "dog"), ("dog", "cat")])
def test_parts_are_coded_by_the_place_of_the_class(classes):
    batch, (one, _) = load(classes)
    scene = sample_scene("one", one.drawing.index)
    rendered = render(scene)
    for name in PART_NAMES:
        code = part_code(classes.index("dog"), name)
        assert np.array_equal(batch.parts[0].numpy() == code, rendered.mask(name))
    assert np.array_equal(batch.parts[0].numpy() == BACKGROUND, ~rendered.mask("animal"))
    for place, name in enumerate(classes):
        seen = (batch.parts[1] > 16 * place) & (batch.parts[1] <= 16 * place + len(PART_NAMES))
        assert torch.equal(seen, batch.masks[1, place] == 1)
        head = seen & (batch.parts[1] > 16 * place + 2)
        assert torch.equal(head, batch.faces[1, place] == 1), name


def test_codes_are_all_different():
    codes = [part_code(k, name) for k in range(2) for name in (*PART_NAMES, *GROUP_NAMES)]
    assert len({*codes, BACKGROUND}) == 2 * 9 + 1
    assert max(codes) < 32


def test_removals_are_the_scenes_drawn_again():
    batch, (one, both) = load(("cat", "dog"), removals=True)
    removals = batch.removals
    assert removals.owners.tolist() == [0] * 10 + [1] * 19
    scene = sample_scene("one", one.drawing.index)
    expected = {part_code(1, name): scene.remove(name) for name in (*PART_NAMES, *GROUP_NAMES)}
    expected[BACKGROUND] = scene.without_background()
    for image, code in zip(removals.images[:10], removals.codes[:10].tolist(), strict=True):
        assert np.array_equal(image.permute(1, 2, 0).numpy(), render(expected[code]).picture)
    pair = sample_scene("both", both.drawing.index)
    place = next(number for number, animal in enumerate(pair.animals) if animal.class_name == "cat")
    without = removals.images[10:][removals.codes[10:] == part_code(0, "head")][0]
    assert np.array_equal(without.permute(1, 2, 0).numpy(), render(pair.remove("head", place)).picture)


def test_nothing_is_drawn_again_unless_asked_for():
    assert load(("cat", "dog"))[0].removals is None


def test_images_that_are_not_drawn_have_no_removals():
    removals = draw_removals([None, SceneDrawing("one", 0)], ("cat", "dog"), fit_of(224, 224))
    assert removals.owners.tolist() == [1] * 10
    assert draw_removals([None], ("cat", "dog"), fit_of(224, 224)).images.shape == (0, 3, 224, 224)
