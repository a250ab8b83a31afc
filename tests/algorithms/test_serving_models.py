"""A container of many models: SageMaker's contract of loading, listing, asking and unloading them."""

import json

import numpy as np
import pytest

from clary import algorithms
from clary.algorithms import serve, serve_models
from clary.algorithms.serve import Request
from clary.algorithms.serve_models import LIMIT, ModelServer

ROW = b"0.5,0.5"


def ask(server, method, path, body=b"", content_type="text/csv"):
    request = Request(method.encode(), path.encode(), content_type, "", body, len(body), True)
    answer = server.answer(request)
    return answer.status, json.loads(answer.body) if answer.content_type == "application/json" else answer.body


def load(server, name, url=None):
    body = json.dumps({"model_name": name, "url": url or f"/opt/ml/models/{name}/model"}).encode()
    return ask(server, "POST", "/models", body)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Folders of two k-means models, `near` with a centre at the origin and `far` with one at 10, 10."""
    monkeypatch.setenv("CLARY_OPT_ML", str(tmp_path))
    for name, place in (("near", 0.0), ("far", 10.0)):
        folder = tmp_path / "models" / name / "model"
        folder.mkdir(parents=True)
        points = np.full((20, 2), place, np.float32) + np.eye(2, dtype=np.float32).repeat(10, 0) * 1e-3
        algorithms.estimator("kmeans")(k=1, feature_dim=2, mini_batch_size=20).fit(points).save(folder)
    return tmp_path / "models"


@pytest.fixture
def server(models):
    return ModelServer(lambda folder: serve.load_responder("kmeans", folder), {})


def distance(answer):
    return answer[1]["predictions"][0]["distance_to_cluster"]


def test_models_come_answer_and_go(server):
    assert ask(server, "GET", "/models") == (200, {"models": []})
    assert ask(server, "POST", "/models/near/invoke", ROW)[0] == 404
    described = {"modelName": "near", "modelUrl": "/opt/ml/models/near/model"}
    assert load(server, "near") == (200, described)
    assert load(server, "near")[0] == 409
    assert load(server, "far")[0] == 200
    assert len(ask(server, "GET", "/models")[1]["models"]) == 2
    assert ask(server, "GET", "/models/near") == (200, described)
    assert distance(ask(server, "POST", "/models/near/invoke", ROW)) == pytest.approx(0.7, abs=0.02)
    assert distance(ask(server, "POST", "/models/far/invoke", ROW)) == pytest.approx(13.4, abs=0.1)
    assert ask(server, "DELETE", "/models/near") == (200, b"")
    assert ask(server, "DELETE", "/models/near")[0] == 404
    assert ask(server, "POST", "/models/near/invoke", ROW)[0] == 404
    assert ask(server, "POST", "/models/far/invoke", ROW)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/ping", b"", 200),
        ("POST", "/invocations", b"", 404),
        ("POST", "/models", b"no json", 400),
        ("POST", "/models", b'{"url": "/x"}', 400),
        ("POST", "/models", b"[1]", 400),
        ("PUT", "/models/near", b"", 405),
        ("GET", "/models/none", b"", 404),
    ],
)
def test_each_page_and_each_mistake(server, method, path, body, status):
    load(server, "near")
    assert ask(server, method, path, body)[0] == status


def test_a_name_may_have_any_characters(server, models):
    assert load(server, "a b/c", f"{models}/near/model")[0] == 200
    assert ask(server, "POST", "/models/a%20b%2Fc/invoke", ROW)[0] == 200


def test_a_model_that_cannot_be_loaded(server, models):
    (models / "broken" / "model").mkdir(parents=True)
    status, message = load(server, "broken")
    assert status == 500 and message.startswith(b"Unable to load model: ")
    assert ask(server, "GET", "/models") == (200, {"models": []})


def test_what_does_not_fit_into_memory(models, monkeypatch):
    used = serve_models.memory_in_use()
    assert used > 1 << 20
    loads = []

    def load_responder(folder):
        loads.append(folder)
        return serve.load_responder("kmeans", folder)

    server = ModelServer(load_responder, {LIMIT: str(10_000_000)})
    readings = iter([9_000_000, 9_500_000, 9_999_999, 10_000_000, 9_000_000, 10_000_001])
    monkeypatch.setattr(serve_models, "memory_in_use", lambda: next(readings))
    assert load(server, "near")[0] == 200
    assert load(server, "far") == (507, b"Not enough memory to load model far")
    assert len(loads) == 1
    assert load(server, "far")[0] == 507
    assert len(loads) == 1
    assert load(server, "far")[0] == 507  # it was loaded and turned out to be too much
    assert len(loads) == 2
    assert [model["modelName"] for model in ask(server, "GET", "/models")[1]["models"]] == ["near"]


def test_where_the_system_does_not_tell_the_files_count(models, monkeypatch):
    size = sum(path.stat().st_size for path in (models / "near").rglob("*") if path.is_file())
    monkeypatch.setattr(serve_models, "memory_in_use", lambda: 0)
    server = ModelServer(lambda folder: serve.load_responder("kmeans", folder), {LIMIT: str(int(1.5 * size))})
    assert [load(server, name)[0] for name in ("near", "far")] == [200, 507]
    ask(server, "DELETE", "/models/near")
    assert load(server, "far")[0] == 200


def test_memory_that_ends_while_loading(models):
    def fail(folder):
        raise MemoryError

    assert load(ModelServer(fail, {}), "near")[0] == 507


def test_only_small_predictions_run_on_the_event_loop(server):
    def quick(method, path, body=b""):
        return server.is_quick(Request(method, path, "", "", body, len(body), True))

    assert quick(b"POST", b"/models/near/invoke", ROW) and quick(b"GET", b"/ping")
    assert not quick(b"POST", b"/models/near/invoke", bytes(100_000))
    assert not quick(b"POST", b"/models") and not quick(b"DELETE", b"/models/near")
