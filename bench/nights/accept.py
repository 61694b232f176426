"""`cambench accept`: a night that is right as it is, whatever was said of it, becomes the reference."""

import json
from pathlib import Path

from bench.errors import ConfigError
from bench.run.manifest import now
from reports import ReportError
from reports.files import write_atomic
from reports.pages.banner import put_banner
from reports.runs.nights import ACCEPTED, DAMAGE, read_night, why


def accept(folder: Path, reason: str) -> Path:
    """Later nights are held against this one, and no longer against those before it.

    Args:
        folder: of the night, or the link to the latest one.
        reason: why it is right; kept in accepted.json beside the verdict and shown in the history.

    Returns:
        The folder.

    Raises:
        ConfigError: no reason.
        ReportError: no night, or one that was not finished.
    """
    if not reason.strip():
        raise ConfigError("why is empty; say why this night is to be the reference, such as --why 'new photographs'")
    if folder.is_file():  # latest, where there are no links
        folder = folder.with_name(folder.read_text(encoding="utf-8").strip())
    folder = folder.resolve()
    try:
        night = read_night(folder)
    except DAMAGE as error:
        raise ReportError(f"'{folder}' cannot be accepted: {why(error)}") from error
    if night.verdict is None:
        raise ReportError(f"'{folder}' has no verdict; give the folder of a night that cambench nightly made")
    content = {"why": reason.strip(), "accepted": now(), "was": night.state}
    write_atomic(folder / ACCEPTED, (json.dumps(content, indent=2) + "\n").encode())
    put_banner(folder)
    return folder
