"""Hold the figures of two checkouts of this program against each other, by turns on one machine.

    bash tools/with-display.sh python benchmarks/compare.py OLD NEW [--short] [--only GROUP ...]

Both run with the libraries of this Python, each group in the one, then in the other, as often as
`--rounds` says: a machine's speed changes within minutes. A figure is worse by the median of its
rounds' ratios. Ends with 1 if one is worse by more than 5 %. `--short` measures each group once,
on few frames and without memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HIGHER = (
    "decode_speedup", "decode_speedup_fast", "encoder_share_of_gemm_peak",
    "encoder_share_of_gemm_peak_fast", "second_decode_speedup", "statistics_share_of_copying",
    "importance_fewer_encodings_than_authors", "importance_speedup_over_authors",
    "timeline_pan_zoom_fps_of_a_million", "playback_over_playback_without",
    "playback_with_a_map_over_two_layers_without",
)  # fmt: skip
LOWER = (
    "end_to_end_overhead", "time_to_current_frame_s", "importance_encodings_over_passes",
    "opening_the_dock_s", "frame_handlers_ms", "frame_handlers_ms_with_a_map", "peak_memory_mb",
    "peak_memory_20000_over_2000_frames",
)  # fmt: skip
WORSE = 0.05

FRAMES = {"decode": 1500, "end-to-end": 2400, "cache": 1500, "reading": 1500}
GROUPS = (
    "encoder", "decode", "end-to-end", "cache", "first-answer", "reading", "maps", "window",
    "memory",
)  # fmt: skip


def measure(checkout: Path, group: str, *, short: bool) -> dict[str, float]:
    """Return the figures of a group, by the checkout's own script or by its verb `bench`."""
    script = checkout / "benchmarks" / f"{group}.py"
    command = [sys.executable, str(script)]
    if not script.exists():
        frames = 1000 if short else FRAMES.get(group, 1500)
        verb = "import sys; from napari_cortex_decoder.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", verb, "bench", "--json", "--threads", "2"]
        command += ["--only", group, "--frames", str(frames)]
    there = os.environ | {"PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(command, cwd=checkout, env=there, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{checkout}: {group} could not be measured:\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout[done.stdout.index("{") :])
    figures: dict[str, float] = told.get("figures", told)
    return figures


def main() -> int:
    """Measure, and print a row a figure: both medians, and by how much the new one is worse."""
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", action="append", choices=GROUPS)
    asked = parser.parse_args()
    groups = asked.only or [g for g in GROUPS if not (asked.short and g == "memory")]
    failed = False
    print(f"{'figure':45}{'old':>10}{'new':>10}  worse by")
    for group in groups:
        began = time.monotonic()
        old, new = [], []
        for _ in range(1 if asked.short else asked.rounds):
            old.append(measure(asked.old.resolve(), group, short=asked.short))
            new.append(measure(asked.new.resolve(), group, short=asked.short))
        for name in (*HIGHER, *LOWER):
            if not all(name in figures for figures in (*old, *new)):
                continue
            before, after = ([figures[name] for figures in side] for side in (old, new))
            ratios = [b / a for a, b in zip(before, after, strict=True)]
            worse = median(1 / r if name in HIGHER else r for r in ratios) - 1
            failed |= worse > WORSE
            mark = "  ✗" if worse > WORSE else ""
            row = f"{name:45}{median(before):10.3g}{median(after):10.3g}  {worse:+.1%}{mark}"
            print(row, flush=True)
        print(f"# {group}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
