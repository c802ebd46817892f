"""What the dock is built of, part by part; importing this loads the libraries of all sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas  # noqa: F401 - this and the next: what a first fit of the atlas loads
import skimage.draw
import skimage.transform  # noqa: F401
from napari import Viewer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cortex_decoder.widgets.dock.atlas_section import AtlasSection
from napari_cortex_decoder.widgets.dock.behavior_clock import BehaviorClockForm
from napari_cortex_decoder.widgets.dock.cameras_group import CamerasGroup
from napari_cortex_decoder.widgets.dock.decode_section import DecodeSection
from napari_cortex_decoder.widgets.dock.events_section import EventsSection
from napari_cortex_decoder.widgets.dock.labels_section import LabelsSection
from napari_cortex_decoder.widgets.dock.movie_question import MovieQuestion
from napari_cortex_decoder.widgets.dock.preprocessing_group import PreprocessingGroup
from napari_cortex_decoder.widgets.dock.recording_section import RecordingSection
from napari_cortex_decoder.widgets.dock.saliency_section import SaliencySection
from napari_cortex_decoder.widgets.dock.saving_row import SavingRow
from napari_cortex_decoder.widgets.dock.speed_group import SpeedGroup
from napari_cortex_decoder.widgets.parts.controls import button, put, row
from napari_cortex_decoder.widgets.parts.messages import MessagesSection
from napari_cortex_decoder.widgets.parts.section import Section, bring_into_sight
from napari_cortex_decoder.widgets.session import workspace_of
from napari_cortex_decoder.widgets.sessions.sessions_section import (
    SessionsSection,
    follow_unfolding,
)
from napari_cortex_decoder.widgets.timeline.timeline import show_timeline
from napari_cortex_decoder.widgets.workspace import Workspace

_GROUPS: tuple[Callable[[Workspace], QWidget], ...] = (
    MovieQuestion,
    BehaviorClockForm,
    CamerasGroup,
    SavingRow,
    SpeedGroup,
    PreprocessingGroup,
)
"""What stands in the section *Recording*."""


def build_parts(viewer: Viewer, column: QVBoxLayout) -> Iterator[None]:
    """Add one section after the other to the dock's column, then dock the timeline.

    Each step is short, so that between two of them the window can answer.
    """
    workspace = workspace_of(viewer)
    yield
    recording = RecordingSection(workspace)
    built: list[Section] = [SessionsSection(workspace.sessions, workspace.queue), recording]
    put(column, *built)
    yield
    for make in _GROUPS:
        recording.add(make(workspace))
        yield
    sections: tuple[Callable[[Workspace], Section], ...] = (
        AtlasSection,
        partial(DecodeSection, unfold=partial(unfold, column)),
        SaliencySection,
        LabelsSection,
        EventsSection,
    )
    for build in sections:
        section = build(workspace)
        # decoding needs no atlas, and is to be in sight without scrolling
        section.set_expanded(isinstance(section, DecodeSection))
        built.append(section)
        column.addWidget(section)
        yield
    follow_unfolding(workspace.sessions, built)
    tip = "Bring the timeline back below the canvas"
    timeline = button("Show timeline", partial(show_timeline, viewer), tip)
    keys = button("Keys (?)", workspace.keys_wanted.emit, "What each key does")
    put(column, MessagesSection(workspace.failed), row(None, keys, timeline), None)
    show_timeline(viewer)


def unfold(column: QVBoxLayout, *titles: str) -> None:
    """Unfold sections of the dock's column by their titles, and bring the last one into sight."""
    dock = column.parentWidget()
    found = {} if dock is None else {one.title: one for one in dock.findChildren(Section)}
    for title in titles:
        found[title].set_expanded(True)
    bring_into_sight(found[titles[-1]], 400)
