"""Axes whose ticks take little time: one tick is drawn at all places, where matplotlib makes and lays out one for each.

Most of what a report draws is ticks, and figures have up to a hundred panels.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.backend_bases import RendererBase
from matplotlib.ticker import FixedFormatter, FixedLocator
from matplotlib.transforms import Bbox

from reports.text import shown_lines


def named_ticks(axis: Axis, places: Sequence[float], names: Sequence[str] = ()) -> None:
    """Ticks at these places of an axis and no others; what `set_ticks` does, which makes a tick for each."""
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FixedFormatter(names))


class _OneTick(Axis):
    """An axis with ticks of one look: the first one says which."""

    axis_name: str
    _boxes: list[Bbox]  # of the labels that were drawn last

    def get_children(self) -> list[Any]:
        return [self.label, self.offsetText]

    def set_clip_path(self, path: Any, transform: Any = None) -> None:
        with self._unmade():
            super().set_clip_path(path, transform)

    def set_tick_params(self, which: Any = "major", reset: bool = False, **options: Any) -> None:
        with self._unmade():
            super().set_tick_params(which, reset, **options)

    def draw(self, renderer: RendererBase) -> None:
        """Grid lines as one line, then the labels; axes with minor ticks as matplotlib draws them."""
        if len(self.get_minorticklocs()):
            super().draw(renderer)
        elif self.get_visible():
            renderer.open_group("matplotlib.axis", gid=self.get_gid())
            self._draw_ticks(renderer)
            if self.label.get_text():
                self._update_label_position(renderer)
                self.label.draw(renderer)
            self.offsetText.set_text(self.get_major_formatter().get_offset())
            if self.offsetText.get_text():
                self._update_offset_text_position(self._boxes, [])  # type: ignore[attr-defined]
                self.offsetText.draw(renderer)
            renderer.close_group("matplotlib.axis")
            self.stale = False

    def _draw_ticks(self, renderer: RendererBase) -> None:
        places = np.asarray(self.get_majorticklocs(), dtype=float)
        names = self.get_major_formatter().format_ticks(places)
        low, high = sorted(self.get_view_interval())
        slack = 1e-10 * (high - low)
        shown = [at for at in zip(places, names, strict=True) if low - slack <= at[0] <= high + slack]
        tick = self.majorTicks[0]  # type: ignore[attr-defined]
        along = np.array([place for place, _ in shown])
        for line, start, end in ((tick.gridline, 0, 1), (tick.tick1line, 0, np.nan), (tick.tick2line, 1, np.nan)):
            if line.get_visible():
                across = np.tile([start, end, np.nan], len(along))
                pair = np.repeat(along, 3), across
                line.set_data(*(pair if self.axis_name == "x" else pair[::-1]))
                line.draw(renderer)
        self._boxes = []
        measured = bool(self.label.get_text() or self.get_major_formatter().get_offset())
        for text in (tick.label1, tick.label2):
            for place, name in shown if text.get_visible() else ():
                text.set_text(shown_lines(name))
                (text.set_x if self.axis_name == "x" else text.set_y)(place)
                text.draw(renderer)
                if measured and text is tick.label1:
                    self._boxes.append(text.get_window_extent(renderer))

    def _update_label_position(self, renderer: RendererBase) -> None:
        """Below or left of what was drawn; matplotlib asks every spine, each of which lays out all ticks again."""
        box = Bbox.union([*self._boxes, self.axes.bbox])
        pad = self.labelpad * self.axes.figure.dpi / 72
        if self._autolabelpos:  # type: ignore[attr-defined]
            (self.label.set_y if self.axis_name == "x" else self.label.set_x)(
                (box.y0 if self.axis_name == "x" else box.x0) - pad
            )

    @contextmanager
    def _unmade(self) -> Iterator[None]:
        """Inside, ticks that nobody has needed yet are not made."""
        own = vars(self)
        new = [name for name in ("majorTicks", "minorTicks") if name not in own]
        own.update({name: [] for name in new})
        try:
            yield
        finally:
            for name in new:
                own.pop(name, None)


class _X(_OneTick, XAxis):  # type: ignore[misc]
    """The x axis of `QuickAxes`."""


class _Y(_OneTick, YAxis):  # type: ignore[misc]
    """The y axis of `QuickAxes`."""


class QuickAxes(Axes):
    """Rectangular axes with such ticks; all else is as in matplotlib's."""

    def _init_axis(self) -> None:
        self.xaxis, self.yaxis = _X(self, clear=False), _Y(self, clear=False)
        for axis, sides in ((self.xaxis, ("bottom", "top")), (self.yaxis, ("left", "right"))):
            for side in sides:
                self.spines[side].register_axis(axis)
