"""The section *Atlas*: which atlas, where it lies, how well it fits."""

from __future__ import annotations

from qtpy.QtWidgets import QFormLayout, QMenu
from superqt.utils import QSignalThrottler

from napari_cortex_decoder.atlas import Registration
from napari_cortex_decoder.atlas.library import BUNDLED
from napari_cortex_decoder.choices import FIT_KINDS
from napari_cortex_decoder.widgets.atlas.atlas_dialogs import (
    ask_brainglobe,
    ask_label_image,
    ask_landmark,
)
from napari_cortex_decoder.widgets.atlas.landmark_table import LandmarkTable
from napari_cortex_decoder.widgets.atlas.placing_model import LANDMARK_SETS
from napari_cortex_decoder.widgets.dock.areas_panel import AreasPanel
from napari_cortex_decoder.widgets.parts.controls import (
    ChoiceBox,
    button,
    caption,
    enable,
    menu_button,
    row,
    switch,
)
from napari_cortex_decoder.widgets.parts.section import Said, Section, ask_file, warned
from napari_cortex_decoder.widgets.parts.ties import follow
from napari_cortex_decoder.widgets.workspace import Workspace

_PAUSE = 40  # ms between two updates while a landmark is dragged
_NOT_PLACED = "Place the atlas first"

_KEYS = (
    "Drag a landmark, or move all: arrows shift by 50 µm, Alt+←→ turn by 0.5°, Alt+↑↓ resize by "
    "1 %, five times as much with Shift; Ctrl+Z takes back, Esc leaves."
)


