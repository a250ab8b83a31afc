"""Amazon SageMaker: training jobs, models, endpoint configurations, endpoints, tags and search."""

from clary.services.sagemaker.life import recover, running, state_changed

__all__ = ["recover", "running", "state_changed"]
