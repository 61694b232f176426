"""What goes through a pipe between processes: copies, nothing shared that a dead process takes with it."""

import io
import pickle
import traceback
from typing import Any

import torch
from torch import Tensor

from datasets.content import described


def packed(kind: str, content: Any) -> memoryview:
    """A word and anything that can be pickled, as bytes; an exception is noted with its traceback."""
    if isinstance(content, Exception):
        content = _sendable(content)
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=5).dump((kind, content))
    return buffer.getbuffer()


def unpacked(parcel: bytes) -> tuple[str, Any]:
    """What was packed."""
    kind, content = pickle.loads(parcel)
    return kind, content


class _Pickler(pickle.Pickler):
    """Copies tensors, where torch would send a handle to shared memory."""

    def reducer_override(self, what: Any) -> Any:
        return (torch.from_numpy, (what.numpy(),)) if isinstance(what, Tensor) else NotImplemented


def _sendable(error: Exception) -> Exception:
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception as problem:  # an exception can refuse this with any other
        return RuntimeError(f"{described(error)} (which cannot be sent: {described(problem)})")
    return error
