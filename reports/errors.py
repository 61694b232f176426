"""What the reports raise."""


class ReportError(ValueError):
    """A folder that no report can be made of; the message says why and what to do."""
