from concurrent.futures import ThreadPoolExecutor

import pytest

from clary.clock import MovedClock
from clary.store.database import Database
from clary.store.pages import BadToken
from clary.store.records import Draft, Key, Query, Record, RecordExists, Records


@pytest.fixture
def records(database: Database, clock: MovedClock) -> Records:
    return Records(database, clock)


def key(name: str, kind: str = "model") -> Key:
    return Key(kind, "000000000000", "us-east-1", name)


def find(records: Records, **query: object) -> list[str]:
    page = records.find("model", "000000000000", "us-east-1", Query(**query))
    return [record.key.name for record in page.records]


def test_a_record_comes_back_as_it_was_stored(records: Records) -> None:
    body = {"A": 1, "B": [1.5, None, True], "C": {"D": 'ü"\n\u2028'}}
    created = records.create(key("a"), body, status="InService")
    assert records.get(key("a")) == created
    assert (created.body, created.status, created.created) == (body, "InService", 1_700_000_000.0)
    assert records.get(key("b")) is None
    assert records.get(key("a")._replace(region="eu-west-1")) is None


def test_a_key_is_taken_once(records: Records) -> None:
    records.create(key("a"), {"first": 1})
    with pytest.raises(RecordExists, match="model a exists already"):
        records.create(key("a"), {"second": 2})
    records.create(key("a", kind="endpoint"), {})
    found = records.get(key("a"))
    assert found and found.body == {"first": 1}


def test_change_alters_body_and_status_and_notes_the_time(records: Records, clock: MovedClock) -> None:
    records.create(key("a"), {"Steps": [1]}, status="Creating")
    clock.move(5)

    def alter(record: Record) -> None:
        record.status = "InService"
        record.body["Steps"].append(2)

    changed = records.change(key("a"), alter)
    assert changed == records.get(key("a"))
    assert changed and (changed.status, changed.body) == ("InService", {"Steps": [1, 2]})
    assert changed.modified - changed.created == 5
    assert records.change(key("b"), alter) is None


def test_a_change_that_raises_changes_nothing(records: Records) -> None:
    records.create(key("a"), {"n": 1})

    def fail(record: Record) -> None:
        record.body["n"] = 2
        raise KeyError("no")

    with pytest.raises(KeyError):
        records.change(key("a"), fail)
    found = records.get(key("a"))
    assert found and found.body == {"n": 1}


def test_put_creates_and_replaces(records: Records, clock: MovedClock) -> None:
    records.put(key("a"), {"n": 1})
    clock.move(7)
    records.put(key("a"), {"n": 2}, status="Active")
    found = records.get(key("a"))
    assert found and (found.body, found.status, found.modified - found.created) == ({"n": 2}, "Active", 7)


def test_delete_returns_what_was_there(records: Records) -> None:
    record = records.create(key("a"), {"n": 1})
    assert records.delete(key("a")) == record
    assert records.delete(key("a")) is None
    records.create(key("a"), {})


def test_find_filters(records: Records, clock: MovedClock) -> None:
    start = clock.now()
    for name, status, owner in (("ab", "Ok", "x"), ("Abc", "Failed", "y"), ("b_%", "Ok", "x"), ("bz", "Ok", "z'")):
        records.create(key(name), {"Owner": owner}, status=status)
        clock.move(10)
    records.create(key("ab", kind="endpoint"), {})
    records.change(key("ab"), lambda record: record.body.update(New="1"))
    assert find(records) == ["bz", "b_%", "Abc", "ab"]
    assert find(records, name_contains="b_") == ["b_%"]
    assert find(records, name_contains="a") == ["ab"]
    assert find(records, name_prefix="b", order_by="name", descending=False) == ["b_%", "bz"]
    assert find(records, status="Failed") == ["Abc"]
    assert find(records, where={"Owner": "x"}) == ["b_%", "ab"]
    assert find(records, where={"Owner": "z'"}) == ["bz"]
    assert find(records, where={"Missing": "x"}) == []
    assert find(records, created_after=start, created_before=start + 25) == ["b_%", "Abc"]
    assert find(records, modified_after=start + 35) == ["ab"]
    assert find(records, modified_before=start + 15) == ["Abc"]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("order_by", ["name", "created", "modified", "status"])
def test_pages_join_to_the_whole_in_every_order(
    records: Records, clock: MovedClock, order_by: str, descending: bool
) -> None:
    for number in range(23):
        records.create(key(f"{number * 7 % 23:02}"), {}, status=f"s{number % 3}")
        clock.move(number % 4)  # some share their time of creation
    whole = find(records, order_by=order_by, descending=descending)
    query = Query(order_by=order_by, descending=descending, limit=5)
    seen = list(records.walk("model", "000000000000", "us-east-1", query))
    assert query.token == ""
    assert [record.key.name for record in seen] == whole
    values = [(getattr(record, order_by, record.key.name), record.key.name) for record in seen]
    assert values == sorted(values, reverse=descending)
    assert len(set(whole)) == 23


