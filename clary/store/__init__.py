"""Records, objects, logs and metrics; knows nothing of AWS's wire."""
