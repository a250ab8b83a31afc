"""Arrays, maps and lambdas. Source: Trino's documentation, "Array functions", "Map functions", "Lambda expressions"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.casts import to_varchar
from clary.sql.errors import SqlError, refusal
from clary.sql.signatures import read_table
from clary.sql.typed import Typed, can_be, coerce
from clary.sql.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DAY_TO_SECOND,
    UNKNOWN,
    VARCHAR,
    WHOLE,
    array_of,
    common_type,
    duckdb_name,
    map_of,
    row_of,
)
from clary.tables.duck_types import quote

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator

SCALARS = read_table("""
    cardinality(array(T)) bigint = len({0})
    cardinality(map(K, V)) bigint = CAST(cardinality({0}) AS BIGINT)
    array_distinct(array(T)) array(T) = clary_distinct({0})
    array_except(array(T), array(T)) array(T) = clary_except({0}, {1})
    array_intersect(array(T), array(T)) array(T) = clary_intersect({0}, {1})
    array_union(array(T), array(T)) array(T) = clary_distinct(clary_concat({0}, {1}))
    arrays_overlap(array(T), array(T)) boolean = clary_overlap({0}, {1})
    array_max(array(T)) T = clary_array_max({0})
    array_min(array(T)) T = clary_array_min({0})
    array_position(array(T), T) bigint = clary_position({0}, {1})
    array_remove(array(T), T) array(T) = clary_remove({0}, {1})
    contains(array(T), T) boolean = clary_contains({0}, {1})
    element_at(array(T), bigint) T = clary_element_at({0}, {1})
    element_at(map(K, V), K) V = clary_map_get({0}, {1})
    flatten(array(array(T))) array(T) = flatten({0})
    repeat(T, bigint) array(T) = clary_repeat({0}, {1})
    slice(array(T), bigint, bigint) array(T) = clary_slice({0}, {1}, {2})
    trim_array(array(T), bigint) array(T) = clary_trim_array({0}, {1})
    map_keys(map(K, V)) array(K) = map_keys({0})
    map_values(map(K, V)) array(V) = map_values({0})
    map_from_entries(array(row(K, V))) map(K, V) = clary_map(clary_firsts_of({0}), clary_seconds_of({0}))
    map(array(K), array(V)) map(K, V) = clary_map({0}, {1})
    sequence(bigint, bigint) array(bigint) = clary_sequence({0}, {1}, CASE WHEN {0} <= {1} THEN 1 ELSE -1 END)
    sequence(bigint, bigint, bigint) array(bigint) = clary_sequence({0}, {1}, {2})
    sequence(date, date) array(date) = clary_date_sequence({0}, {1}, CASE WHEN {0} <= {1} THEN 1 ELSE -1 END)
    contains_sequence(array(T), array(T)) boolean = clary_contains_sequence({0}, {1})
    ngrams(array(T), bigint) array(array(T)) = clary_ngrams({0}, {1})
