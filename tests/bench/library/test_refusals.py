"""Options, networks and functions that cannot be used: one line each, a ValueError."""

import pytest
import torch
from torch import nn

NET = nn.Sequential(nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 3}, "steps is 3, expected an even number"),
        ({"steps": "many"}, "steps is 'many', expected"),
        ({"batch_size": 0}, "batch-size is 0, expected"),
        ({"seed": -1}, "seed is -1, expected"),
        ({"controls": "some"}, "controls is 'some', expected one of none, cheap, sampled, all"),
        ({"targets": ("left",)}, "unknown target 'left'"),
        ({"protocols": ("rize",)}, "unknown protocol 'rize' (did you mean 'rise'?)"),
        ({"device": "gpu"}, "device is 'gpu', expected auto, cpu, cuda or cuda:N"),
        ({"layers": ["features.9"]}, "unknown layer 'features.9'"),
        ({"methods": ["gradcan"]}, "unknown method 'gradcan' (did you mean 'gradcam'?)"),
        ({"methods": [3]}, "method is '3', expected a name, a function or a cam.Method"),
        ({"methods": 3}, "methods or metrics are a int, expected a list of names or functions"),
        ({"methods": ["gradcam", "gradcam"]}, "method 'gradcam' is given twice"),
        ({"methods": ["truth"]}, "method 'truth' needs drawn scenes"),
        ({"methods": [lambda activations: activations]}, "method '<lambda>' returned"),
        ({"methods": [lambda x: x]}, "asks for an unknown input 'x'"),
        ({"metrics": ["effective_aera"]}, "unknown metric 'effective_aera' (did you mean 'effective_area'?)"),
        ({"metrics": ["energy_in_mask"]}, "metric 'energy_in_mask' needs 'mask': give masks="),
        ({"metrics": ["energy_in_face"]}, "metric 'energy_in_face' needs 'face': images in memory have none"),
        ({"metrics": [lambda raw: raw]}, "metric '<lambda>' returned"),
        ({"classes": ("cat", "dog")}, "3 outputs"),
        ({"classes": "cat,dog,fox"}, "classes are the text 'cat,dog,fox', expected a list of names"),
        ({"groups": {"cat": 0, "dog": 1}}, "classes and groups both name the classes"),
        ({"mean": (120, 110, 100)}, "images are in [0, 1]; divide mean and std by 255"),
        ({"mean": "grey"}, "mean is grey, expected three numbers"),
        ({"std": (0, 1, 1)}, "std is"),
        ({"maps": {"theirs": torch.zeros(5, 2, 4, 4)}}, "have the shape (5, 2, 4, 4), expected (5, 3, h, w)"),
        (
            {"maps": {"theirs": torch.zeros(4, 3, 4, 4)}},
            "there are maps 'theirs' of 4 images, and none of image '000004'",
        ),
        ({"maps": {"theirs": torch.zeros(6, 3, 4, 4)}}, "maps are of 6 images, 5 were given"),
        ({"maps": {"gradcam": torch.zeros(5, 3, 4, 4)}}, "maps are named 'gradcam'"),
        ({"maps": [1]}, "maps are a list, expected a dict"),
        ({"maps": {"theirs": "maps.npz"}}, "maps 'theirs' are a str"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(score, options, said):
    with pytest.raises(ValueError) as caught:
        score(**options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("resnet18", "model is a str, expected a torch.nn.Module"),
        (nn.Sequential(*NET, nn.Softmax(dim=1)), "ends in softmax"),
        (nn.Sequential(nn.Conv2d(4, 3, 3)), "takes 4 channels, images are RGB"),
        (nn.Flatten(), "outputs"),
    ],
)
def test_networks_that_cannot_be_are_refused_in_one_line(score, images, labels, network, said):
    with pytest.raises(ValueError) as caught:
        score(network, images, labels, layers=["0"])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
