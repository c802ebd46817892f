"""Learn rest and run from traces of families of simulated mice; stop by families held out.

Which areas tell of running is drawn anew for each mouse, so what can be learned is what running
looks like in any areas over seconds, and by what such areas are known. Families that are held out
decide when to stop: mice of the generators that are learned from would only say how well those are
known by heart. The card is of mice that neither learned nor decided, beside the frame's mean.

    python tools/learn_cortex.py --work runs/cortex [--causal] [--start DECODER ...]
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from cortex_mice import Mouse, film, mice, of_mean
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from torch.nn import functional

from napari_cortex_decoder.atlas import load_atlas
from napari_cortex_decoder.decoder import Provenance, load_decoder, make_decoder
from napari_cortex_decoder.decoder.config import TemporalCnnConfig, TracePreprocessing, Window
from napari_cortex_decoder.decoder.engine.trace_engine import TraceEngine
from napari_cortex_decoder.decoder.engine.traces import preprocess_traces
from napari_cortex_decoder.decoder.networks import TemporalCnn, probabilities
from napari_cortex_decoder.decoder.networks.area_mixing import mirrored, mixed
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.scoring.calibration import calibration_error, fit_calibration
from napari_cortex_decoder.simulation.families import HELD_OUT, LEARNED
from napari_cortex_decoder.training.simulated_mice import score_again

logger = logging.getLogger(__name__)

BATCH, STRETCH, RATE = 12, 300, 2e-3  # stretches of samples of a step, and the learning rate
SHARES_OF = {"calibrated": 0.35, "uneven": 0.2}  # of a batch; the rest is of all other families
NAMED = 0.9  # share of mice of which it is told which area is which
HINT = 0.5  # how much it counts that what is found of an area tells how far running raises it
LOOKED_AT = (60, 60, 120, 240)  # s: each mouse is learned from whole, and by a part of it
EVERY = 100  # steps between two looks at families held out
LENGTHS = (60, 120, 240, 300)  # s, of what is learned from
MIXTURES = 12
SHOWN = 200  # frames of a behavior of a mouse that calibration sees
LEGIBLE = 0.7  # AUC: of a family that it reads by chance nobody learns how sure it is elsewhere
SHARES = (0, 0.1, 0.2, 0.4, 0.8)  # of the frame's mean, in SD of the logit
FIRST_DECIDING, FIRST_TESTED = 5000, 9001  # numbers of mice
LIMITS = (
    "Learned from simulated mice only: train or fine-tune it before you trust it on a real one.",
    "Reads the areas of the dorsal-cortex atlas: where nobody has placed it, a guess is used.",
    "In about one mouse of ten it reads areas that tell of something else: compare it with the "
    "frame's mean.",
)


def described(*, causal: bool) -> TemporalCnnConfig:
    """Return what is to be learned."""
    areas = tuple(area.label for area in load_atlas("dorsal-cortex").areas)
    return TemporalCnnConfig(
        window=Window(past=126, future=0) if causal else Window(past=63, future=63),
        preprocessing=TracePreprocessing(
            areas=areas,
            atlas="dorsal-cortex",
            scaling="sd" if causal else "mean-sd",
            beside_raw=True,
            fewest=6,
            statistics="running" if causal else "session",
        ),
        mixtures=0 if causal else MIXTURES,
    )


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


@dataclass(frozen=True, eq=False)
class Session:
    """What is learned from a mouse.

    Attributes
    ----------
    family
        Which mouse's.
    inputs
        Shape (t + what a window sees more, 2 · areas): zeros around.
    labels
        Shape (t,): NaN where nothing is predicted.
    descriptions
        Shape (areas, numbers), of a network that mixes areas.
    raised
        Shape (areas,): correlation of each with running over a second; NaN if it only runs or
        rests.
    """

    family: str
    inputs: NDArray[np.float16]
    labels: NDArray[np.float32]
    descriptions: NDArray[np.float32] | None
    raised: NDArray[np.float32]


def session(
    network: TemporalCnn, config: TemporalCnnConfig, mouse: Mouse, rng: np.random.Generator
) -> Session:
    """Return a mouse as it is learned from: some of its areas are out of view, some are noisy."""
    traces = mouse.traces.astype(np.float64)
    n = traces.shape[1]
    out = rng.random(n) < rng.choice([0, 0, 0.2, 0.6]) * rng.random()
    if (np.isfinite(traces).all(axis=0) & ~out).sum() >= 6:
        traces[:, out] = np.nan
    if rng.random() < 0.4:
        noise = np.diff(traces, axis=0).std(axis=0) * rng.standard_normal(traces.shape)
        traces += rng.uniform(0, 1) * noise
    values = preprocess_traces(traces, config.preprocessing, config.frame_rate)
    labels = mouse.labels.astype(np.float32)
    labels[~np.isfinite(values).all(axis=1)] = np.nan
    inputs, descriptions = torch.from_numpy(np.nan_to_num(values)), None
    if network.mixing is not None:
        inputs, described = network.mixing.described(inputs)
        descriptions = described.numpy()
    around = (config.window.past, config.window.future), (0, 0)
    padded = np.pad(np.clip(inputs.numpy(), -30, 30), around).astype(np.float16)
    known = np.isfinite(labels)
    steady = uniform_filter1d(inputs.numpy()[known, n:], 9, axis=0)
    running = labels[known] - labels[known].mean() if known.any() else labels[known]
    spread = steady.std(axis=0) * running.std() if known.any() else np.zeros(n)
    raised = np.full(n, np.nan, np.float32)
    if (spread > 0).any():
        steady -= steady.mean(axis=0)
        raised = (steady * running[:, None]).mean(axis=0) / (spread + 1e-6)
    return Session(mouse.family, padded, labels, descriptions, raised.astype(np.float32))


def part_of(mouse: Mouse, rng: np.random.Generator) -> Mouse:
    """Return some minutes of a mouse, at 10 Hz."""
    n = min(len(mouse.labels), 10 * int(rng.choice(LOOKED_AT)))
    start = int(rng.integers(0, len(mouse.labels) - n + 1))
    own = slice(start, start + n)
    return Mouse(mouse.family, mouse.traces[own], mouse.labels[own])


def batches(
    made: Sequence[Session],
    network: TemporalCnn,
    config: TemporalCnnConfig,
    rng: np.random.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield what windows are cut from, labels, and how far running raises each area.

    Of half of the mice left is taken for right.
    """
    of = Counter(one.family for one in made)
    chances = np.array([SHARES_OF.get(one.family, np.nan) / of[one.family] for one in made])
    chances[np.isnan(chances)] = (1 - np.nansum(chances)) / np.isnan(chances).sum()
    reach, n = config.window.length - 1, len(config.preprocessing.areas)
    mirror = mirrored(config.preprocessing.areas)
    while True:
        inputs = np.zeros((BATCH, STRETCH + reach, 2 * n), np.float32)
        labels = np.full((BATCH, STRETCH), np.nan, np.float32)
        orders, chosen = [], [made[i] for i in rng.choice(len(made), BATCH, p=chances)]
        for row, one in enumerate(chosen):
            start = int(rng.integers(0, max(1, len(one.labels) - STRETCH + 1)))
            own = one.labels[start : start + STRETCH]
            part = one.inputs[start : start + STRETCH + reach].astype(np.float32)
            orders.append(mirror if rng.random() < 0.5 else np.arange(n))
            if network.mixing is None:
                gain = np.exp(0.3 * rng.standard_normal(n))
                part = part[:, np.concatenate([orders[-1], n + orders[-1]])] * np.tile(gain, 2)
            inputs[row, : len(part)] = part
            labels[row, : len(own)] = own
        read = torch.from_numpy(inputs)
        if network.mixing is not None:
            found = np.stack([one.descriptions for one in chosen if one.descriptions is not None])
            named = torch.rand(BATCH, 1, 1) < NAMED
            own_numbers = network.mixing.own[np.stack(orders)] * named
            read = mixed(read, network.mixing.weights(torch.from_numpy(found), own_numbers))
            read = functional.pad(read, (0, 1))  # how much the frame's mean counts is chosen later
        yield read, torch.from_numpy(labels), torch.from_numpy(np.stack([s.raised for s in chosen]))


