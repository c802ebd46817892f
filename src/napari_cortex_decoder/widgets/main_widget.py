"""The dock *Cortex Decoder*: one section for each step of the work, in its order."""

from __future__ import annotations

from napari import Viewer
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.behavior_clock import BehaviorClockForm
from napari_cortex_decoder.widgets.decode_section import DecodeSection
from napari_cortex_decoder.widgets.labels_section import LabelsSection
from napari_cortex_decoder.widgets.movie_question import MovieQuestion
from napari_cortex_decoder.widgets.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.recording_section import RecordingSection
from napari_cortex_decoder.widgets.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.saving_row import SavingRow
from napari_cortex_decoder.widgets.section import DockContent
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.speed_group import SpeedGroup
from napari_cortex_decoder.widgets.timeline import show_timeline


class CortexDecoderWidget(DockContent):
    """Shows the workspace of a viewer, section by section, and opens the timeline with it."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._workspace = workspace_of(napari_viewer)
        self.setAcceptDrops(True)
        workspace = self._workspace
        movie = workspace.movie
        sections = QWidget()
        column = QVBoxLayout(sections)
        column.setContentsMargins(2, 4, 2, 4)
        column.setSpacing(4)
        recording = RecordingSection(movie)
        for part in (
            MovieQuestion(movie),
            BehaviorClockForm(movie),
            SavingRow(movie, workspace.saving),
            SpeedGroup(movie, workspace.speed),
            PreprocessingGroup(movie, workspace.preprocessing, workspace.preview),
        ):
            recording.content.addWidget(part)
        atlas = AtlasSection(movie, workspace.atlas, workspace.placing, workspace.areas)
        atlas.set_expanded(False)  # decoding needs none, and is to be in sight without scrolling
        decode = DecodeSection(movie, workspace.choice, workspace.decode, workspace.placing)
        saliency = SaliencySection(
            movie, workspace.choice, workspace.placing, workspace.areas, workspace.saliency
        )
        saliency.set_expanded(False)  # it comes after decoding
        labels = LabelsSection(
            movie,
            workspace.labels,
            workspace.review,
            workspace.tuning,
            lambda: workspace.behavior_colors,
        )
        for section in (recording, atlas, decode, saliency, labels):
            column.addWidget(section)
        timeline = QPushButton("Show timeline")
        timeline.setToolTip("Bring the timeline back below the canvas")
        timeline.clicked.connect(lambda: show_timeline(napari_viewer))
        column.addWidget(timeline, alignment=Qt.AlignmentFlag.AlignRight)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(sections)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        show_timeline(napari_viewer)

    def sizeHint(self) -> QSize:
        """Ask for a column that shows two sections whole."""
        return QSize(390, 560)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files."""
        if event is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what is dropped: movies, behavior, decoders."""
        if event is None:
            return
        urls = event.mimeData().urls()
        self._workspace.take(*(url.toLocalFile() for url in urls if url.isLocalFile()))
        event.acceptProposedAction()
