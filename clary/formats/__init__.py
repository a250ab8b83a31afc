"""Reading and writing the formats of training data, requests and artefacts."""
