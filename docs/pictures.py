"""Take the guide's picture from the real program: the demo's window, without a display if need be.

python docs/pictures.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Run the demo and keep its screenshot, with 256 colours: a quarter of the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("cortex-decoder")
        subprocess.run([program, "demo", "--screenshot", "--out", folder], check=True)
        with Image.open(Path(folder) / "screenshot.png") as picture:
            smaller = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
            smaller.save(IMAGES / "demo.png", optimize=True)


if __name__ == "__main__":
    main()
