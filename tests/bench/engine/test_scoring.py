import torch

from bench.engine import Stopwatch
from bench.engine.roles import role_names


def test_roles_of_one_and_of_two_animals():
    """Rows are image by image, target by target: a cat, a dog, both."""
    present = torch.tensor([[True, False], [False, True], [True, True]])
    assert role_names(present, torch.tensor([[1, 0]] * 3)).tolist() == [
        "right",
        "wrong",
        "wrong",
        "right",
        "present",
        "present",
    ]


def test_of_three_classes_the_strongest_other_is_wrong_and_the_third_has_no_role():
    present = torch.tensor([[True, False, False], [True, True, False]])
    rivals = torch.tensor([[2, 2, 0], [1, 0, 0]])
    assert role_names(present, rivals).tolist() == ["right", "", "wrong", "present", "present", ""]


def test_stopwatch_adds_stages_and_the_models_part_of_them(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(now)))
    watch = Stopwatch(torch.device("cpu"))
    for _ in range(2):
        with watch.stage("perturbation"), watch.model():  # 0 and 3, 1 and 2
            pass
    assert dict(watch.seconds) == {"perturbation": 6.0, "model": 2.0}
