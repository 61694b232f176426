"""Images in: adapters list records, one loader decodes, resizes and batches them."""

from datasets.csvlist import csv_list
from datasets.files import files
from datasets.folder import folder
from datasets.loader import Batch, load_batches
from datasets.matching import matched
from datasets.oxford_pet import oxford_iiit_pet
from datasets.records import Box, Dataset, DatasetError, Record, Skipped
from datasets.synthetic import synthetic

__all__ = [
    "DATASETS", "FORMER", "ROOTLESS", "Batch", "Box", "Dataset", "DatasetError", "Record", "Skipped", "load_batches",
    "matched",
]  # fmt: skip

DATASETS = {
    "oxford-iiit-pet": oxford_iiit_pet,
    "folder": folder,
    "files": files,
    "csv": csv_list,
    "synthetic": synthetic,
}

FORMER = {"manifest": "csv"}  # what adapters were called
ROOTLESS = ("synthetic",)  # adapters that need no --data-root
