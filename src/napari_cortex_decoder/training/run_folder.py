"""The run folder: all that one training run leaves on disk, and needs to go on after a kill.

``config.json``, ``split.json``, ``progress.jsonl``, ``checkpoints/``, ``cache/`` (removed at the
end), ``metrics.json``, ``decoder.safetensors``. Every file but ``progress.jsonl``, which only
grows, is written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_cortex_decoder.errors import TrainingError
from napari_cortex_decoder.files import read_bytes, read_json, write_json, write_whole
from napari_cortex_decoder.training.config import TrainingConfig, parse_config
from napari_cortex_decoder.training.split import Split


class RunFolder:
    """One training run on disk.

    Parameters
    ----------
    path
        The folder; made by `claim`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.split_file = self.path / "split.json"
        self.progress_file = self.path / "progress.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.cache = self.path / "cache"
        self.metrics_file = self.path / "metrics.json"
        self.decoder_file = self.path / "decoder.safetensors"

    @property
    def is_finished(self) -> bool:
        """Whether the run has left its decoder."""
        return self.decoder_file.is_file()

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Make the folder, and keep other processes from training in it.

        Raises
        ------
        TrainingError
            If another process does, or the folder cannot be made.
        """
        from filelock import FileLock, Timeout

        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            # held by the operating system, so that a killed run leaves no lock behind
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout as reason:
            raise TrainingError(
                f"{self.path}: another process is training in this run folder; wait for it, stop "
                "it or choose another folder."
            ) from reason
        except OSError as reason:
            raise TrainingError(
                f"{self.path} cannot be made or written to ({reason.strerror}); choose another "
                "folder."
            ) from reason
        try:
            yield
        finally:
            lock.release()

    def read_config(self) -> TrainingConfig:
        """Read what the run was asked to do.

        Raises
        ------
        TrainingError
            If this is no run folder, or its configuration is damaged.
        """
        if not self.config_file.is_file():
            raise TrainingError(
                f"{self.path} is no run folder: it holds no config.json; begin the run in a new "
                "folder."
            )
        return parse_config(read_json(self.config_file, TrainingError), str(self.config_file))

    def settle(self, config: TrainingConfig) -> None:
        """Keep the configuration of a new run, or see that it is the one of the run begun here.

        Raises
        ------
        TrainingError
            If it is another one, or the folder holds something else.
        """
        if self.config_file.exists():
            begun = self.read_config().model_dump(mode="json")
            asked = config.model_dump(mode="json")
            different = [name for name in asked if asked[name] != begun[name]]
            if different:
                raise TrainingError(
                    f"{self.path} holds a run of another configuration (it differs in "
                    f"{', '.join(different)}); choose another folder, or leave out --config to go "
                    "on with that run."
                )
            return
        if any(self.checkpoints.iterdir()) or self.progress_file.exists():
            raise TrainingError(
                f"{self.path} holds what a run left behind, but not its config.json; begin the "
                "run in a new folder."
            )
        write_json(self.config_file, config.model_dump(mode="json"), TrainingError)

    def settle_split(self, split: Split, fingerprints: dict[str, str]) -> None:
        """Keep who does what and which data they are, or see that both are what they were.

        Raises
        ------
        TrainingError
            If the cohort is not the one that the run began with.
        """
        asked = {"split": split.model_dump(mode="json"), "sessions": fingerprints}
        if not self.split_file.exists():
            write_json(self.split_file, asked, TrainingError)
        elif read_json(self.split_file, TrainingError) != asked:
            raise TrainingError(
                f"{self.path} holds a run on another cohort, or its files have changed since; "
                "begin the run in a new folder."
            )

    def read_split(self) -> Split:
        """Read who does what."""
        try:
            return Split.model_validate(read_json(self.split_file, TrainingError)["split"])
        except (ValidationError, KeyError, TypeError) as reason:
            raise TrainingError(
                f"{self.split_file} is damaged; begin the run in a new folder."
            ) from reason

    def tell(self, line: dict[str, Any]) -> None:
        """Append one line to the progress.

        Raises
        ------
        TrainingError
            If the disk is full.
        """
        try:
            with self.progress_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as reason:
            raise TrainingError(
                f"{self.progress_file} cannot be written ({reason.strerror}); make room and start "
                "the run again, it goes on from its last checkpoint."
            ) from reason

    def progress(self) -> list[dict[str, Any]]:
        """Read the progress, oldest first; a line in the making is left out."""
        if not self.progress_file.exists():
            return []
        text = read_bytes(self.progress_file, TrainingError, limit=2**30).decode(errors="replace")
        lines = []
        for line in text.split("\n")[:-1]:
            try:
                lines.append(json.loads(line))
            except ValueError as reason:
                raise TrainingError(
                    f"{self.progress_file} is damaged at {line[:40]!r}; remove that line."
                ) from reason
        return lines

    def forget_after(self, stage: float, step: int) -> None:
        """Drop the progress that a killed run told after its last checkpoint, and half a line."""
        kept = [line for line in self.progress() if (line["stage"], line["step"]) <= (stage, step)]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_whole(self.progress_file, text, TrainingError)

    def stage_file(self, stage: int, kind: str) -> Path:
        """Give the place of the weights that a finished stage (from 1) leaves."""
        return self.checkpoints / f"{stage}-{kind}.safetensors"

    def checkpoint_file(self, stage: int, kind: str) -> Path:
        """Give the place of the checkpoint of an unfinished stage."""
        return self.checkpoints / f"{stage}-{kind}.ckpt"

    def remove_cache(self) -> None:
        """Remove what only the training needed."""
        if self.cache.is_dir():
            for file in self.cache.glob("*.npy"):
                file.unlink()
            if not any(self.cache.iterdir()):
                self.cache.rmdir()
