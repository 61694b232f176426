"""Maps that are not finite: what the terminal says of them."""

from typing import Any


def undefined_lines(manifest: dict[str, Any]) -> list[str]:
    """A line per method and layer with maps that hold a NaN or an infinity; none where all are finite."""
    maps = manifest["counts"]["scored"] * len(manifest["checkpoint"]["classes"])
    return [
        f"{method} at {layer}: {count} of {maps} maps hold NaN or infinity; they are undefined and count in no mean"
        for method, layers in manifest.get("undefined_maps", {}).items()
        for layer, count in layers.items()
    ]