def learn(
    config: TemporalCnnConfig,
    learned: Sequence[Mouse],
    deciding: Sequence[Mouse],
    *,
    steps: int,
    start: Sequence[str] = (),
    seed: int = 1,
) -> tuple[TemporalCnn, TemporalCnnConfig]:
    """Learn; keep the running mean of weights at the step at which families held out go best.

    It begins with the mean of the weights of decoders, if any are given.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = TemporalCnn(config)
    both = [each for mouse in learned for each in (mouse, part_of(mouse, rng))]
    made = [session(network, config, mouse, rng) for mouse in both]
    logger.info("%d mice are read", len(learned))
    hints = torch.nn.Linear(64, 1)  # what is found of an area is to tell how far it is raised
    compared: list[torch.Tensor] = []
    if start:
        states = [load_decoder(name).network.state_dict() for name in start]
        network.load_state_dict({k: sum(s[k] for s in states) / len(states) for k in states[0]})
    elif network.mixing is not None:
        every = [one.descriptions for one in made if one.descriptions is not None]
        numbers = np.concatenate([one[one[:, 0] > 0] for one in every])
        network.mixing.mean.copy_(torch.from_numpy(numbers.mean(axis=0)))
        network.mixing.spread.copy_(torch.from_numpy(numbers.std(axis=0) + 1e-3))
    smooth = copy.deepcopy(network).eval()
    if network.mixing is not None:
        hidden = network.mixing.among[-2]
        hidden.register_forward_hook(lambda *found: compared.append(found[-1]))
    learning = [*network.parameters(), *hints.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    best, kept, losses = -1.0, copy.deepcopy(smooth), []
    network.train()
    stretches = batches(made, network, config, rng)
    for step in range(1, steps + 1):
        compared.clear()
        inputs, known, raised = next(stretches)
        logits = network.linear_out(network.states(inputs))[..., 0]
        used = torch.isfinite(known)
        loss = functional.binary_cross_entropy_with_logits(logits[used], known[used])
        if compared:
            told = torch.isfinite(raised)
            loss += HINT * functional.mse_loss(hints(compared[0])[..., 0][told], raised[told])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        with torch.no_grad():
            for slow, fast in zip(smooth.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, max(0.02, 1 / step))
        if step % EVERY == 0 or step == steps:
            means, worst = held_out_means(smooth, config, deciding)
            mean = float(np.mean(list(means.values())))
            logger.info(
                "step %d: loss %.3f, held out %.4f, most below the mean %.3f %s",
                step,
                np.mean(losses),
                mean,
                worst,
                {name: round(float(value), 3) for name, value in means.items()},
            )
            losses.clear()
            if mean > best:
                best, kept = mean, copy.deepcopy(smooth)
    hedge(kept, config, deciding)
    return calibrated(kept, config, deciding)


def hedge(network: TemporalCnn, config: TemporalCnnConfig, deciding: Sequence[Mouse]) -> None:
    """Add as much of the frame's mean to the logit as helps families held out most.

    What is gained counts, and what is lost against the mean alone counts once more.
    """
    if network.mixing is None:
        return
    weight = network.linear_out.weight
    with torch.no_grad():
        weight[:, -1] = 0
        spread = float(np.median([read(network, config, mouse)[0].std() for mouse in deciding]))
        best, kept = -1.0, 0.0
        for share in SHARES:
            weight[:, -1] = share * spread
            pairs = [(auc_of_logits(*read(network, config, m)), of_mean(m)) for m in deciding]
            own, mean = np.array([pair for pair in pairs if pair[0] is not None], float).T
            value = float(own.mean() - np.maximum(mean - own - 0.02, 0).mean())
            logger.info(
                "frame's mean %.2f: held out %.4f, most below it %.3f, %.4f all in all",
                share,
                own.mean(),
                (mean - own).max(),
                value,
            )
            if value > best:
                best, kept = value, share
        weight[:, -1] = kept * spread


def held_out_means(
    network: TemporalCnn, config: TemporalCnnConfig, tested: Sequence[Mouse]
) -> tuple[dict[str, float], float]:
    """Return the mean AUC by family, and by how much one is most below the frame's mean."""
    found: dict[str, list[float]] = {}
    worst = -1.0
    for mouse in tested:
        value, mean = auc_of_logits(*read(network, config, mouse)), of_mean(mouse)
        if value is not None and mean is not None:
            found.setdefault(mouse.family, []).append(value)
            worst = max(worst, mean - value)
    return {name: float(np.mean(values)) for name, values in found.items()}, worst


