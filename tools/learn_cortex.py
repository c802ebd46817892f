"""Learn rest and run from traces of families of simulated mice; stop by families held out.

Which areas tell of running is drawn anew for each mouse, so what can be learned is what running
looks like in any areas over seconds. Families that are held out decide when to stop: mice of the
generators that are learned from would only say how well those are known by heart. The card is of
mice that neither learned nor decided.

    python tools/learn_cortex.py --work runs/cortex [--causal]
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from napari_cortex_decoder.atlas import Registration, load_atlas
from napari_cortex_decoder.decoder import MouseScore, Provenance, make_decoder
from napari_cortex_decoder.decoder.config import TemporalCnnConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces
from napari_cortex_decoder.decoder.networks import TemporalCnn
from napari_cortex_decoder.decoder.networks.output import probabilities
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.scoring.calibration import calibration_error, fit_calibration
from napari_cortex_decoder.simulation.families import HELD_OUT, LEARNED, simulate_family

logger = logging.getLogger(__name__)

SHAPE = (64, 64)  # px: an area of a few is enough for its mean
LIFE = 30  # Hz: a frame is exposed to what happens at this rate, so a heartbeat is averaged away
BATCH, STRETCH, RATE = 12, 384, 3e-3  # stretches of samples of a step, and the learning rate
EVERY = 50  # steps between two looks at families held out
FIRST_DECIDING, FIRST_TESTED = 5000, 9001  # numbers of mice
LIMITS = (
    "Learned from simulated mice only: train or fine-tune it before you trust it on a real one.",
    "Reads the areas of the dorsal-cortex atlas: where nobody has placed it, a guess is used.",
)


@dataclass(frozen=True, eq=False)
class Mouse:
    """Traces of one mouse.

    Attributes
    ----------
    family
        Which.
    traces
        Shape (t, areas), counts; NaN of areas that are not in view.
    labels
        Shape (t,): 1 where it runs.
    """

    family: str
    traces: NDArray[np.float32]
    labels: NDArray[np.int64]


def described(*, causal: bool) -> TemporalCnnConfig:
    """Return what is to be learned."""
    areas = tuple(area.label for area in load_atlas("dorsal-cortex").areas)
    return TemporalCnnConfig(
        window=Window(past=126, future=0) if causal else Window(past=63, future=63),
        preprocessing=TracePreprocessing(
            areas=areas,
            atlas="dorsal-cortex",
            scaling="sd",
            beside_raw=True,
            fewest=6,
            statistics="running" if causal else "session",
        ),
    )


def displaced(registration: Registration, mm: float, seed: int) -> Registration:
    """Return a registration that is off by so many mm, and by 7 degrees for each of them."""
    rng = np.random.default_rng(seed)
    way, turn = rng.uniform(0, 2 * np.pi), np.deg2rad(7 * mm * rng.choice([-1, 1]))
    move = np.eye(3)
    move[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    move[:2, 2] = mm * np.cos(way), mm * np.sin(way)
    return replace(registration, matrix=registration.matrix @ move)


def film(
    family: str, number: int, seconds: float, *, off: float = 0.0, rate: float = 10.0
) -> Mouse:
    """Simulate the traces of a mouse, with the atlas `off` mm beside the truth."""
    recording = simulate_family(
        family,
        number,
        seconds=seconds,
        frame_rate=rate,
        shape=SHAPE,
        life_steps=max(1, round(LIFE / rate)),
    )
    placed = displaced(recording.truth.registration, off, number)
    traces = recording.area_traces(placed.label_image(SHAPE), len(placed.atlas.areas))
    labels = recording.truth.ethogram.frames().astype(np.int64)
    return Mouse(family, traces.astype(np.float32), labels)


def mice(
    families: Iterable[str], numbers: Sequence[int], seconds: Sequence[float], kept: Path
) -> list[Mouse]:
    """Simulate mice of each family, of lengths in turn, or read those that are kept."""
    kept.mkdir(parents=True, exist_ok=True)
    found = []
    for family in families:
        for turn, number in enumerate(numbers):
            length = seconds[turn % len(seconds)]
            file = kept / f"{family}-{number}-{length:g}.npz".replace(" ", "-")
            if not file.exists():
                off = float(np.random.default_rng(number).uniform(0, 0.3))
                one = film(family, number, length, off=off)
                np.savez(file, traces=one.traces, labels=one.labels)
            with np.load(file, allow_pickle=False) as arrays:
                found.append(Mouse(family, arrays["traces"], arrays["labels"]))
    return found


def read(
    network: TemporalCnn, config: TemporalCnnConfig, mouse: Mouse, rate: float = 10.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return logits, shape (n, 1), and labels of the frames that are predicted."""
    times = np.arange(len(mouse.traces)) / rate
    states = TraceEngine(network, config).states(mouse.traces, times, mouse.family)
    known = np.isfinite(states).all(axis=1)
    with torch.inference_mode():
        logits = network.linear_out(torch.from_numpy(states[known])).double().numpy()
    return logits, mouse.labels[known]


