"""What the verb `explain` computes, and the files that it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cortex_decoder.choices import MAP_METHODS, check_choice
from napari_cortex_decoder.errors import DecoderError, LabelError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_cortex_decoder.atlas import Registration
    from napari_cortex_decoder.decoder import Decoder
    from napari_cortex_decoder.labels import Ethogram
    from napari_cortex_decoder.progress import Report
    from napari_cortex_decoder.recording import Recording


@dataclass(frozen=True)
class Found:
    """One result, and how it is told."""

    kind: str  # end of the names of its files
    # to write
    result: Any
    figure: Figure
    # for people, and for machines
    said: str
    described: dict[str, Any]

    def write(
        self, out: Path, job: Job, nwb: bool, overwrite: bool, progress: Report | None
    ) -> list[Path]:
        """Write everything that there is of it; give the tables and stacks."""
        from napari_cortex_decoder.saliency import SaliencyMaps
        from napari_cortex_decoder.saliency.output.export import write_csv, write_json, write_tiff
        from napari_cortex_decoder.saliency.output.figure import save_figure
        from napari_cortex_decoder.saliency.output.nwb_export import write_nwb
        from napari_cortex_decoder.saliency.output.video import write_mp4

        stem = out / f"{job.recording.name}_{self.kind}"
        for suffix in ("png", "svg"):
            save_figure(self.figure, Path(f"{stem}.{suffix}"), overwrite=overwrite)
        if self.kind in ("maps", "onsets"):
            written = [Path(f"{stem}.tif")]
            write_tiff(self.result, written[0], overwrite=overwrite)
            if isinstance(self.result, SaliencyMaps):
                written.append(Path(f"{stem}.mp4"))
                write_mp4(
                    self.result,
                    written[1],
                    job.recording,
                    job.placed,
                    job.ethogram,
                    progress=progress,
                    overwrite=overwrite,
                )
        else:
            written = [Path(f"{stem}.csv")]
            write_csv(self.result, written[0], overwrite=overwrite)
            if self.kind != "lags":
                write_json(self.result, Path(f"{stem}.json"), overwrite=overwrite)
        if nwb and self.kind != "lags":
            written.append(Path(f"{stem}.nwb"))
            write_nwb(self.result, written[-1], job.recording, overwrite=overwrite)
        return written


@dataclass(frozen=True)
class Job:
    """What is explained, and how."""

    # as for `area_importance`
    recording: Recording
    placed: Registration
    decoder: Decoder
    ethogram: Ethogram | None
    behavior: str
    options: dict[str, Any]  # where and how to compute
    seed: int  # of everything that is drawn

    def scored(self, frames: int | None) -> NDArray[np.int64] | None:
        """Choose about so many frames, all for 0; None: as many as the plugin."""
        from napari_cortex_decoder.saliency import sample_frames, spread_frames
        from napari_cortex_decoder.saliency.masking.frames import SAMPLED

        if frames == 0:
            return None
        frames = frames or SAMPLED
        if self.ethogram is not None:
            return sample_frames(self.ethogram, frames, seed=self.seed)
        return spread_frames(self.recording.n_frames, frames)

    def areas(
        self,
        scored: NDArray[np.int64] | None,
        taken: dict[str, Any],
        patches: int,
        progress: Report | None,
    ) -> Found:
        """Measure the importance of areas; `taken` are its targets, score and fills."""
        from napari_cortex_decoder.saliency import area_importance
        from napari_cortex_decoder.saliency.output.export import describe
        from napari_cortex_decoder.saliency.output.figure import draw_areas

        result = area_importance(
            self.decoder,
            self.recording,
            self.placed,
            self.ethogram,
            behavior=self.behavior,
            **taken,
            frames=scored,
            patches=patches,
            seed=self.seed,
            progress=progress,
            **self.options,
        )
        table = result.ranked().head(10).to_string(index=False, float_format="%.3f")
        figure = draw_areas(result, self.placed, self.recording.shape)
        return Found("areas", result, figure, f"{table}\n{result.verdict}", describe(result))

    def cutouts(self, scored: NDArray[np.int64] | None, progress: Report | None) -> Found:
        """Measure the importance of places."""
        from napari_cortex_decoder.saliency import cutout_importance
        from napari_cortex_decoder.saliency.output.export import describe
        from napari_cortex_decoder.saliency.output.figure import draw_cutouts

        result = cutout_importance(
            self.decoder,
            self.recording,
            self.ethogram,
            behavior=self.behavior,
            frames=scored,
            seed=self.seed,
            progress=progress,
            **self.options,
        )
        shown = self.recording.movie[self.recording.n_frames // 2].compute()
        figure = draw_cutouts(result, shown)
        return Found("cutouts", result, figure, f"cutouts: {result.verdict}", describe(result))

    def check_maps_wanted(self, method: str, frames: tuple[int, int] | None) -> None:
        """Refuse maps that cannot be made."""
        from napari_cortex_decoder.saliency import onset_frames
        from napari_cortex_decoder.saliency.maps.saliency_maps import check_range

        check_choice("method", method, MAP_METHODS, DecoderError)
        if frames is not None:
            check_range(self.decoder, self.recording, *frames)
        elif self.ethogram is None:
            raise LabelError(
                "onsets need labels: give --labels, or say which frames to map with --map-frames."
            )
        else:
            rate = self.recording.known_frame_rate()
            onset_frames(self.ethogram, self.behavior, frame_rate=rate)

    def maps(
        self,
        method: str,
        frames: tuple[int, int] | None,
        check: bool,
        progress: Report | None,
    ) -> Found:
        """Map some frames, or average maps around onsets, and hold them against controls."""
        from napari_cortex_decoder.saliency import check_maps, onset_average, saliency_map
        from napari_cortex_decoder.saliency.output.export import about_maps
        from napari_cortex_decoder.saliency.output.figure import draw_maps

        common = {"method": method, "progress": progress, **self.options}
        result: Any
        if frames is not None:
            result = saliency_map(self.decoder, self.recording, *frames, self.behavior, **common)
        else:
            assert self.ethogram is not None  # the verb asks for labels
            result = onset_average(
                self.decoder, self.recording, self.ethogram, self.behavior, **common
            )
        verdict = ""
        if check:
            verdict = str(
                check_maps(
                    self.decoder,
                    self.recording,
                    result,
                    self.ethogram,
                    seed=self.seed,
                    progress=progress,
                    **self.options,
                ).verdict
            )
        figure = draw_maps(result, self.placed, self.recording.shape, verdict)
        kind = "onsets" if frames is None else "maps"
        said = f"{kind}: {verdict or 'an illustration, not checked (--check)'}"
        return Found(kind, result, figure, said, about_maps(result) | {"verdict": verdict})

    def lags(self, progress: Report | None) -> Found:
        """Attribute what a decoder of area traces says to areas and lags."""
        from napari_cortex_decoder.saliency import area_saliency
        from napari_cortex_decoder.saliency.output.figure import draw_lags

        result = area_saliency(
            self.decoder,
            self.recording,
            self.placed,
            self.behavior,
            seed=self.seed,
            any_rate=self.options["any_rate"],
            progress=progress,
        )
        table = result.table.head(10)
        said = table.to_string(index=False, float_format="%.3f")
        about = {"decoder": result.decoder, "behavior": result.behavior, "method": result.method}
        areas = result.table.to_dict("records")
        return Found("lags", result, draw_lags(result), said, about | {"areas": areas})
