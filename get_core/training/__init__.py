"""Training of the GET network: masked pretraining, finetuning, low-rank finetuning, on one device or several."""

from get_core.training.loop import Epoch, History
from get_core.training.objectives import finetune, pretrain
from get_core.training.settings import FinetuneSettings, PretrainSettings

__all__ = ["Epoch", "FinetuneSettings", "History", "PretrainSettings", "finetune", "pretrain"]
