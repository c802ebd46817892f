"""Verbs about the decoders themselves: list them, show a card, import published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_cortex_decoder.cli.common import (
    WRITTEN,
    AsJson,
    Overwrite,
    computing,
    guarded,
    print_result,
)
from napari_cortex_decoder.compute import HERE, Compute


class _CardOrCommand(TyperGroup):
    """`decoders NAME` shows the card of NAME; what is no name of a command is one of a decoder."""

    # Any: typer's context and command are click's, or in newer versions those of a copy of its own
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


decoders = typer.Typer(cls=_CardOrCommand, invoke_without_command=True, rich_markup_mode="markdown")


@decoders.callback()
def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """List the decoders, bundled and kept; with a name or a file, show its whole card.

    Example: `cortex-decoder decoders run-rest`
    """
    from napari_cortex_decoder.decoder import list_decoders
    from napari_cortex_decoder.decoder.card_text import SIMULATED, in_short

    if context.invoked_subcommand is not None:
        return
    found = list_decoders(refused=lambda error: typer.echo(str(error), err=True))
    lines = []
    for name, config in found.items():
        card = config.provenance
        metrics = [f"{key}: {value:.3f}" for key, value in card.metrics.items()]
        said = (*in_short(config), *([SIMULATED] if card.simulated else []), *metrics)
        lines += [name, *(f"  {line}" for line in said)]
    told = {name: config.model_dump(mode="json") for name, config in found.items()}
    print_result(told, lines, as_json=as_json)


@decoders.command()
def show(
    decoder: Annotated[str, typer.Argument(help="A bundled decoder, or a .safetensors file.")],
    as_json: AsJson = False,
) -> None:
    """Show all that a decoder says of itself: what it sees, its scores, its limits.

    Example: `cortex-decoder decoders run-rest`
    """
    from napari_cortex_decoder.decoder import read_card
    from napari_cortex_decoder.decoder.card_text import card_lines

    config = read_card(decoder)
    lines = [decoder, *(f"  {line}" for line in card_lines(config))]
    print_result(config.model_dump(mode="json"), lines, as_json=as_json)


@decoders.command()
@computing("device", "threads")
def score(
    decoder: Annotated[str, typer.Argument(help="A decoder of rest and run: bundled, or a file.")],
    mice: Annotated[int, typer.Option(help="How many of the test mice.", min=1)] = 6,
    compute: Compute = HERE,
    as_json: AsJson = False,
) -> None:
    """Score a decoder on the simulated mice that no training saw, beside what its card says.

    Example: `cortex-decoder decoders score run-rest`
    """
    from napari_cortex_decoder.decoder import load_decoder
    from napari_cortex_decoder.decoder.card_text import SIMULATED
    from napari_cortex_decoder.training.scoring import summarize
    from napari_cortex_decoder.training.simulated_mice import score_again

    loaded = load_decoder(decoder)
    found = score_again(
        loaded,
        mice=mice,
        compute=compute,
        progress=lambda at: typer.echo(f"{at.done} of {at.total} mice", err=True),
    )
    card = {one.subject: one.metrics for one in loaded.provenance.held_out}
    told = {
        "decoder": {"name": loaded.name, "sha256": loaded.hash},
        "simulated": True,
        "mice": {one.subject: one.metrics for one in found},
        "card": card,
        "summary": summarize(found),
    }
    lines = [f"{decoder}, scored now (and by its card). {SIMULATED}"]
    for one in found:
        said = card.get(one.subject, {})
        scores = [
            f"{name} {value:.4f} ({f'{said[name]:.4f}' if name in said else '–'})"
            for name, value in one.metrics.items()
        ]
        lines.append(f"  mouse {one.subject}: {', '.join(scores)}")
    lines += [f"  {name}: {value:.4f}" for name, value in summarize(found).items()]
    print_result(told, lines, as_json=as_json)


@decoders.command("import")
@guarded
def import_weights(
    file: Annotated[
        Path, typer.Argument(help="State dict of the paper's CNN-RNN, or Keras file of its GRU.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Decoder file to write (.safetensors)."), WRITTEN
    ],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a decoder of published weights; nothing in the file is executed.

    Example: `cortex-decoder decoders import best_model_GRU.h5 --out published.safetensors`
    """
    from napari_cortex_decoder.decoder.importing import import_decoder

    decoder = import_decoder(file)
    decoder.save(out, overwrite=overwrite)
    print_result({"decoder": str(out), "sha256": decoder.hash}, [out], as_json=as_json)
