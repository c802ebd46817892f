"""`python -m napari_cortex_decoder.cli`: the command line where no script is installed."""

from napari_cortex_decoder.cli import main

main()
