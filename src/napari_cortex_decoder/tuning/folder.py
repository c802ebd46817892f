"""What a fine-tune leaves in its run folder: how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_json, write_json
from napari_cortex_decoder.runs import RunFolder
from napari_cortex_decoder.runs.folder import CANCEL
from napari_cortex_decoder.tuning.progress import Epoch, TuneProgress
from napari_cortex_decoder.tuning.result import FineTuneResult


class FineTuneFolder(RunFolder):
    """The run folder of one fine-tune.

    Parameters
    ----------
    path
        The folder; made by `claim`.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "fine-tune")
        self.result_file = self.path / "result.json"

    def checked(self, line: Any) -> dict[str, Any]:
        """Return a line of the progress if it says how far a fine-tune is."""
        checked = super().checked(line)
        try:
            _event(checked)
        except (TypeError, KeyError) as reason:
            raise ValueError(line) from reason
        return checked

    def told(self) -> tuple[TuneProgress, ...]:
        """Read all that was told, oldest first."""
        return tuple(map(_event, self.progress()))

    def tell_of(self, event: TuneProgress) -> None:
        """Append to the progress.

        Raises
        ------
        TrainingError
            If the disk is full.
        """
        epoch = None if event.epoch is None else vars(event.epoch)
        self.tell({**vars(event), "epoch": epoch})

    def keep(self, result: FineTuneResult) -> None:
        """Leave decoder and result, the result last, as it says that all is there; then sweep up.

        Raises
        ------
        TrainingError, DecoderError
            If the disk is full.
        """
        result.decoder.save(self.decoder_file)
        write_json(self.result_file, result.as_dict(), TrainingError)
        self.remove(CANCEL)
        self.remove_within("work")

    def result(self) -> FineTuneResult:
        """Read the result.

        Raises
        ------
        TrainingError, DecoderError
            If there is none, or it is damaged.
        """
        said = read_json(self.result_file, TrainingError)
        return FineTuneResult.from_dict(
            load_decoder(self.decoder_file), said, str(self.result_file)
        )


def _event(line: dict[str, Any]) -> TuneProgress:
    said = dict(line)
    epoch = said.pop("epoch")
    event = TuneProgress(**said, epoch=None if epoch is None else Epoch(**epoch))
    if not (isinstance(event.done, int) and isinstance(event.total, int)):
        raise TypeError(line)
    return event
