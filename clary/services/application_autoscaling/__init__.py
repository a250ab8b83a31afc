"""Application Auto Scaling: numbers of instances that follow the load, for endpoints of SageMaker."""

from clary.services.application_autoscaling.scaling import act
from clary.services.application_autoscaling.watching import watch

__all__ = ["act", "watch"]
