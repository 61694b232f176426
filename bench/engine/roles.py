"""Which map of an image is asked what: right, wrong, present, or nothing."""

import numpy as np
from torch import Tensor


def role_names(present: Tensor, rivals: Tensor) -> np.ndarray:
    """Role of every row b * K + k, (B * K,).

    On an image of one class its own map is `right` and its rival's `wrong`; on an image of several classes the map of
    each is `present`. Every other map has no role, "".

    Args:
        present: classes visible in the image, (B, K) bool.
        rivals: the class that each class is held against, (B, K).
    """
    several = (present.sum(dim=1, keepdim=True) > 1).numpy()
    shown = present.numpy()
    own = shown.argmax(axis=1)[:, None]
    rival = np.take_along_axis(rivals.numpy(), own, axis=1)
    wrong = ~several & (np.arange(shown.shape[1]) == rival)
    names = np.where(shown, np.where(several, "present", "right"), np.where(wrong, "wrong", ""))
    return np.asarray(names).reshape(-1)
