"""Amazon SageMaker Metrics: the curves of experiments' runs."""
