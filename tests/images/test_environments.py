"""Environments: which version is taken, built once, failed in words, built again."""

import json
import threading
import time

import pytest

from clary import images
from clary.config import Settings
from clary.images import environments, recipes
from clary.images.recipes import Recipe
from clary.images.versions import nearest

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.mark.parametrize(
    ("wanted", "available", "taken"),
    [
        ("1.2.1", ["1.3.0", "1.2.1"], "1.2.1"),
        ("1.0.2", ["1.2.2", "1.1.3", "0.24.0"], "1.1.3"),
        ("3.9", ["3.2.0", "3.10.0rc1", "3.1.3"], "3.2.0"),
        ("1.0", [], ""),
    ],
)
def test_the_version_itself_is_taken_else_the_nearest_newer_else_the_nearest_older(wanted, available, taken):
    assert nearest(wanted, available) == taken


def test_an_image_is_known_by_uri_and_by_name(tmp_path):
    settings = Settings(cache_dir=tmp_path)
    assert images.resolve(settings, SKLEARN) == images.resolve(settings, "scikit-learn:1.2-1")
    assert images.resolve(settings, SKLEARN).recipe.wanted == "1.2.1"
    for text, sentence in (
        ("tensorflow-training:2.1", "is not an image that runs"),
        ("xgboost:new", "AWS's are 0.90-1"),
    ):
        with pytest.raises(images.UnknownImageError, match=sentence):
            images.resolve(settings, text)


def test_without_a_gpu_there_is_one_pytorch_for_all_tags(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "has_gpu", lambda: False)
    settings = Settings(cache_dir=tmp_path, torch_version="2.13.0")
    old, new = (recipes.recipe_of(settings, "pytorch", tag) for tag in ("2.3.0", "2.8.0"))
    assert environments.folder_of(settings, old) == environments.folder_of(settings, new)
    assert "nvidia-cudnn-cu12" in old.unwanted


def test_xgboost_comes_without_cuda():
    recipe = Recipe("xgboost", "3.0-5", "3.0.5")
    assert recipe.requirements("3.0.5")[0] == "xgboost-cpu==3.0.5"
    assert recipe.requirements("1.7.4")[0] == "xgboost==1.7.4"


class FakeBuild:
    """A build that takes its time, and fails while `problem` is set."""

    count, problem = 0, ""

    def __init__(self, recipe, folder, check):
        self.recipe, self.folder, self.check = recipe, folder, check

    def run(self):
        type(self).count += 1
        time.sleep(0.1)
        self.check()
        if self.problem:
            raise images.BuildError(self.problem)
        self.folder.mkdir()
        (self.folder / environments.NOTES).write_text(json.dumps({"version": "1.2.2"}))


@pytest.fixture
def builds(monkeypatch):
    monkeypatch.setattr(environments, "Build", FakeBuild)
    monkeypatch.setattr(FakeBuild, "count", 0)
    monkeypatch.setattr(environments, "_LOOK_SECONDS", 0.01)
    return FakeBuild


def test_two_jobs_that_want_an_environment_at_once_build_it_once(tmp_path, builds):
    image, lines, folders = images.resolve(Settings(cache_dir=tmp_path), SKLEARN), [], []
    threads = [
        threading.Thread(target=lambda: folders.append(image.prepare(lines.append, lambda: None))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (builds.count, len(folders), len(set(folders))) == (1, 3, 1)
    assert sum("got 1.2.2 on Python" in line for line in lines) == 3


def test_a_build_that_failed_is_tried_again(tmp_path, builds, monkeypatch):
    image = images.resolve(Settings(cache_dir=tmp_path), SKLEARN)
    monkeypatch.setattr(builds, "problem", "no such wheel")
    with pytest.raises(images.BuildError, match="no such wheel"):
        image.prepare(print, lambda: None)
    monkeypatch.setattr(builds, "problem", "")
    assert image.prepare(print, lambda: None).exists()


def test_who_waits_for_a_build_can_be_stopped(tmp_path, builds):
    image = images.resolve(Settings(cache_dir=tmp_path), SKLEARN)

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        image.prepare(print, stop)


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("WARNING: Retrying\nFailed to establish a new connection", "clary image build scikit-learn:1.2-1"),
        ("Collecting\nERROR: No matching distribution found for x", "pip failed: ERROR: No matching distribution"),
        ("The user requested (constraint) nvidia-cudnn-cu12<0", "gigabytes of CUDA"),
    ],
)
def test_pips_failure_in_words(tmp_path, monkeypatch, printed, sentence):
    monkeypatch.setattr(recipes, "has_gpu", lambda: False)
    recipe = recipes.recipe_of(Settings(cache_dir=tmp_path), "scikit-learn", "1.2-1")
    build = environments.Build(recipe, tmp_path / "x", lambda: None)
    assert sentence in build._word("pip failed", printed)


def test_a_sandbox_gets_pips_indexes_but_no_files_of_this_machine():
    lines = [
        "global.index-url='https://packages.example/simple'",
        "global.find-links='/opt/wheels https://packages.example/more'",
        ":env:.cert='/etc/ssl/cert.pem'",
        ":env:.client-cert='/root/key.pem'",
        "user.name='x'",
    ]
    assert dict(environments._as_variables(lines)) == {
        "PIP_INDEX_URL": "https://packages.example/simple",
        "PIP_FIND_LINKS": "https://packages.example/more",
        "PIP_CERT": "/etc/ssl/cert.pem",
    }


@pytest.mark.slow  # makes a virtual environment
def test_an_unreachable_index_fails_the_build_and_leaves_its_log(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    image = images.resolve(Settings(cache_dir=tmp_path), SKLEARN)
    with pytest.raises(images.BuildError, match=r"clary image build scikit-learn:1\.2-1"):
        image.prepare(print, lambda: None)
    assert [path.suffix for path in sorted((tmp_path / "environments").iterdir())] == [".lock", ".log"]
