"""Amazon SageMaker Runtime: asking the models behind endpoints."""
