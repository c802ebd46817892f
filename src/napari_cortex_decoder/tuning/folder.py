"""What a fine-tune leaves in its run folder: how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_json, write_json
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.runs import RunFolder
from napari_cortex_decoder.runs.marker import CANCEL
from napari_cortex_decoder.tuning.epoch import epoch_of
from napari_cortex_decoder.tuning.result import FineTuneResult


class FineTuneFolder(RunFolder):
    """The run folder of one fine-tune."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "fine-tune")
        self.result_file = self.path / "result.json"

    def read_line(self, line: Any) -> Progress:
        """Return what a line of the progress tells, an epoch only if it is one."""
        event = super().read_line(line)
        epoch_of(event)
        return event

    def keep(self, result: FineTuneResult) -> None:
        """Leave decoder and result, the result last, as it says that all is there; then sweep up.

        Raises TrainingError or DecoderError if the disk is full.
        """
        result.decoder.save(self.decoder_file)
        write_json(self.result_file, result.as_dict(), TrainingError)
        self.remove(CANCEL)
        self.remove_within("work")

    def result(self) -> FineTuneResult:
        """Read the result.

        Raises TrainingError or DecoderError if there is none, or it is damaged.
        """
        said = read_json(self.result_file, TrainingError)
        return FineTuneResult.from_dict(
            load_decoder(self.decoder_file), said, str(self.result_file)
        )
