from clary.tables.partition_paths import NULL, escape, folder_of, parse_folder


def test_what_would_mean_something_in_a_path_is_escaped():
    assert escape("a/b=c:d %") == "a%2Fb%3Dc%3Ad %25"


def test_a_folder_and_back():
    folder = folder_of(["day", "city"], ["2026-12-01 10:00", None])
    assert folder == f"day=2026-12-01 10%3A00/city={NULL}"
    assert [parse_folder(part) for part in folder.split("/")] == [("day", "2026-12-01 10:00"), ("city", None)]


def test_a_folder_without_a_name_is_no_partition():
    assert parse_folder("2026") is None
    assert parse_folder("=2026") is None