class AtlasSection(Section):
    """Shows an `AtlasModel`, a `PlacingModel` and, below them, an `AreasModel`."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__("Atlas")
        self._movie, self._atlas = workspace.movie, workspace.atlas
        self._placing = workspace.placing
        self._compose(AreasPanel(workspace))
        follow(self, self._update_atlas, self._movie.events.recording, self._atlas.events)
        # a moment later, so that outlines follow the mouse without waiting for numbers
        soon = QSignalThrottler(parent=self)
        soon.setTimeout(_PAUSE)
        soon.triggered.connect(self._update_atlas)
        soon.triggered.connect(self._update_placing)
        events = self._placing.events
        moves = events.placing, events.landmark_set, events.adjusting
        follow(self, soon.throttle, *moves, now=False)
        self._update_placing()

    def _compose(self, areas: AreasPanel) -> None:
        self._atlases = ChoiceBox(self._atlas.choose, wide=True)
        self._more, menu = menu_button("Other")
        self._fill_more(menu)
        self._guess = button("Guess", self._atlas.guess)
        self._upright = button("By hand", self._atlas.place_upright)
        self._adjust = button("Adjust", lambda: self._placing.adjust(self._adjust.isChecked()))
        self._adjust.setCheckable(True)
        self._undo = button("Undo", self._placing.undo)
        self._redo = button("Redo", self._placing.redo)
        sets = {name: name for name in LANDMARK_SETS}
        self._sets = ChoiceBox(self._placing.choose_landmarks, sets, wide=True)
        self._add, self._addable = menu_button("Add")
        self._addable.aboutToShow.connect(self._fill_add)
        self._remove = button("Remove", self._remove_selected)
        self._kinds = ChoiceBox(self._placing.set_kind, FIT_KINDS, wide=True)
        self._table = LandmarkTable()
        self._table.itemSelectionChanged.connect(self._update_remove)
        self._problem, self._warnings = Said(), Said()
        self._keys = Said(_KEYS)
        self._keys.setEnabled(False)
        self._save = button("Save placing…", self._ask_save)
        self._load = button("From file…", self._ask_load)
        self._mean = button("Show mean image", self._atlas.ask_mean)
        self._names = switch("Acronyms on the movie", lambda on: self._atlas.change(names_shown=on))
        self._names.setObjectName("names")
        self._message = Said()

        form = QFormLayout()
        form.setVerticalSpacing(6)
        for title, parts in (
            ("atlas", (self._atlases, self._more)),
            ("place", (self._guess, self._upright, self._load, None)),
            ("landmarks", (self._sets, self._add)),
            ("fit", (self._kinds,)),
        ):
            form.addRow(caption(title), row(*parts))
        self.content.addLayout(form)
        self.add(
            self._table, row(self._adjust, self._undo, self._redo, self._remove, None, self._save),
            self._problem, self._warnings, self._keys, row(self._names, None, self._mean),
            self._message, areas,
        )  # fmt: skip

    def _fill_more(self, menu: QMenu) -> None:
        menu.addAction("Outlines from a file…", self._ask_outlines)
        menu.addAction(
            "A label image…", lambda: ask_label_image(self, self._atlas.choose_label_image)
        )
        menu.addAction("A BrainGlobe atlas…", lambda: ask_brainglobe(self, self._atlas.choose))
        menu.addSeparator()
        self._draw = menu.addAction("Draw areas on the movie", self._atlas.drawing_wanted.emit)
        self._drawn = menu.addAction("Use drawn areas", self._atlas.drawn_wanted.emit)

    def _fill_add(self) -> None:
        """Offer the landmarks that are not on the movie."""
        menu = self._addable
        menu.clear()
        for name in self._placing.free_landmarks:
            menu.addAction(name, lambda name=name: self._placing.add_landmark(name))
        menu.addSeparator()
        menu.addAction("New landmark…", lambda: ask_landmark(self, self._placing.make_landmark))

    def _update_atlas(self) -> None:
        """Show which atlas it is, what goes on, and what can be done."""
        atlas, placed = self._atlas, self._placing.registration
        if atlas.atlas is not None and self._atlases.value != atlas.atlas.name:
            self._atlases.offer({name: name for name in (*BUNDLED, atlas.atlas.name)})
            self._atlases.show_value(atlas.atlas.name)
        obstacle = atlas.obstacle
        enable(self._guess, obstacle, "Find the brain on the mean image")
        enable(self._upright, obstacle, "Put the atlas in the middle and drag its landmarks")
        enable(self._load, obstacle, "Read a registration: ours, wfield's or MesoNet's")
        unplaced = f"{_NOT_PLACED}." if placed is None else None
        enable(self._save, unplaced or (obstacle if atlas.doing else None), "Write it as JSON")
        no_movie = "Open a recording first." if self._movie.recording is None else None
        enable(self._mean, no_movie or (obstacle if atlas.doing else None),
                "Show the mean of some frames")  # fmt: skip
        fixed = obstacle if self._placing.fixed else None
        others = fixed or (obstacle if atlas.doing else None)
        enable(self._atlases, others, "Which outlines to place")
        enable(self._more, fixed, "Take the outlines from elsewhere")
        enable(self._names, unplaced, "Write the acronym of each area on the movie")
        self._names.setChecked(atlas.names_shown)
        self._draw.setEnabled(no_movie is None)
        self._draw.setToolTip(no_movie or "Adds a Shapes layer; name areas in column 'acronym'")
        self._drawn.setEnabled(placed is not None)
        self._drawn.setToolTip(
            f"{_NOT_PLACED}: outlines are kept in mm from bregma" if unplaced
            else "Makes an atlas of the active Shapes layer"
        )  # fmt: skip
        doing = atlas.doing
        said = f"{doing[0].upper()}{doing[1:]} …" if doing else fixed or atlas.message
        self._message.say(said)

    def _update_placing(self) -> None:
        """Show where the atlas lies and how well it fits."""
        placing = self._placing.placing
        placed = None if placing is None else placing.registration
        no_landmarks = None if placed is not None else f"{_NOT_PLACED}."
        if self._placing.fixed:
            no_landmarks = self._atlas.obstacle
        for part, tip in (
            (self._adjust, "Let mouse and keys move the atlas, until it is pressed again"),
            (self._sets, "Which landmarks to drag"),
            (self._add, "Put another landmark on the movie"),
            (self._kinds, "What a fit to the landmarks may do"),
        ):
            enable(part, no_landmarks, tip)
        self._update_remove()
        enable(self._undo, None if self._placing.can_undo else "Nothing to take back", "Take back")
        enable(self._redo, None if self._placing.can_redo else "Nothing was taken back", "Redo")
        self._sets.show_value(self._placing.landmark_set)
        if placing is not None:
            self._kinds.show_value(placing.kind)
        movable = placed is not None and not self._placing.fixed
        self._table.setVisible(movable)
        self._keys.setVisible(self._placing.adjusting)
        self._adjust.setChecked(self._placing.adjusting)
        self._table.show_placing(placing)
        problem = "" if placing is None else placing.problem
        self._problem.say(f"⚠ No fit: {problem}" if problem else None)
        warnings = () if placed is None or problem else placed.warnings
        self._warnings.say(warned(warnings))
        self.set_done(None if placing is None or problem else _summary(placing.registration))

    def _update_remove(self) -> None:
        none = None if self._table.selected_names else "Choose landmarks in the table first."
        enable(self._remove, none, "Take these landmarks off the movie")

    def _remove_selected(self) -> None:
        self._placing.remove_landmarks(*self._table.selected_names)
        self._table.clearSelection()

    def _ask_outlines(self) -> None:
        ask_file(self, "Take outlines from a file", "Outlines (*.json *.geojson)",
                 self._atlas.choose)  # fmt: skip

    def _ask_load(self) -> None:
        ask_file(self, "Load a registration", "Registrations (*.json *.txt *.h5 *.mat)",
                 self._atlas.load)  # fmt: skip

    def _ask_save(self) -> None:
        ask_file(self, "Save the registration", "Registrations (*.json)", self._atlas.save,
                 save_as="registration.json")  # fmt: skip


def _summary(registration: Registration) -> str:
    """Say in a few words what is placed and how well its landmarks fit."""
    residuals = registration.residuals()
    if registration.method not in FIT_KINDS or not residuals:
        return f"{registration.atlas.name}, {registration.method}"
    mean = sum(residual.mm for residual in residuals) / len(residuals)
    return f"{registration.atlas.name}, {len(residuals)} landmarks, off by {mean:.2f} mm"
