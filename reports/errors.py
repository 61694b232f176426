"""What the reports raise."""

import errno
from pathlib import Path


class ReportError(ValueError):
    """A folder that no report can be made of; the message says why and what to do."""


def regular(path: Path) -> Path:
    """The path of a file that can be read to its end: a pipe in its place would be waited for without end.

    Raises:
        OSError: a pipe, folder, socket or device; what is not there is for opening to say.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return path
