"""Simulated mice: to look at, to test with, and for the bundled decoders to learn from."""

from napari_cortex_decoder.simulation.cohort import simulate_cohort
from napari_cortex_decoder.simulation.parameters import Parameters
from napari_cortex_decoder.simulation.recording import SimulatedRecording, Truth, simulate_recording

__all__ = ["Parameters", "SimulatedRecording", "Truth", "simulate_cohort", "simulate_recording"]
