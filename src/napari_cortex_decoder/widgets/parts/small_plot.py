"""A small plot with two axes, without menu and mouse: for curves and bars in a section."""

from __future__ import annotations

import pyqtgraph as pg
from napari import current_viewer
from napari.utils.theme import get_theme

from napari_cortex_decoder.widgets.parts.colors import Color, legible


def seen(color: Color) -> Color:
    """Return a color as a line, or text, is seen in on the theme of the window."""
    viewer = current_viewer()
    background = get_theme("dark" if viewer is None else viewer.theme).background
    return legible(color, background.as_rgb_tuple()[:3])


class SmallPlot(pg.GraphicsLayoutWidget):
    """Axes at the left and below, with what they count, around one view.

    Not `pyqtgraph.PlotWidget`: the forms of its menu are windows of their own that outlive it.
    """

    def __init__(self, bottom: str = "", left: str = "") -> None:
        super().__init__()
        self.setBackground(None)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustIgnored)
        self.view: pg.ViewBox = self.addViewBox(
            row=0, col=1, enableMouse=False, enableMenu=False, defaultPadding=0.02
        )
        self.left = pg.AxisItem("left", linkView=self.view)
        self.bottom = pg.AxisItem("bottom", linkView=self.view)
        for axis, title in ((self.left, left), (self.bottom, bottom)):
            axis.enableAutoSIPrefix(False)  # "loss (x0.001)" is not what anybody reads
            axis.setLabel(title)
        self.addItem(self.left, row=0, col=0)
        self.addItem(self.bottom, row=1, col=1)
