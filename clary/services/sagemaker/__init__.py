"""Amazon SageMaker: training and tuning jobs, models, endpoint configurations, endpoints, tags and search."""

from clary.services.sagemaker.life import recover, running, state_changed
from clary.services.sagemaker.spot import interrupt
from clary.services.sagemaker.tuning_stopping import metrics_came

__all__ = ["interrupt", "metrics_came", "recover", "running", "state_changed"]
