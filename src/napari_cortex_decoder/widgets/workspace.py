"""The state behind the widgets of one viewer: they show it and send it intents.

Each section of the dock has its model here, which holds all its state and whose methods are the
intents; models may read those of the sections above them. None knows a widget or the viewer.
"""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal

from napari_cortex_decoder.cameras import VIDEO_SUFFIXES
from napari_cortex_decoder.cohort import CohortEntry
from napari_cortex_decoder.recording import Recording
from napari_cortex_decoder.recording.behavior.reading import READERS
from napari_cortex_decoder.sessions import Facts, facts_of
from napari_cortex_decoder.widgets.atlas.areas_model import AreasModel
from napari_cortex_decoder.widgets.atlas.atlas_model import AtlasModel
from napari_cortex_decoder.widgets.atlas.placing_model import PlacingModel
from napari_cortex_decoder.widgets.cameras.cameras_model import CamerasModel
from napari_cortex_decoder.widgets.decode.agreement_model import AgreementModel
from napari_cortex_decoder.widgets.decode.choice_model import ChoiceModel
from napari_cortex_decoder.widgets.decode.decode_model import DecodeModel
from napari_cortex_decoder.widgets.events.events_model import EventsModel
from napari_cortex_decoder.widgets.labels.labelling_model import LabellingModel
from napari_cortex_decoder.widgets.labels.review_model import ReviewModel
from napari_cortex_decoder.widgets.labels.tuning_model import TuningModel
from napari_cortex_decoder.widgets.parts.colors import Color, behavior_colors
from napari_cortex_decoder.widgets.parts.section_model import SectionModel
from napari_cortex_decoder.widgets.preprocessing.preprocessing_model import PreprocessingModel
from napari_cortex_decoder.widgets.preprocessing.preview_model import PreviewModel
from napari_cortex_decoder.widgets.recording.activity_model import ActivityModel
from napari_cortex_decoder.widgets.recording.labels_model import LabelsModel
from napari_cortex_decoder.widgets.recording.movie_model import MovieModel
from napari_cortex_decoder.widgets.recording.playback_model import PlaybackModel
from napari_cortex_decoder.widgets.recording.saving_model import SavingModel
from napari_cortex_decoder.widgets.recording.speed_model import SpeedModel
from napari_cortex_decoder.widgets.saliency.saliency_model import SaliencyModel
from napari_cortex_decoder.widgets.sessions.queue_model import QueueModel
from napari_cortex_decoder.widgets.sessions.session_files import SessionRow
from napari_cortex_decoder.widgets.sessions.sessions_model import SessionsModel


