"""A backend of matplotlib for `savefig(backend="module://reports.figures.svg")`: its SVG, pictures packed quickly.

matplotlib packs every picture inside an SVG as tightly as it can, which takes a second for a sheet of photographs.
"""

import base64
import codecs
import io
from typing import Any

from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.transforms import Affine2D, Affine2DBase
from PIL import Image

LEVEL = 1  # of compression


class FigureCanvas(FigureCanvasSVG):
    """The canvas that `savefig` looks for."""

    def print_svg(self, filename: io.BytesIO, *, metadata: Any = None, **_: Any) -> None:
        """Draws the figure; what else `savefig` says is set in the figure already."""
        dpi, self.figure.dpi = self.figure.dpi, 72
        width, height = self.figure.get_size_inches()
        text = codecs.getwriter("utf-8")(filename)
        svg = _Renderer(width * 72, height * 72, text, image_dpi=dpi, metadata=metadata)
        renderer = MixedModeRenderer(self.figure, width, height, dpi, svg)
        self.figure.draw(renderer)  # type: ignore[arg-type]
        renderer.finalize()


class _Renderer(RendererSVG):
    def draw_image(
        self, gc: GraphicsContextBase, x: float, y: float, im: Any, transform: Affine2DBase | None = None
    ) -> None:
        """A picture (h, w, 4), the corner of its first row at x, y, or where the transform says."""
        height, width = im.shape[:2]
        if not height or not width:
            return
        buffer = io.BytesIO()
        Image.fromarray(im).save(buffer, "png", compress_level=LEVEL)
        scale = 72 / self.image_dpi
        unit = Affine2D().scale(scale) if transform is None else Affine2D().scale(1 / width, 1 / height) + transform
        placed = unit + Affine2D().translate(x, y).scale(1, -1).translate(0, self.height)
        (a, c, e), (b, d, f) = placed.get_matrix()[:2]
        attributes = {
            "xlink:href": f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}",
            "id": self._make_id("image", buffer.getvalue()),
            "width": f"{width}",
            "height": f"{height}",
            "transform": f"matrix({' '.join(f'{value:.6f}' for value in (a, b, c, d, e, f))})",
        }
        if transform is not None:
            attributes["style"] = "image-rendering:crisp-edges;image-rendering:pixelated"
        clip = self._get_clip_attrs(gc)
        if clip:
            self.writer.start("g", **clip)
        self.writer.element("image", attrib=attributes)
        if clip:
            self.writer.end("g")
