"""The whole job: maps of two methods, deletion and insertion, mass in the mask, a table."""

import pandas as pd
import torch
from contest import OURS, Contest, Entry
from quantus import RelevanceMassAccuracy
from setting import BATCH, LAYER, SIDE, STEPS, Setting
from torchcam.methods import GradCAM, LayerCAM
from torchcam.metrics import DeletionInsertionMetric

from bench import evaluate
from metrics.substrates import blur_substrate

COUNT = 4


def ours(of: Setting) -> pd.DataFrame:
    """Means per method, from curves on one substrate."""
    result = evaluate(
        of.classifier, of.images[:COUNT], of.labels[:COUNT], masks=of.masks[:COUNT], layers=[LAYER],
        methods=("gradcam", "layercam"), metrics=("srg_probability", "energy_in_mask"), protocols=("srg",),
        controls="none", steps=STEPS, batch_size=BATCH,
    )  # fmt: skip
    result.summary()
    result.comparison()
    areas = result.curves.assign(auc=result.curves["probability"].map(_area)).groupby(["method", "direction"])["auc"]
    found = areas.mean().unstack("direction")
    energy = result.scores.query("metric == 'energy_in_mask' and role == 'right'").groupby("method")["value"].mean()
    return found.assign(energy=energy)


def _area(values: list[float]) -> float:
    return float(torch.trapezoid(torch.as_tensor(values, dtype=torch.float64), dx=1 / STEPS))


def theirs(of: Setting) -> pd.DataFrame:
    """torch-cam's maps and curves in one batch, Quantus' relevance mass accuracy, pandas: the fastest that we found."""
    images, labels = of.images[:COUNT], of.labels[:COUNT].tolist()
    masks = (of.masks[:COUNT, None] == 1).numpy()
    known = (of.masks[:COUNT, None] != 255).float()
    rows = {}
    for name, kind in (("gradcam", GradCAM), ("layercam", LayerCAM)):
        with kind(of.classifier, of.layer) as extract:
            metric = DeletionInsertionMetric(
                extract, lambda logits: logits.softmax(dim=-1), steps=STEPS, batch_size=BATCH,
                baseline=lambda pictures: blur_substrate(pictures, of.classifier.checkpoint.preprocess.mean),
            )  # fmt: skip
            metric.update(images.clone().requires_grad_(), labels)
            scores = of.classifier(images.clone().requires_grad_())
            maps = extract(labels, scores, normalized=False)[0].detach()[:, None].relu()
        large = torch.nn.functional.interpolate(maps, (SIDE, SIDE), mode="bilinear", align_corners=False) * known
        mass = RelevanceMassAccuracy(abs=False, normalise=False, disable_warnings=True)(
            model=of.classifier, x_batch=images.numpy(), y_batch=of.labels[:COUNT].numpy(), a_batch=large.numpy(),
            s_batch=masks, device="cpu",
        )  # fmt: skip
        found = metric.summary()
        rows[name] = {
            "deletion": found["deletion_auc"],
            "insertion": found["insertion_auc"],
            "energy": sum(mass) / COUNT,
        }
    return pd.DataFrame(rows).T


def contests(of: Setting) -> list[Contest]:
    title = f"whole job: {COUNT} photographs, Grad-CAM and LayerCAM, both curves, mass in the mask, table"
    entries = [
        Entry(OURS, lambda: ours(of), "with rows per image and a paired verdict"),
        Entry("torch-cam and Quantus", lambda: theirs(of), "ties ordered by place; means alone"),
    ]
    return [Contest(title, COUNT, entries, same_tables, {"torch-cam and Quantus": 5}, 2)]


def same_tables(one: pd.DataFrame, other: pd.DataFrame) -> str:
    difference = (one - other[one.columns]).abs().to_numpy().max()
    return f"{difference:.0e} at most (means)"