class Workspace:
    """Everything that the widgets of one viewer show: a model for each subject, by its name."""

    failed = Signal(Exception)
    """Something that the user asked for did not work."""

    keys_wanted = Signal()
    """Somebody wants the list of all keys."""

    def __init__(self) -> None:
        self.movie = MovieModel()
        self.activity = ActivityModel(self.movie)
        self.playback = PlaybackModel(self.movie)
        self.speed = SpeedModel(self.movie)
        self.labels = LabelsModel(self.movie, self.speed)
        self.cameras = CamerasModel(self.movie)
        self.preprocessing = PreprocessingModel(self.movie)
        self.preview = PreviewModel(self.movie, self.preprocessing)
        self.saving = SavingModel(self.movie)
        self.placing = PlacingModel(self.movie)
        self.atlas = AtlasModel(self.movie, self.placing)
        self.areas = AreasModel(self.movie, self.placing, self.labels)
        self.choice = ChoiceModel(self.movie)
        self.decode = DecodeModel(self.movie, self.choice, self.placing)
        self.agreement = AgreementModel(self.movie, self.decode, self.labels, self.speed)
        self.saliency = SaliencyModel(
            self.movie, self.labels, self.choice, self.placing, self.areas
        )
        self.labelling = LabellingModel(self.movie, self.labels)
        self.review = ReviewModel(self.movie, self.playback, self.decode, self.labels)
        self.tuning = TuningModel(self.movie, self.labels, self.choice, self.review, self.placing)
        self.events = EventsModel(self.movie, self.labels, self.review, self.placing, self.areas)
        self.sessions = SessionsModel(self.movie, self._in_window)
        self.queue = QueueModel(self.movie, self.choice, self.sessions)
        self._models = [one for one in vars(self).values() if isinstance(one, SectionModel)]
        for model in self._models:
            model.failed.connect(self.failed.emit)
        self.sessions.events.rows.connect(self._offer_placings)
        self.sessions.arrived.connect(self._bring)
        self.queue.done.connect(self._bring_back)
        for changed in (
            self.movie.events.recording,
            self.labels.events.ethogram,
            self.placing.events.placing,
            self.atlas.kept,
            self.cameras.events.cameras,
            self.decode.events.complete,
        ):
            changed.connect(self.sessions.look_again)
        self.tuning.kept.connect(self.decode.decode)

    @property
    def behavior_colors(self) -> dict[str, Color]:
        """Colour of every behaviour in use, the same wherever it is shown."""
        prediction, labels = self.decode.prediction, self.labels
        styles = labels.labels.behaviors if labels.labels else ()
        chosen = {style.name: style.color for style in styles if style.color is not None}
        return {
            **behavior_colors(
                [
                    *(labels.ethogram.behaviors if labels.ethogram else ()),
                    *(prediction.behaviors if prediction else ()),
                    *(style.name for style in styles),
                    *(labels.preview.ethogram.behaviors if labels.preview else ()),
                ]
            ),
            **chosen,
        }

    def take(self, *paths: str | Path) -> None:
        """Take files that were dropped: a decoder, or what belongs to the open recording.

        Some kinds of file hold a movie or behavior, and videos a movie or the mouse; with a
        recording open they are taken as its behavior, and as a camera.
        Of movies that are dropped together it is asked whether they are one session.
        """
        movies = []
        for path in paths:
            suffix = Path(path).suffix.lower()
            if suffix == ".safetensors":
                self.choice.offer(path)
            elif suffix in READERS and self.movie.recording is not None:
                self.movie.add_behavior(path)
            elif suffix in VIDEO_SUFFIXES and self.movie.recording is not None:
                self.cameras.add(path)
            else:
                movies.append(path)
        if movies:
            self.sessions.add(*movies)

    def _offer_placings(self, rows: tuple[SessionRow, ...]) -> None:
        """Place the atlas as the cohort says, where nothing is kept beside a recording."""
        for row in rows:
            if row.entry is not None and row.entry.registration is not None:
                self.atlas.offer(row.entry.recording, row.entry.registration)

    def _in_window(self, raw: Recording) -> Facts:
        """Say what the window knows of the open recording."""
        decode, cameras = self.decode, len(self.cameras.cameras)
        prediction = decode.prediction if decode.complete else None
        atlas = self.placing.registration is not None
        return facts_of(raw, self.labels.ethogram, prediction, atlas=atlas, cameras=cameras)

    def _bring(self, entry: CohortEntry) -> None:
        """Take what the cohort lists beside a recording, and what is not kept beside it yet."""
        raw, labels = self.movie.raw, self.labels.labels
        if raw is None or raw.frame_rate is None:
            return
        if entry.behavior is not None and not raw.behavior:
            self.movie.add_behavior(entry.behavior)
        if entry.labels is not None and labels is not None and not labels.ethogram.bouts:
            self.labelling.read(entry.labels)

    def _bring_back(self, recording: Path) -> None:
        """Show what the queue has made of the open recording."""
        if self.movie.raw is not None and self.movie.raw.path == recording:
            self.decode.bring_back()

    def close(self) -> None:
        """End whatever runs; late results are dropped."""
        for model in reversed(self._models):
            model.close()
