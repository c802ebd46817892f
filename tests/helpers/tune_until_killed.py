"""Begin a fine-tune end to end in a window, and stay open: run, and killed, by test_tuning.py.

python tune_until_killed.py MOVIE DECODER
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import napari

from napari_cortex_decoder.widgets.session import workspace_of


def main(movie: Path, decoder: Path) -> None:
    """Open the movie, choose the decoder, begin."""
    viewer = napari.Viewer()
    viewer.window.add_plugin_dock_widget("napari-cortex-decoder", "Cortex Decoder")
    workspace = workspace_of(viewer)

    def fail(error: Exception) -> None:
        traceback.print_exception(error)
        os._exit(1)

    def begin(ethogram: object) -> None:
        if ethogram is not None:
            workspace.choice.offer(decoder)
            workspace.tuning.depth = "end-to-end"
            workspace.tuning.start()

    workspace.failed.connect(fail)
    workspace.labels.events.ethogram.connect(begin)
    workspace.movie.open(movie)
    napari.run()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
