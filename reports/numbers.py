"""Numbers as text, the same in tables, figures and pages."""

import math


def interval_text(mean: float, low: float, high: float) -> str:
    """0.200 [0.170, 0.230], or what is known of it."""
    return number(mean) if math.isnan(low) else f"{number(mean)} [{low:.3f}, {high:.3f}]"


def number(value: float) -> str:
    """0.200, or undefined."""
    return "undefined" if math.isnan(value) else f"{value:.3f}"
