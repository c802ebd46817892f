"""Types of settings: their bounds, and what a form shows beside a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Values that do not change, and beside which no other name is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Shown:
    """How a form shows a setting."""

    unit: str = ""  # behind its number
    # what stands for None, where that can be chosen: in place of the bound of a number, which it
    # cannot reach
    none: str = ""


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False), Shown("s")]
Hertz = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False), Shown("Hz")]
FewSeconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), Shown("s")]
Share = Annotated[float, Field(ge=0, le=1)]
