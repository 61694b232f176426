"""Images in: adapters list records, one loader decodes, resizes and batches them."""

from datasets.files import files
from datasets.folder import folder
from datasets.loader import Batch, load_batches
from datasets.manifest import manifest
from datasets.oxford_pet import oxford_iiit_pet
from datasets.records import Box, Dataset, DatasetError, Record, Skipped
from datasets.synthetic import synthetic

__all__ = ["DATASETS", "ROOTLESS", "Batch", "Box", "Dataset", "DatasetError", "Record", "Skipped", "load_batches"]

DATASETS = {
    "oxford-iiit-pet": oxford_iiit_pet,
    "folder": folder,
    "files": files,
    "manifest": manifest,
    "synthetic": synthetic,
}

ROOTLESS = ("synthetic",)  # adapters that need no --data-root
