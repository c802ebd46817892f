"""What an evaluation leaves: a page for people, tables for programs and statistics elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from napari_cortex_decoder.errors import EvaluationError
from napari_cortex_decoder.evaluation.measures import over_mice
from napari_cortex_decoder.evaluation.page import page
from napari_cortex_decoder.evaluation.results import COLUMNS, Found
from napari_cortex_decoder.files import (
    Kind,
    begins,
    csv_text,
    json_with,
    make_folder,
    write_json,
    write_whole,
)

_FORMULA = tuple("=+-@\t\r")

FILES: dict[str, Kind] = {
    "report.json": json_with("protocol", "settings", "results"),
    "report.html": begins("<!DOCTYPE html>\n<!-- cortex-decoder evaluate -->"),
    "mice.csv": begins(",".join(COLUMNS)),
    "over-mice.csv": begins("decoder,kind,at,score,mice,mean"),
}
"""What `EvaluationReport.save` writes, and may write anew."""


class EvaluationReport(Found):
    """What an evaluation found, and how it is written down.

    Attributes are those of `Found`.
    """

    def save(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        place: Callable[[str], Path] | None = None,
    ) -> Path:
        """Write ``report.html``, ``report.json``, ``mice.csv`` and ``over-mice.csv``.

        What an earlier report left is replaced; any other file only with `overwrite`. Raises
        EvaluationError if the folder cannot be written.

        Parameters
        ----------
        folder
            Where to; made if need be.
        overwrite
            Whether any other file may be replaced, too.
        place
            Gives the place of a file of a name; None: in the folder.

        Returns
        -------
        pathlib.Path
            The ``report.html``.
        """
        where = place or make_folder(folder, EvaluationError).joinpath
        table = self.table
        texts = {
            "mice.csv": csv_text([table.columns, *map(_cells, table.astype(object).values)]),
            "over-mice.csv": csv_text(self._over_mice()),
            "report.html": page(self),
        }
        for name, text in texts.items():
            write_whole(where(name), text, EvaluationError, kind=FILES[name], overwrite=overwrite)
        write_json(
            where("report.json"),
            self.model_dump(mode="json"),
            EvaluationError,
            kind=FILES["report.json"],
            overwrite=overwrite,
        )
        return where("report.html")

    def _over_mice(self) -> list[list[object]]:
        table: list[list[object]] = [
            ["decoder", "kind", "at", "score", "mice", "mean", "low", "high", "worst"]
        ]
        for row, own in self.rows.items():
            for name in dict.fromkeys(name for one in own for name in one.scores):
                found = over_mice(own, name)
                assert found is not None  # one of them has it
                table.append([*row, name, *found])
        return table


def _cells(row: Iterable[object]) -> list[object]:
    """Return cells that no spreadsheet takes for formulas: names come from files."""
    return [f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA else cell for cell in row]
