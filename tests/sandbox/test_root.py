"""The root of a sandbox."""

from clary.sandbox import root


def test_the_device_files_of_gpus_are_found(tmp_path):
    (tmp_path / "nvidia-caps").mkdir()
    for name in ("null", "nvidia0", "nvidiactl", "nvidia-caps/nvidia-cap1"):
        (tmp_path / name).touch()
    assert root._gpus(tmp_path) == ["nvidia-caps/nvidia-cap1", "nvidia0", "nvidiactl"]
