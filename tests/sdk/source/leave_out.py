"""The first container of an inference pipeline: leaves out each row's first column, an id."""


def model_fn(folder):
    """Nothing was learnt."""
    return folder


def input_fn(body, content_type):
    """CSV of text."""
    assert content_type.startswith("text/csv"), content_type
    return [line.split(",") for line in body.splitlines()]


def predict_fn(rows, model):
    """The rest of each row."""
    return [row[1:] for row in rows]


def output_fn(rows, accept):
    """CSV for the next container, whatever it is asked for."""
    return "\n".join(",".join(row) for row in rows), "text/csv"