def calibrated(
    network: TemporalCnn, config: TemporalCnnConfig, deciding: Sequence[Mouse]
) -> tuple[TemporalCnn, TemporalCnnConfig]:
    """Set temperature and shift by mice of families that it did not learn from, but can read."""
    rng = np.random.default_rng(1)
    means, _ = held_out_means(network, config, deciding)
    legible = [mouse for mouse in deciding if means.get(mouse.family, 0) > LEGIBLE]
    read_as, true = [], []
    for logits, labels in (read(network, config, mouse) for mouse in legible):
        both = [np.flatnonzero(labels == behavior) for behavior in (0, 1)]
        n = min(SHOWN, *map(len, both))  # as much rest as run: how much there is differs by mouse
        for frames in both:
            own = rng.permutation(frames)[:n]
            read_as.append(logits[own])
            true.append(labels[own])
    scale, shift = fit_calibration(np.concatenate(read_as), np.concatenate(true))
    with torch.no_grad():
        network.linear_out.bias += torch.from_numpy(shift / scale).float()
    return network, config.model_copy(update={"temperature": float(np.clip(1 / scale, 0.01, 100))})


def card(network: TemporalCnn, config: TemporalCnnConfig, n: int) -> dict[str, float]:
    """Score mice that neither learned nor decided: by length, family, registration and rate."""
    scores: dict[str, float] = {}

    def tell(name: str, found: Sequence[tuple[float | None, float | None]]) -> None:
        both = np.array([(own, mean) for own, mean in found if own is not None], np.float64)
        own, mean = both.T
        all_in_all = {
            "": own.mean(),
            ", worst": own.min(),
            ", 5th percentile": np.quantile(own, 0.05),
            ", the frame's mean": mean.mean(),
            ", most below the frame's mean": (mean - own).max(),
        }
        logger.info("%s: %s", name, {which: round(v, 3) for which, v in all_in_all.items()})
        kept = all_in_all if name.endswith(" min") else ("", ", worst")  # a card is to be read
        scores.update({f"AUC, {name}{which}": float(all_in_all[which]) for which in kept})

    def scored(mouse: Mouse, rate: float = 10.0) -> tuple[float | None, float | None]:
        return auc_of_logits(*read(network, config, mouse, rate)), of_mean(mouse)

    errors = []
    found: dict[int, list[tuple[float | None, float | None]]] = {1: [], 4: [], 10: []}
    for number in range(FIRST_TESTED, FIRST_TESTED + n):
        for minutes, values in found.items():
            mouse = film("", number, 60 * minutes, rate=30.0)
            values.append(scored(mouse, 30.0))
            logits, labels = read(network, config, mouse, 30.0)
            said = probabilities(torch.from_numpy(logits), config.temperature).numpy()
            errors.append(calibration_error(said, labels)[0])
    for minutes, values in found.items():
        tell(f"{minutes} min", values)
    scores["calibration error"] = float(np.mean(errors))
    some = range(FIRST_TESTED, FIRST_TESTED + n // 4)
    for family in [*LEARNED, *HELD_OUT]:
        tell(family, [scored(film(family, number, 240)) for number in some])
    for off in (0.3, 0.6):
        tell(f"atlas off by {off} mm", [scored(film("", i, 240, off=off)) for i in some])
    for rate in (10.0, 100.0):
        tell(f"{rate:g} Hz", [scored(film("", i, 120, rate=rate), rate) for i in some])
    return scores


def main() -> None:
    """Read the command line, learn, score, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for mice and decoder")
    parser.add_argument("--causal", action="store_true", help="one that knows no later frame")
    parser.add_argument("--mice", type=int, default=150, help="of each family")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--start", nargs="*", default=(), help="decoders to go on from: their mean")
    parser.add_argument("--tested", type=int, default=50, help="mice of the card")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    config, kept = described(causal=asked.causal), asked.work / "mice"
    name = "run-rest-cortex-causal" if asked.causal else "run-rest-cortex"
    learned_file = asked.work / f"{name}-unscored.safetensors"
    if not learned_file.exists():
        learned = mice(LEARNED, range(asked.mice), LENGTHS, kept)
        deciding = mice(HELD_OUT, range(FIRST_DECIDING, FIRST_DECIDING + 5), (600, 60, 240), kept)
        network, config = learn(config, learned, deciding, steps=asked.steps, start=asked.start)
        make_decoder(config, network, name=name).save(learned_file, half_precision=True)
    unscored = load_decoder(learned_file)
    assert isinstance(unscored.config, TemporalCnnConfig)
    network, config = unscored.network.eval(), unscored.config
    metrics = card(network, config, asked.tested)
    look = "looks back only" if asked.causal else "looks both ways"
    provenance = Provenance(
        simulated=True,
        summary=f"Rest or run, from a temporal network on areas at any frame rate; {look}.",
        trained_on=(
            f"{asked.mice * len(LEARNED)} simulated mice of {len(LEARNED)} families, 1 to 5 min "
            f"each; {len(HELD_OUT)} other families decided when to stop; scored on {asked.tested} "
            "others"
        ),
        created=datetime.now(UTC).date().isoformat(),
        settings={"steps": asked.steps, "mice": asked.mice, "seed": 1},
        metrics=metrics,
        held_out=score_again(unscored),
        limits=LIMITS,
    )
    decoder = make_decoder(config.model_copy(update={"provenance": provenance}), network, name=name)
    decoder.save(asked.work / f"{name}.safetensors", half_precision=True)


if __name__ == "__main__":
    main()
