"""What the dock is built of, part by part; importing this loads the libraries of all sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from napari import Viewer
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.atlas.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.cameras.cameras_group import CamerasGroup
from napari_cortex_decoder.widgets.decode.decode_section import DecodeSection
from napari_cortex_decoder.widgets.events.events_section import EventsSection
from napari_cortex_decoder.widgets.labels.labels_section import LabelsSection
from napari_cortex_decoder.widgets.parts.controls import row
from napari_cortex_decoder.widgets.parts.messages import MessagesSection
from napari_cortex_decoder.widgets.parts.section import Section, bring_into_sight
from napari_cortex_decoder.widgets.preprocessing.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.recording.activity_row import ActivityRow
from napari_cortex_decoder.widgets.recording.behavior_clock import BehaviorClockForm
from napari_cortex_decoder.widgets.recording.movie_question import MovieQuestion
from napari_cortex_decoder.widgets.recording.recording_section import RecordingSection
from napari_cortex_decoder.widgets.recording.saving_row import SavingRow
from napari_cortex_decoder.widgets.recording.speed_group import SpeedGroup
from napari_cortex_decoder.widgets.saliency.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.sessions.sessions_section import (
    SessionsSection,
    follow_unfolding,
)
from napari_cortex_decoder.widgets.timeline.timeline import show_timeline


def build_parts(viewer: Viewer, column: QVBoxLayout) -> Iterator[None]:
    """Add one section after the other to the dock's column, then dock the timeline.

    Each step is short, so that between two of them the window can answer.
    """
    workspace = workspace_of(viewer)
    movie = workspace.movie
    yield
    sessions = SessionsSection(workspace.sessions, workspace.queue)
    column.addWidget(sessions)
    yield
    recording = RecordingSection(movie, workspace.sessions.add)
    column.addWidget(recording)
    yield
    groups: tuple[Callable[[], QWidget], ...] = (
        lambda: MovieQuestion(movie),
        lambda: BehaviorClockForm(movie),
        lambda: ActivityRow(movie, workspace.activity),
        lambda: CamerasGroup(movie, workspace.cameras),
        lambda: SavingRow(movie, workspace.saving),
        lambda: SpeedGroup(movie, workspace.speed),
        lambda: PreprocessingGroup(movie, workspace.preprocessing, workspace.preview),
    )
    for make in groups:
        recording.content.addWidget(make())
        yield
    listed: tuple[tuple[Callable[[], Section], bool], ...] = (
        # decoding needs no atlas, and is to be in sight without scrolling
        (lambda: AtlasSection(movie, workspace.atlas, workspace.placing, workspace.areas), False),
        (
            lambda: DecodeSection(
                movie,
                workspace.preprocessing,
                workspace.choice,
                workspace.decode,
                workspace.agreement,
                workspace.placing,
                workspace.review.set_cleaning,
                partial(unfold, column),
            ),
            True,
        ),
        (
            lambda: SaliencySection(
                movie,
                workspace.labels,
                workspace.choice,
                workspace.placing,
                workspace.areas,
                workspace.saliency,
            ),
            False,
        ),
        (
            lambda: LabelsSection(
                movie,
                workspace.labels,
                workspace.labelling,
                workspace.review,
                workspace.tuning,
                lambda: workspace.behavior_colors,
            ),
            False,
        ),
        (
            lambda: EventsSection(
                movie,
                workspace.labels,
                workspace.areas,
                workspace.events,
                workspace.review.cleaned,
                lambda: workspace.behavior_colors,
            ),
            False,
        ),
    )
    built: list[Section] = [sessions, recording]
    for build, unfolded in listed:
        section = build()
        built.append(section)
        section.set_expanded(unfolded)
        column.addWidget(section)
        yield
    follow_unfolding(workspace.sessions, built)
    column.addWidget(MessagesSection(workspace.failed))
    timeline = QPushButton("Show timeline")
    timeline.setToolTip("Bring the timeline back below the canvas")
    timeline.clicked.connect(lambda: show_timeline(viewer))
    keys = QPushButton("Keys (?)")
    keys.setToolTip("What each key does")
    keys.clicked.connect(lambda: workspace.keys_wanted.emit())
    column.addWidget(row(None, keys, timeline))
    column.addStretch()
    show_timeline(viewer)


def unfold(column: QVBoxLayout, *titles: str) -> None:
    """Unfold sections of the dock's column by their titles, and bring the last one into sight."""
    dock = column.parentWidget()
    found = {} if dock is None else {one.title: one for one in dock.findChildren(Section)}
    for title in titles:
        found[title].set_expanded(True)
    bring_into_sight(found[titles[-1]], 400)
