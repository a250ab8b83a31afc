"""Amazon CloudWatch: metrics, their statistics and metric math."""
