"""Numbers as text, the same in tables, figures and pages."""

import math

FEW = 8  # images below which there is no interval (metrics.statistics.moments)


def interval_text(mean: float, low: float, high: float, n: float | None = None) -> str:
    """0.200 [0.170, 0.230], or what is known of it; with the number of values also why there is no interval."""
    if not math.isnan(low):
        return f"{number(mean)} [{low:.3f}, {high:.3f}]"
    if n is None or math.isnan(mean):
        return number(mean)
    return f"{number(mean)} ({f'n < {FEW}' if n < FEW else 'too few differ'}: no interval)"


def number(value: float) -> str:
    """0.200, or undefined."""
    return "undefined" if math.isnan(value) else f"{value:.3f}"
