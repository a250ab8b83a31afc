"""SageMaker's built-in algorithms, a file each."""
