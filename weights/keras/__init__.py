"""Keras' files of a VGG16 as ours: read without Keras and without running anything that lies in them."""

from weights.keras.converting import PREPROCESSING, Converted, convert

__all__ = ["PREPROCESSING", "Converted", "convert"]
