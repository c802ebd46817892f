"""Take the guide's picture from the real program: the demo's window, without a display if need be.

python docs/pictures.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from picture_window import IMAGES, read, save_small


def main() -> None:
    """Run the demo and keep its screenshot."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("cortex-decoder")
        subprocess.run([program, "demo", "--screenshot", "--out", folder], check=True)
        save_small(read(Path(folder) / "screenshot.png"), IMAGES / "demo.png")


if __name__ == "__main__":
    main()