def test_a_listing_is_not_upset_by_what_is_created_and_deleted_meanwhile(records: Records) -> None:
    for name in "bdfhj":
        records.create(key(name), {})
    query = Query(order_by="name", descending=False, limit=2)
    first = records.find("model", "000000000000", "us-east-1", query)
    records.create(key("a"), {})
    records.create(key("e"), {})
    records.delete(key("d"))  # the very record that the token points at
    query.token = first.next_token
    second = records.find("model", "000000000000", "us-east-1", query)
    assert [record.key.name for record in second.records] == ["e", "f"]


def test_an_exact_last_page_has_no_token(records: Records) -> None:
    for name in "ab":
        records.create(key(name), {})
    assert records.find("model", "000000000000", "us-east-1", Query(limit=2)).next_token == ""


def test_a_token_holds_for_its_own_query_only(records: Records) -> None:
    for name in "abc":
        records.create(key(name), {})
    token = records.find("model", "000000000000", "us-east-1", Query(limit=1)).next_token
    assert find(records, limit=2, token=token) == ["b", "a"]  # the page size may change on the way
    for other in ({"descending": False}, {"name_contains": "a"}, {"where": {"A": "b"}}):
        with pytest.raises(BadToken):
            find(records, limit=1, token=token, **other)
    with pytest.raises(BadToken):
        records.find("endpoint", "000000000000", "us-east-1", Query(limit=1, token=token))


def test_every_goes_over_accounts_and_regions(records: Records, clock: MovedClock) -> None:
    for region in ("us-east-1", "eu-west-1"):
        records.create(key("a")._replace(region=region), {})
        clock.move(1)
    records.create(key("x", kind="endpoint"), {})
    assert [record.key.region for record in records.every("model")] == ["us-east-1", "eu-west-1"]


def test_a_number_of_every_body_is_read_without_the_bodies(records: Records, clock: MovedClock) -> None:
    keys = [Key("event", "1", region, name) for region, name in (("us-east-1", "b"), ("eu-west-1", "a"))]
    for due, key in enumerate(keys):
        records.create(key, {"Due": due + 0.5, "Payload": "x"})
        clock.move(1)
    assert list(records.every_with("event", "Due")) == [(keys[0], 0.5), (keys[1], 1.5)]


def test_ten_clients_at_once_lose_no_change(records: Records) -> None:
    records.create(key("counter"), {"n": 0})

    def count(worker: int) -> int:
        won = 0
        for number in range(10):
            records.change(key("counter"), lambda record: record.body.update(n=record.body["n"] + 1))
            try:
                records.create(key(f"shared-{number}"), {"by": worker})
                won += 1
            except RecordExists:
                assert records.get(key(f"shared-{number}"))
        return won

    with ThreadPoolExecutor(10) as pool:
        won = sum(pool.map(count, range(10)))
    found = records.get(key("counter"))
    assert found and found.body == {"n": 100}
    assert won == 10


def test_records_are_made_under_another_with_its_count(records: Records) -> None:
    records.create(key("parent"), {"count": 0})

    def make(parent: Record) -> Draft:
        parent.body["count"] += 1
        return Draft(key(f"parent/{parent.body['count']}"), {"of": parent.key.name}, "New")

    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda _: records.create_under(key("parent"), make), range(30)))
    assert {record.key.name for record in made if record} == {f"parent/{number + 1}" for number in range(30)}
    assert records.get(key("parent/30")) in made
    parent = records.get(key("parent"))
    assert parent and parent.body == {"count": 30}
    assert records.create_under(key("nobody"), make) is None


def test_a_taken_key_leaves_the_parent_alone(records: Records) -> None:
    records.create(key("parent"), {"count": 0})

    def make(parent: Record) -> Draft:
        parent.body["count"] += 1
        return Draft(key("parent"), {})

    with pytest.raises(RecordExists):
        records.create_under(key("parent"), make)
    parent = records.get(key("parent"))
    assert parent and parent.body == {"count": 0}


def test_a_record_stays_when_the_check_of_it_raises(records: Records) -> None:
    records.create(key("a"), {"locked": True})

    def check(record: Record) -> None:
        if record.body["locked"]:
            raise PermissionError(record.key.name)

    with pytest.raises(PermissionError):
        records.delete(key("a"), check)
    assert records.get(key("a"))
    records.change(key("a"), lambda record: record.body.update(locked=False))
    assert records.delete(key("a"), check)
    assert records.get(key("a")) is None


def test_records_below_a_prefix_go_at_once(records: Records) -> None:
    for name in ("a/1", "a/2", "a", "ab/1", "b/1"):
        records.create(key(name), {})
    records.create(key("a/1", kind="endpoint"), {})
    records.delete_below("model", "000000000000", "us-east-1", "a/")
    assert sorted(find(records)) == ["a", "ab/1", "b/1"]
    assert records.get(key("a/1", kind="endpoint")) is not None