def by_family(
    network: TemporalCnn, config: TemporalCnnConfig, tested: Sequence[Mouse]
) -> dict[str, list[float]]:
    """Return the AUC of each mouse that shows both behaviors, by family."""
    found: dict[str, list[float]] = {}
    for mouse in tested:
        value = auc_of_logits(*read(network, config, mouse))
        if value is not None:
            found.setdefault(mouse.family, []).append(value)
    return found


Crop = tuple[NDArray[np.float16], NDArray[np.float32]]


def crops(
    learned: Sequence[Mouse], config: TemporalCnnConfig, rng: np.random.Generator
) -> list[Crop]:
    """Return inputs, with zeros around, and labels: of whole sessions, and of minutes of them."""
    around = (config.window.past, config.window.future), (0, 0)
    made = []
    for mouse in learned:
        n = len(mouse.traces)
        for seconds in (n / config.frame_rate, 60, 120):
            length = min(n, round(seconds * config.frame_rate))
            start = int(rng.integers(0, n - length + 1))
            part = slice(start, start + length)
            read_as = preprocess_traces(mouse.traces[part], config.preprocessing, config.frame_rate)
            labels = mouse.labels[part].astype(np.float32)
            labels[~np.isfinite(read_as).all(axis=1)] = np.nan
            inputs = np.clip(np.nan_to_num(read_as), -30, 30)
            made.append((np.pad(inputs, around).astype(np.float16), labels))
    return made


class Batches:
    """Stretches to learn from, each with other gains, noise and missing areas, some mirrored."""

    def __init__(
        self, made: Sequence[Crop], config: TemporalCnnConfig, rng: np.random.Generator
    ) -> None:
        self._made, self._rng = made, rng
        self._reach = config.window.length - 1
        labels = config.preprocessing.areas
        sides = {"left": "right", "right": "left"}
        pairs = [label.rsplit(" ", 1) for label in labels]
        self._mirror = np.array([labels.index(f"{name} {sides[side]}") for name, side in pairs])

    def __next__(self) -> tuple[torch.Tensor, torch.Tensor]:
        rng, n = self._rng, len(self._mirror)
        inputs = np.zeros((BATCH, STRETCH + self._reach, 2 * n), np.float32)
        labels = np.full((BATCH, STRETCH), np.nan, np.float32)
        for row in range(BATCH):
            source, known = self._made[rng.integers(len(self._made))]
            start = int(rng.integers(0, max(1, len(known) - STRETCH + 1)))
            own = known[start : start + STRETCH]
            part = source[start : start + STRETCH + self._reach].astype(np.float32)
            seen = rng.random(n) >= rng.choice([0, 0.2, 0.6]) * rng.random()
            seen[rng.integers(n)] = True
            gain = np.exp(0.3 * rng.standard_normal(n)) * seen * (n / seen.sum())
            noise = rng.uniform(0, 0.5) * rng.standard_normal((len(part), n)) * gain
            order = self._mirror if rng.random() < 0.5 else np.arange(n)
            part = part[:, np.concatenate([order, n + order])] * np.tile(gain, 2)
            inputs[row, : len(part)] = part + np.tile(noise, 2)
            labels[row, : len(own)] = own
        return torch.from_numpy(inputs), torch.from_numpy(labels)


