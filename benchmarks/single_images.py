"""What the recurrent head adds to the CNN of `run-rest`: both on simulated mice no training saw.

python benchmarks/single_images.py [--mice 6]
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np

from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import load_decoder
from napari_cortex_decoder.evaluation.image_models import single_image_decoder
from napari_cortex_decoder.training.simulated_mice import score_again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mice", type=int, default=6)
    mice = parser.parse_args().mice
    whole = load_decoder("run-rest")
    print(f"simulated mice; {platform.machine()}, {time.strftime('%Y-%m-%d')}")
    for decoder in (single_image_decoder(whole), whole):
        scores = score_again(decoder, mice=mice, compute=CPU)
        for name in ("AUC", "AUC, labels shifted in time"):
            values = np.array([score.metrics[name] for score in scores])
            spread = f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"
            print(f"{decoder.name:14} {name}: {spread}, {values.min():.3f} to {values.max():.3f}")


if __name__ == "__main__":
    main()
