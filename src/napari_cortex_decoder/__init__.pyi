from .atlas import (
    Area as Area,
    Atlas as Atlas,
    Registration as Registration,
    guess_registration as guess_registration,
    load_atlas as load_atlas,
    load_registration as load_registration,
)
from .compute import Compute as Compute
from .decoder import (
    Decoder as Decoder,
    Prediction as Prediction,
    list_decoders as list_decoders,
    load_decoder as load_decoder,
)
from .errors import (
    AtlasError as AtlasError,
    CacheError as CacheError,
    CortexDecoderError as CortexDecoderError,
    DecoderError as DecoderError,
    DeviceError as DeviceError,
    EvaluationError as EvaluationError,
    FrameRateError as FrameRateError,
    LabelError as LabelError,
    RecordingError as RecordingError,
    SimulationError as SimulationError,
    TrainingError as TrainingError,
    UnclearMovieError as UnclearMovieError,
)
from .evaluation import EvaluationReport as EvaluationReport, evaluate as evaluate
from .labels import (
    Bout as Bout,
    Ethogram as Ethogram,
    read_labels as read_labels,
    write_labels as write_labels,
)
from .progress import Cancelled as Cancelled, Progress as Progress
from .recording import (
    BehaviorTrace as BehaviorTrace,
    Recording as Recording,
    add_behavior as add_behavior,
    open_recording as open_recording,
    preprocess as preprocess,
    read_behavior as read_behavior,
    save_recording as save_recording,
)
from .saliency import (
    AreaImportance as AreaImportance,
    CutoutImportance as CutoutImportance,
    SaliencyMaps as SaliencyMaps,
    Verdict as Verdict,
    area_importance as area_importance,
    cutout_importance as cutout_importance,
    saliency_map as saliency_map,
)
from .scoring.around_events import EventAverage as EventAverage, event_average as event_average
from .scoring.events import Around as Around, find_events as find_events
from .simulation import (
    SimulatedRecording as SimulatedRecording,
    simulate_cohort as simulate_cohort,
    simulate_recording as simulate_recording,
)
from .training import TrainingConfig as TrainingConfig, read_config as read_config, train as train
from .tuning.fine_tune import fine_tune as fine_tune, start_fine_tune as start_fine_tune
from .tuning.job import FineTuneJob as FineTuneJob
from .tuning.result import FineTuneResult as FineTuneResult

__version__: str