def learn(
    config: TemporalCnnConfig,
    learned: Sequence[Mouse],
    deciding: Sequence[Mouse],
    *,
    steps: int,
    seed: int = 1,
) -> tuple[TemporalCnn, TemporalCnnConfig]:
    """Learn; keep the running mean of weights at the step at which families held out go best."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    batches = Batches(crops(learned, config, rng), config, rng)
    network = TemporalCnn(config)
    smooth = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    best, kept, losses = -1.0, copy.deepcopy(smooth), []
    for step in range(1, steps + 1):
        inputs, known = next(batches)
        network.train()
        logits = network.linear_out(network.states(inputs))[..., 0]
        used = torch.isfinite(known)
        loss = functional.binary_cross_entropy_with_logits(logits[used], known[used])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        with torch.no_grad():
            for slow, fast in zip(smooth.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, max(0.03, 1 / step))
        if step % EVERY == 0 or step == steps:
            means = {name: np.mean(v) for name, v in by_family(smooth, config, deciding).items()}
            mean = float(np.mean(list(means.values())))
            told = {name: round(float(value), 3) for name, value in means.items()}
            logger.info("step %d: loss %.3f, held out %.4f %s", step, np.mean(losses), mean, told)
            losses.clear()
            if mean > best:
                best, kept = mean, copy.deepcopy(smooth)
    return calibrated(kept, config, deciding)


def calibrated(
    network: TemporalCnn, config: TemporalCnnConfig, deciding: Sequence[Mouse]
) -> tuple[TemporalCnn, TemporalCnnConfig]:
    """Set temperature and shift by mice of families that it did not learn from."""
    parts = [read(network, config, mouse) for mouse in deciding]
    logits = np.concatenate([own[::10] for own, _ in parts])
    scale, shift = fit_calibration(logits, np.concatenate([own[::10] for _, own in parts]))
    with torch.no_grad():
        network.linear_out.bias += torch.from_numpy(shift / scale).float()
    return network, config.model_copy(update={"temperature": float(np.clip(1 / scale, 0.01, 100))})


def card(
    network: TemporalCnn, config: TemporalCnnConfig, n: int
) -> tuple[dict[str, float], tuple[MouseScore, ...]]:
    """Score mice that neither learned nor decided: by length, family, bouts and registration."""
    scores: dict[str, float] = {}
    tested = range(FIRST_TESTED, FIRST_TESTED + n)

    def tell(name: str, found: Sequence[float | None]) -> None:
        values = np.array([value for value in found if value is not None])
        scores[f"AUC, {name}"] = float(values.mean())
        scores[f"AUC, {name}, 5th percentile"] = float(np.quantile(values, 0.05))
        scores[f"AUC, {name}, worst"] = float(values.min())
        logger.info("%s: %s", name, {k: round(v, 3) for k, v in list(scores.items())[-3:]})

    held, errors = [], []
    found: dict[int, list[float | None]] = {1: [], 4: [], 10: []}
    for number in tested:
        whole = film("usual", number, 600)
        for minutes, values in found.items():
            n = round(60 * minutes * config.frame_rate)
            part = replace(whole, traces=whole.traces[:n], labels=whole.labels[:n])
            logits, labels = read(network, config, part)
            values.append(auc_of_logits(logits, labels))
            said = probabilities(torch.from_numpy(logits), config.temperature).numpy()
            errors.append(calibration_error(said, labels)[0])
        held.append(MouseScore(subject=str(number), metrics={"AUC": found[4][-1] or 0.5}))
    for minutes, values in found.items():
        tell(f"{minutes} min", values)
    scores["calibration error"] = float(np.mean(errors))
    some = range(FIRST_TESTED, FIRST_TESTED + n // 5)
    for family in [*LEARNED, *HELD_OUT]:
        if family != "usual":
            seen = [read(network, config, film(family, number, 240)) for number in some]
            tell(family, [auc_of_logits(*one) for one in seen])
    for off in (0.3, 0.6):
        seen = [read(network, config, film("usual", number, 240, off=off)) for number in some]
        tell(f"registration off by {off} mm", [auc_of_logits(*one) for one in seen])
    for rate in (30.0, 100.0):
        seen = [
            read(network, config, film("usual", number, 120, rate=rate), rate) for number in some
        ]
        tell(f"{rate:g} Hz", [auc_of_logits(*one) for one in seen])
    return scores, tuple(held)


def main() -> None:
    """Read the command line, learn, score, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for mice and decoder")
    parser.add_argument("--causal", action="store_true", help="one that knows no later frame")
    parser.add_argument("--mice", type=int, default=20, help="of each family")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--tested", type=int, default=50, help="mice of the card")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    config, kept = described(causal=asked.causal), asked.work / "mice"
    learned = mice(LEARNED, range(asked.mice), (300, 300, 120, 600), kept)
    deciding = mice(HELD_OUT, range(FIRST_DECIDING, FIRST_DECIDING + 6), (600, 60, 240), kept)
    network, config = learn(config, learned, deciding, steps=asked.steps)
    metrics, held_out = card(network, config, asked.tested)
    look = "looks back only" if asked.causal else "looks both ways"
    provenance = Provenance(
        simulated=True,
        summary=f"Rest or run, from a temporal network on areas at any frame rate; {look}.",
        trained_on=(
            f"{len(learned)} simulated mice of {len(LEARNED)} families, 2 to 10 minutes each; "
            f"{len(deciding)} of {len(HELD_OUT)} other families decided when to stop; scored on "
            f"{asked.tested} others"
        ),
        created=datetime.now(UTC).date().isoformat(),
        settings={"steps": asked.steps, "mice": asked.mice, "seed": 1},
        metrics=metrics,
        held_out=held_out,
        limits=LIMITS,
    )
    name = "run-rest-cortex-causal" if asked.causal else "run-rest-cortex"
    decoder = make_decoder(config.model_copy(update={"provenance": provenance}), network, name=name)
    decoder.save(asked.work / f"{name}.safetensors", half_precision=True)


if __name__ == "__main__":
    main()
