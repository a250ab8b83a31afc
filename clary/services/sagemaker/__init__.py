"""Amazon SageMaker: training jobs, models, endpoint configurations, endpoints, tags and search."""

from clary.services.sagemaker.life import recover, state_changed

__all__ = ["recover", "state_changed"]
