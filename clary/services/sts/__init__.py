"""AWS Security Token Service: who am I, and temporary keys."""
