"""What a training leaves in its run folder beside what every job does.

``split.json``, ``checkpoints/``, ``cache/`` (removed at the end), ``metrics.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_json, write_json
from napari_cortex_decoder.progress import Progress
from napari_cortex_decoder.runs import RunFolder
from napari_cortex_decoder.training.config import TrainingConfig, parse_config
from napari_cortex_decoder.training.split import Split


class TrainingFolder(RunFolder):
    """The run folder of one training."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "training")
        self.split_file = self.path / "split.json"
        self.metrics_file = self.path / "metrics.json"
        self.cache = self.path / "cache"

    def read_config(self) -> TrainingConfig:
        """Read what the training was asked to do.

        Raises TrainingError if nothing was begun here, or its configuration is damaged.
        """
        asked = self.asked()
        if asked is None:
            raise TrainingError(
                f"{self.path} is no run folder: it holds no config.json; begin the training in a "
                "new folder."
            )
        return parse_config(asked, str(self.config_file))

    def settle(self, config: TrainingConfig) -> None:
        """Keep the configuration of a new training, or see that it is the one begun here.

        Raises TrainingError if it is another one, or the folder holds something else.
        """
        asked = config.model_dump(mode="json")
        if self.asked() is None:
            self.ask(asked)
            return
        begun = self.read_config().model_dump(mode="json")
        different = [name for name in asked if asked[name] != begun[name]]
        if different:
            raise TrainingError(
                f"{self.path} holds a training of another configuration (it differs in "
                f"{', '.join(different)}); choose another folder, or leave out --config to go on "
                "with that one."
            )

    def settle_split(self, split: Split, fingerprints: dict[str, str]) -> None:
        """Keep who does what and which data they are, or see that both are what they were.

        Raises TrainingError if the cohort is not the one that the training began with.
        """
        asked = {"split": split.model_dump(mode="json"), "sessions": fingerprints}
        if not self.split_file.exists():
            write_json(self.split_file, asked, TrainingError)
        elif read_json(self.split_file, TrainingError) != asked:
            raise TrainingError(
                f"{self.path} holds a training on another cohort, or its files have changed since; "
                "begin in a new folder."
            )

    def read_line(self, line: Any) -> Progress:
        """Return what a line of the progress tells; earlier versions had other names for it."""
        if isinstance(line, dict) and "kind" in line:
            stage, done, total = (line.pop(name) for name in ("kind", "step", "steps"))
            line |= {"phase": line["stage"], "stage": stage, "done": done, "total": total}
        event = super().read_line(line)
        if not all(isinstance(event.details[name], (int, float)) for name in ("phase", "seconds")):
            raise ValueError(line)
        return event

    def forget_after(self, phase: float, step: int) -> None:
        """Drop the progress that a killed process told after its last checkpoint."""
        told = self.progress()
        self.write_progress(e for e in told if (e.details["phase"], e.done) <= (phase, step))

    def stage_file(self, stage: int, kind: str) -> Path:
        """Return the place of the weights that a finished stage (from 1) leaves."""
        return self.place(f"checkpoints/{stage}-{kind}.safetensors")

    def checkpoint_file(self, stage: int, kind: str) -> Path:
        """Return the place of the checkpoint of an unfinished stage."""
        return self.place(f"checkpoints/{stage}-{kind}.ckpt")

    def cached_file(self, name: str) -> Path:
        """Return the place of what is read of a recording into this folder."""
        return self.place(f"cache/{name}")

    def _adopted(self) -> list[str]:
        """Take what a version without a marker has begun for what it is: it said all in full."""
        places = [self.config_file, self.path / "checkpoints"]
        if not (places[0].is_file() and places[1].is_dir()):
            return []
        try:
            said = read_json(self.config_file, TrainingError)
            full = parse_config(said, "").model_dump(mode="json")
        except TrainingError:
            return []
        if not isinstance(said, dict) or set(said) != set(full):
            return []
        patterns = ("checkpoints/*.ckpt", "checkpoints/*.safetensors", "cache/*.npy")
        inside = [file for pattern in patterns for file in self.path.glob(pattern)]
        return ["checkpoints", *(file.relative_to(self.path).as_posix() for file in inside)]