""")

_FIRST_NULL = "list_position(list_transform(l, lambda f: f IS NULL), true)"

MACROS = {
    "clary_array_subscript(l, i)": """CASE WHEN i > 0 AND i <= len(l) THEN l[i]
        WHEN l IS NULL OR i IS NULL THEN NULL
        WHEN i = 0 THEN clary_invalid('SQL array indices start at 1')
        WHEN i < 0 THEN clary_invalid('Array subscript is negative: ' || i)
        ELSE clary_invalid('Array subscript must be less than or equal to array length: '
            || i || ' > ' || len(l)) END""",
    "clary_map_subscript(m, k, shown)": """CASE WHEN m IS NULL OR k IS NULL THEN NULL WHEN map_contains(m, k) THEN m[k]
        ELSE clary_invalid('Key not present in map: ' || shown) END""",
    "clary_map_get(m, k)": "m[k]",
    "clary_element_at(l, i)": """CASE WHEN i = 0 THEN clary_invalid('SQL array indices start at 1')
        ELSE list_extract(l, i) END""",
    "clary_has_null(l)": "(list_count(l) < len(l))",
    "clary_distinct(l)": f"""list_filter(l, lambda e, i:
        i = CASE WHEN e IS NULL THEN {_FIRST_NULL} ELSE list_position(l, e) END)""",
    "clary_concat(a, b)": "CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_concat(a, b) END",
    "clary_within(l, e)": "CASE WHEN e IS NULL THEN clary_has_null(l) ELSE list_contains(l, e) END",
    "clary_except(a, b)": """CASE WHEN b IS NOT NULL THEN
        list_filter(clary_distinct(a), lambda x: NOT coalesce(clary_within(b, x), false)) END""",
    "clary_intersect(a, b)": """CASE WHEN b IS NOT NULL THEN
        list_filter(clary_distinct(a), lambda x: coalesce(clary_within(b, x), false)) END""",
    "clary_overlap(a, b)": """CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(a, b) THEN true
        WHEN len(a) = 0 OR len(b) = 0 THEN false
        WHEN clary_has_null(a) OR clary_has_null(b) THEN NULL ELSE false END""",
    "clary_array_max(l)": "CASE WHEN NOT clary_has_null(l) THEN list_max(l) END",
    "clary_array_min(l)": "CASE WHEN NOT clary_has_null(l) THEN list_min(l) END",
    "clary_position(l, e)": """CASE WHEN l IS NOT NULL AND e IS NOT NULL
        THEN CAST(coalesce(list_position(l, e), 0) AS BIGINT) END""",
    "clary_remove(l, e)": "CASE WHEN e IS NOT NULL THEN list_filter(l, lambda x: x IS NULL OR x <> e) END",
    "clary_contains(l, e)": """CASE WHEN e IS NULL OR l IS NULL THEN NULL WHEN list_contains(l, e) THEN true
        WHEN clary_has_null(l) THEN NULL ELSE false END""",
    "clary_repeat(e, n)": """CASE WHEN n < 0 THEN clary_invalid('count argument of repeat function '
        || 'must be greater than or equal to 0') WHEN n > 10000
        THEN clary_invalid('count argument of repeat function must be less than or equal to 10000')
        ELSE list_transform(range(n), lambda i: e) END""",
    "clary_slice(l, start, n)": """CASE WHEN l IS NULL OR start IS NULL OR n IS NULL THEN NULL
        WHEN n < 0 THEN clary_invalid('length must be greater than or equal to 0')
        WHEN start = 0 THEN clary_invalid('SQL array indices start at 1')
        WHEN n = 0 OR -start > len(l) OR start > len(l) THEN l[2:1]
        WHEN start < 0 THEN l[len(l) + start + 1:len(l) + start + n] ELSE l[start:start + n - 1] END""",
    "clary_trim_array(l, n)": """CASE WHEN n < 0 THEN clary_invalid('size must not be negative: ' || n)
        WHEN n > len(l) THEN clary_invalid('size must not exceed array cardinality '
            || len(l) || ': ' || n)
        WHEN n IS NOT NULL THEN l[1:len(l) - n] END""",
    "clary_map(k, v)": """CASE WHEN k IS NULL OR v IS NULL THEN NULL WHEN len(k) <> len(v)
        THEN clary_invalid('Key and value arrays must be the same length')
        WHEN clary_has_null(k) THEN clary_invalid('map key cannot be null')
        WHEN len(list_distinct(k)) < len(k)
        THEN clary_invalid('Duplicate map keys are not allowed') ELSE map(k, v) END""",
    "clary_firsts_of(l)": "list_transform(l, lambda e: struct_extract_at(e, 1))",
    "clary_seconds_of(l)": "list_transform(l, lambda e: struct_extract_at(e, 2))",
    "clary_wrong_steps(a, b, step)": """CASE WHEN step = 0 THEN clary_invalid('step must not be zero')
        WHEN (step > 0 AND b < a) OR (step < 0 AND b > a) THEN clary_invalid('sequence stop value '
            || 'should be greater than or equal to start value if step is greater than zero otherwise stop should be '
            || 'less than or equal to start')
        WHEN (b - a) // step >= 10000 THEN clary_invalid('result of sequence function must not '
            || 'have more than 10000 entries') ELSE false END""",
    "clary_sequence(a, b, step)": """CASE WHEN a IS NULL OR b IS NULL OR step IS NULL THEN NULL
        WHEN clary_wrong_steps(a, b, step) THEN NULL
        ELSE list_transform(range((b - a) // step + 1), lambda i: a + i * step) END""",
    "clary_date_sequence(a, b, step)": """CASE WHEN a IS NULL OR b IS NULL OR step IS NULL THEN NULL
        WHEN clary_wrong_steps(0, b - a, step) THEN NULL
        ELSE list_transform(range((b - a) // step + 1), lambda i: a + CAST(i * step AS INTEGER)) END""",
    "clary_time_sequence(a, b, micros)": """CASE WHEN a IS NULL OR b IS NULL OR micros IS NULL THEN NULL
        WHEN clary_wrong_steps(epoch_us(a), epoch_us(b), micros) THEN NULL
        ELSE list_transform(range((epoch_us(b) - epoch_us(a)) // micros + 1), lambda i:
            a + to_microseconds(i * micros)) END""",
    "clary_month_sequence(a, b, months)": """CASE WHEN a IS NULL OR b IS NULL OR months IS NULL THEN NULL
        WHEN clary_wrong_steps(0, CASE WHEN a <= b THEN 1 ELSE -1 END, months) THEN NULL
        ELSE list_filter(list_transform(range(abs(date_sub('month', a, b) // months) + 1),
            lambda i: a + to_months(CAST(i * months AS INTEGER))), lambda t:
            CASE WHEN months > 0 THEN t <= b ELSE t >= b END) END""",
    "clary_contains_sequence(l, part)": """CASE WHEN l IS NULL OR part IS NULL THEN NULL WHEN len(part) = 0 THEN true
        ELSE len(list_filter(range(1, len(l) - len(part) + 2), lambda i: l[i:i + len(part) - 1] = part)) > 0 END""",
    "clary_ngrams(l, n)": """CASE WHEN n <= 0 THEN clary_invalid('N must be positive')
        WHEN len(l) <= n THEN [l] ELSE list_transform(range(1, len(l) - n + 2), lambda i: l[i:i + n - 1]) END""",
    "clary_any(l)": """CASE WHEN l IS NULL THEN NULL WHEN coalesce(list_contains(l, true), false) THEN true
        WHEN clary_has_null(l) THEN NULL ELSE false END""",
    "clary_every(l)": """CASE WHEN l IS NULL THEN NULL WHEN coalesce(list_contains(l, false), false) THEN false
        WHEN clary_has_null(l) THEN NULL ELSE true END""",
    "clary_all_equal(a, b, each)": """CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(a) <> len(b) THEN false
        ELSE clary_every(each) END""",
    "clary_longest(a, b)": "greatest(len(a), len(b))",
}


def _values(translator: ExpressionTranslator, node: tree.Call) -> list[Typed]:
    return [translator.translate(one) for one in node.arguments if not isinstance(one, tree.Lambda)]


def _unexpected(node: tree.Call, values: list[Typed], expected: str) -> SqlError:
    from clary.sql.calls import unexpected

    types = [str(one.type) for one in values] + ["<function>"] * (len(node.arguments) - len(values))
    return unexpected(node, types, [expected])


def _array_and_lambda(translator: ExpressionTranslator, node: tree.Call, expected: str) -> tuple[Typed, str, Typed]:
    """An array, the name of its element in DuckDB, and the body of the lambda over it."""
    values = _values(translator, node)
    if len(node.arguments) != 2 or len(values) != 1 or values[0].type.name != "array":
        raise _unexpected(node, values, expected)
    name = translator.lambda_name()
    body = translator.lambda_of(node.arguments[1], [Typed(name, values[0].type.children[0])])
    return values[0], name, body


def _transform(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    array, name, body = _array_and_lambda(translator, node, "transform(array(T), function(T,U))")
    return Typed(f"list_transform({array.sql}, lambda {name}: {body.sql})", array_of(body.type))


def _truth(body: Typed, node: tree.Call) -> str:
    if body.type == UNKNOWN:
        return "CAST(NULL AS BOOLEAN)"
    if body.type != BOOLEAN:
        raise _unexpected(node, [body], f"{node.name}(array(T), function(T,boolean))")
    return body.sql


def _filter(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    array, name, body = _array_and_lambda(translator, node, "filter(array(T), function(T,boolean))")
    return Typed(f"list_filter({array.sql}, lambda {name}: {_truth(body, node)})", array.type)


def _match(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    array, name, body = _array_and_lambda(translator, node, f"{node.name}(array(T), function(T,boolean))")
    each = f"list_transform({array.sql}, lambda {name}: {_truth(body, node)})"
    function = {"any_match": "clary_any({})", "all_match": "clary_every({})", "none_match": "(NOT clary_any({}))"}
    return Typed(function[node.name].format(each), BOOLEAN)


def _reduce(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """Over structs of state and element: DuckDB's list_reduce wants one type for both."""
    values = _values(translator, node)
    if len(node.arguments) != 4 or len(values) != 2 or values[0].type.name != "array":
        raise _unexpected(node, values, "reduce(array(T), S, function(S,T,S), function(S,R))")
    array, start = values
    element, state = array.type.children[0], start.type
    names = translator.lambda_name(0), translator.lambda_name(1)
    inner = [Typed(f"struct_extract({names[0]}, 's')", state), Typed(f"struct_extract({names[1]}, 'e')", element)]
    body = translator.lambda_of(node.arguments[2], inner)
    if state == UNKNOWN and body.type != UNKNOWN:
        state = body.type
        start = Typed(coerce(start, state), state)
        inner[0] = Typed(inner[0].sql, state)
        body = translator.lambda_of(node.arguments[2], inner)
    if not can_be(body, state):
        raise _unexpected(node, values, "reduce(array(T), S, function(S,T,S), function(S,R))")
    nothing = f"CAST(NULL AS {duckdb_name(element)})"
    first = f"struct_pack(s := CAST({start.sql} AS {duckdb_name(state)}), e := {nothing})"
    pair = f"struct_pack(s := CAST(NULL AS {duckdb_name(state)}), e := clary_e)"
    rest = f"list_transform({array.sql}, lambda clary_e: {pair})"
    step = f"struct_pack(s := CAST({coerce(body, state)} AS {duckdb_name(state)}), e := {nothing})"
    reduced = f"list_reduce(list_prepend({first}, {rest}), lambda {names[0]}, {names[1]}: {step})"
    found = f"CASE WHEN {array.sql} IS NOT NULL THEN struct_extract({reduced}, 's') END"
    name = translator.lambda_name()
    result = translator.lambda_of(node.arguments[3], [Typed(name, state)])
    if result.sql == name:
        return Typed(found, state)
    wrapped = f"list_transform([{found}], lambda {name}: {result.sql})[1]"
    return Typed(f"CASE WHEN {array.sql} IS NOT NULL THEN {wrapped} END", result.type)


def _zip(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if not 2 <= len(values) <= 5 or any(one.type.name != "array" for one in values):
        raise _unexpected(node, values, "zip(array(T1), array(T2))")
    longest = f"greatest({', '.join(f'len({one.sql})' for one in values)})"
    fields = ", ".join(f"{quote(f'field{at}')} := {one.sql}[clary_i]" for at, one in enumerate(values))
    nulls = " OR ".join(f"{one.sql} IS NULL" for one in values)
    sql = f"list_transform(range(1, {longest} + 1), lambda clary_i: struct_pack({fields}))"
    wanted = array_of(row_of([one.type.children[0] for one in values]))
    return Typed(f"CASE WHEN {nulls} THEN NULL ELSE {sql} END", wanted)


def _zip_with(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(node.arguments) != 3 or len(values) != 2 or any(one.type.name != "array" for one in values):
        raise _unexpected(node, values, "zip_with(array(T), array(U), function(T,U,R))")
    one, other = values
    at = translator.lambda_name()
    inner = [Typed(f"{side.sql}[{at}]", side.type.children[0]) for side in values]
    body = translator.lambda_of(node.arguments[2], inner)
    sql = f"list_transform(range(1, clary_longest({one.sql}, {other.sql}) + 1), lambda {at}: {body.sql})"
    return Typed(f"CASE WHEN {one.sql} IS NOT NULL AND {other.sql} IS NOT NULL THEN {sql} END", array_of(body.type))


def _over_map(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """map_filter, transform_keys, transform_values: a lambda over key and value."""
    values = _values(translator, node)
    if len(node.arguments) != 2 or len(values) != 1 or values[0].type.name != "map":
        raise _unexpected(node, values, f"{node.name}(map(K,V), function(K,V,R))")
    value = values[0]
    key_type, value_type = value.type.children
    name = translator.lambda_name()
    entry = [Typed(f"struct_extract({name}, 'key')", key_type), Typed(f"struct_extract({name}, 'value')", value_type)]
    body = translator.lambda_of(node.arguments[1], entry)
    entries = f"map_entries({value.sql})"
    if node.name == "map_filter":
        kept = f"list_filter({entries}, lambda {name}: {_truth(body, node)})"
        return Typed(f"CASE WHEN {value.sql} IS NOT NULL THEN map_from_entries({kept}) END", value.type)
    made = f"list_transform({entries}, lambda {name}: {body.sql})"
    if node.name == "transform_keys":
        return Typed(f"clary_map({made}, map_values({value.sql}))", map_of(body.type, value_type))
    sql = f"CASE WHEN {value.sql} IS NOT NULL THEN map(map_keys({value.sql}), {made}) END"
    return Typed(sql, map_of(key_type, body.type))


def _map_zip_with(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    good = len(node.arguments) == 3 and len(values) == 2 and all(one.type.name == "map" for one in values)
    key = common_type(values[0].type.children[0], values[1].type.children[0]) if good else None
    if key is None:
        raise _unexpected(node, values, "map_zip_with(map(K,V1), map(K,V2), function(K,V1,V2,V3))")
    maps = [coerce(one, map_of(key, one.type.children[1])) for one in values]
    name = translator.lambda_name()
    inner = [Typed(name, key)] + [
        Typed(f"{sql}[{name}]", one.type.children[1]) for sql, one in zip(maps, values, strict=True)
    ]
    body = translator.lambda_of(node.arguments[2], inner)
    keys = f"clary_distinct(list_concat(map_keys({maps[0]}), map_keys({maps[1]})))"
    made = f"map({keys}, list_transform({keys}, lambda {name}: {body.sql}))"
    nulls = f"{maps[0]} IS NULL OR {maps[1]} IS NULL"
    return Typed(f"CASE WHEN {nulls} THEN NULL ELSE {made} END", map_of(key, body.type))


def _map_concat(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) < 2 or any(one.type.name != "map" for one in values):
        raise _unexpected(node, values, "map_concat(map(K,V)...)")
    both = translator.common(values, node.place, "All MAP_CONCAT operands must be the same type")
    texts = [coerce(one, both) for one in values]
    nulls = " OR ".join(f"{one} IS NULL" for one in texts)
    entries = f"list_concat({', '.join(f'clary_entries({one})' for one in reversed(texts))})"
    return Typed(f"CASE WHEN {nulls} THEN NULL ELSE clary_as_map(clary_firsts({entries})) END", both)


def _map(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.calls import apply

    if not node.arguments:
        return Typed("CAST(MAP {} AS MAP(INTEGER, INTEGER))", map_of(UNKNOWN, UNKNOWN))
    return apply(SCALARS["map"], _values(translator, node), node)


def _map_entries(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(values) != 1 or values[0].type.name != "map":
        raise _unexpected(node, values, "map_entries(map(K,V))")
    packed = 'struct_pack("field0" := clary_e.key, "field1" := clary_e.value)'
    sql = f"list_transform(map_entries({values[0].sql}), lambda clary_e: {packed})"
    return Typed(sql, array_of(row_of(list(values[0].type.children))))


def _multimap_from_entries(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    good = len(values) == 1 and values[0].type.name == "array" and len(values[0].type.children[0].children) == 2
    if not good:
        raise _unexpected(node, values, "multimap_from_entries(array(row(K,V)))")
    key, value = values[0].type.children[0].children
    pack = "struct_pack(k := struct_extract_at(clary_e, 1), v := struct_extract_at(clary_e, 2))"
    sql = f"clary_multimap_agg(list_transform({values[0].sql}, lambda clary_e: {pack}))"
    return Typed(sql, map_of(key, array_of(value)))


def _array_join(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    good = len(values) in (2, 3) and values[0].type.name == "array" and all(can_be(one, VARCHAR) for one in values[1:])
    if not good:
        raise _unexpected(node, values, "array_join(array(T), varchar), array_join(array(T), varchar, varchar)")
    array, separator = values[0], coerce(values[1], VARCHAR)
    child = array.type.children[0]
    if child.children or child.name in ("varbinary",):
        raise _unexpected(node, values, "array_join(array(T), varchar)")
    shown = to_varchar(Typed("clary_e", child), node.place) if child != UNKNOWN else "CAST(NULL AS VARCHAR)"
    each = f"list_transform({array.sql}, lambda clary_e: {shown})"
    if len(values) == 3:
        each = f"list_transform({each}, lambda clary_e: coalesce(clary_e, {coerce(values[2], VARCHAR)}))"
    join = "array_to_string" if values[1].constant is not None else "clary_join"
    sql = f"coalesce({join}(list_filter({each}, lambda clary_e: clary_e IS NOT NULL), {separator}), '')"
    return Typed(f"CASE WHEN {array.sql} IS NOT NULL AND {separator} IS NOT NULL THEN {sql} END", VARCHAR)


def _array_sort(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    values = _values(translator, node)
    if len(node.arguments) == 2 and len(values) == 1 and values[0].type.name == "array":
        return _sort_by(translator, node, values[0])
    if len(values) != 1 or values[0].type.name != "array" or values[0].type.children[0].name in ("map", "json"):
        raise _unexpected(node, values, "array_sort(array(E))")
    return Typed(f"list_sort({values[0].sql}, 'ASC', 'NULLS LAST')", values[0].type)


def _sort_by(translator: ExpressionTranslator, node: tree.Call, array: Typed) -> Typed:
    """By a comparator: each element goes behind those that it doesn't come before."""
    element = array.type.children[0]
    kind = duckdb_name(element)
    state, added, other = (translator.lambda_name(number) for number in range(3))
    there, new = Typed(other, element), Typed(f"struct_extract({added}, 'e')", element)
    order = translator.lambda_of(node.arguments[1], [there, new])
    if not can_be(order, BIGINT):
        raise _unexpected(node, [array], "array_sort(array(T), function(T,T,integer))")
    sorted_ = f"struct_extract({state}, 's')"
    failure = "clary_invalid('Lambda comparator must return either -1, 0, or 1')"
    before = f"len(list_filter({sorted_}, lambda {other}: coalesce({order.sql}, {failure}) <= 0))"
    wider = f"list_concat({sorted_}[1:{before}], [{new.sql}], {sorted_}[{before} + 1:])"
    start = f"struct_pack(s := CAST([] AS {kind}[]), e := CAST(NULL AS {kind}))"
    pair = f"struct_pack(s := CAST([] AS {kind}[]), e := clary_e)"
    pairs = f"list_prepend({start}, list_transform({array.sql}, lambda clary_e: {pair}))"
    step = f"struct_pack(s := {wider}, e := CAST(NULL AS {kind}))"
    found = f"struct_extract(list_reduce({pairs}, lambda {state}, {added}: {step}), 's')"
    return Typed(f"CASE WHEN {array.sql} IS NOT NULL THEN {found} END", array.type)


def _sequence(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.calls import apply

    values = _values(translator, node)
    if len(values) != 3 or values[2].type.name in (*WHOLE, "unknown"):
        return apply(SCALARS["sequence"], values, node)
    both = common_type(values[0].type, values[1].type)
    step = values[2]
    if both is None or both.name not in ("date", "timestamp") or not step.type.name.startswith("interval"):
        raise _unexpected(node, values, "sequence(bigint, bigint, bigint), sequence(date, date, interval)")
    first, last = (coerce(one, both) for one in values[:2])
    if step.type == DAY_TO_SECOND:
        name, distance = "clary_time_sequence", f"epoch_us({step.sql})"
    else:
        name, distance = "clary_month_sequence", f"clary_months({step.sql})"
    sql = f"{name}(CAST({first} AS TIMESTAMP), CAST({last} AS TIMESTAMP), {distance})"
    return Typed(f"CAST({sql} AS DATE[])" if both == DATE else sql, array_of(both))


def _same_elements(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """Functions that compare elements: not over elements that DuckDB compares otherwise than Trino."""
    from clary.sql.calls import apply

    values = _values(translator, node)
    for one in values:
        if one.type.name == "array" and one.type.children[0].children:
            raise refusal(f"{node.name} of {one.type}", node.place)
    return apply(SCALARS[node.name], values, node)


_COMPARING = (
    "array_distinct array_except array_intersect array_union arrays_overlap array_max array_min array_position "
    "array_remove contains contains_sequence"
).split()

SPECIAL = {
    "transform": _transform,
    "filter": _filter,
    "any_match": _match,
    "all_match": _match,
    "none_match": _match,
    "reduce": _reduce,
    "zip": _zip,
    "zip_with": _zip_with,
    "map_filter": _over_map,
    "transform_keys": _over_map,
    "transform_values": _over_map,
    "map_zip_with": _map_zip_with,
    "map_concat": _map_concat,
    "map": _map,
    "map_entries": _map_entries,
    "multimap_from_entries": _multimap_from_entries,
    "array_join": _array_join,
    "array_sort": _array_sort,
    "sequence": _sequence,
    **dict.fromkeys(_COMPARING, _same_elements),
}
PYTHON: dict[str, object] = {}
