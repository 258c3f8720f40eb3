"""Lodestone: find the few hidden directions a target depends on.

For tables: :class:`LodestoneRegressor` and :class:`LodestoneClassifier`, scikit-learn estimators. For research on feature learning:
:class:`Teacher`, :func:`train`, :func:`certify`, :func:`verify`, :func:`certificate`, :func:`flow` and the two objectives. Pictures are
in :mod:`lodestone.plots`. Notation is that of docs/math.md. The weight decay λ is ``weight_decay`` in
the names of arguments and attributes, where the command line has ``lambda`` (a keyword of Python):
``weight_decay_start`` is ``--lambda-start``. Columns and keys of files keep ``lambda``.
"""

from lodestone import _summary
from lodestone._core import Model, PredictionIntervals, TrainState, __version__, set_threads, threads
from lodestone._classifier import LodestoneClassifier
from lodestone._certify import Discrepancy, ModelCertificate, VerifiedNumbers, certify, verify
from lodestone._flow import FlowEvent, FlowResult, flow
from lodestone._formula import to_formula
from lodestone._network import Network
from lodestone._onnx import from_onnx, to_onnx
from lodestone._objectives import Evaluation, PopulationObjective, SampleObjective
from lodestone._regressor import LodestoneRegressor
from lodestone._report import report
from lodestone._results import Certificate, Recovery, RecoveryBound, ResultWarning, TeacherRecovery
from lodestone._teacher import Teacher
from lodestone._teacher_certificate import TeacherCertificate, TeacherPeak, TriedOrder, certificate
from lodestone._train import Interrupted, TrainResult, train

_summary.extend(Model)

__all__ = [
    "Certificate",
    "Discrepancy",
    "Evaluation",
    "FlowEvent",
    "FlowResult",
    "Interrupted",
    "LodestoneClassifier",
    "LodestoneRegressor",
    "Model",
    "ModelCertificate",
    "Network",
    "PopulationObjective",
    "PredictionIntervals",
    "Recovery",
    "RecoveryBound",
    "ResultWarning",
    "SampleObjective",
    "Teacher",
    "TeacherCertificate",
    "TeacherPeak",
    "TeacherRecovery",
    "TrainResult",
    "TrainState",
    "TriedOrder",
    "VerifiedNumbers",
    "__version__",
    "certificate",
    "certify",
    "flow",
    "from_onnx",
    "report",
    "set_threads",
    "threads",
    "to_formula",
    "to_onnx",
    "train",
    "verify",
]
