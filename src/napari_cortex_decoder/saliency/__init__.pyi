from .answering import (
    answer as answer,
    check_answer as check_answer,
    check_question as check_question,
)
from .importance.area_result import AreaImportance as AreaImportance
from .importance.areas import area_importance as area_importance
from .importance.cohort import combine_mice as combine_mice
from .importance.cutout import (
    CutoutImportance as CutoutImportance,
    cutout_importance as cutout_importance,
)
from .maps.checking import MapCheck as MapCheck, check_maps as check_maps, judge_maps as judge_maps
from .maps.deletion import Deletion as Deletion, deletion_insertion as deletion_insertion
from .maps.onsets import (
    OnsetAverage as OnsetAverage,
    onset_average as onset_average,
    onset_frames as onset_frames,
)
from .maps.randomization import (
    Randomization as Randomization,
    randomized_weights as randomized_weights,
)
from .maps.saliency_maps import (
    SaliencyMaps as SaliencyMaps,
    fitting_range as fitting_range,
    saliency_map as saliency_map,
)
from .maps.trace_maps import (
    TraceSaliency as TraceSaliency,
    area_saliency as area_saliency,
    trace_saliency as trace_saliency,
)
from .masking.frames import sample_frames as sample_frames, spread_frames as spread_frames
from .masking.regions import pairs_of as pairs_of
from .question import Answer as Answer, Question as Question
from .verdict import Verdict as Verdict
