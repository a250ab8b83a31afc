"""Aggregates and window functions. Source: Trino's documentation, "Aggregate functions" and "Window functions".

In a template {d} is DISTINCT, {o} ORDER BY, {w} what follows the call (FILTER, OVER), {n} IGNORE NULLS. A template
without {d} takes no DISTINCT; one without {o} gives the same in every order. approx_distinct counts exactly, which is
within every error.
"""

from __future__ import annotations

from collections.abc import Callable

from clary.sql import tree
from clary.sql.errors import SqlError, refusal
from clary.sql.operators import divide_decimals
from clary.sql.signatures import Signature, read_table
from clary.sql.typed import Typed, coerce
from clary.sql.types import BIGINT, DOUBLE, NUMBERS, REAL, WHOLE, array_of, decimal_of

_CONSTANTS = ("integer", "decimal", "double")

TABLE = read_table("""
    count() bigint = count(*){w}
    count(T) bigint = count({d}{0}){w}
    count_if(boolean) bigint = CAST(coalesce(sum(CASE WHEN {0} THEN 1 ELSE 0 END){w}, 0) AS BIGINT)
    bool_and(boolean) boolean = bool_and({d}{0}){w}
    every(boolean) boolean = bool_and({d}{0}){w}
    bool_or(boolean) boolean = bool_or({d}{0}){w}
    any_value(T) T = any_value({0}{o}){w}
    arbitrary(T) T = any_value({0}{o}){w}
    array_agg(T) array(T) = array_agg({d}{0}{o}){w}
    listagg(varchar) varchar = string_agg({d}{0}, ''{o}){w}
    listagg(varchar, varchar) varchar = string_agg({d}{0}, {1}{o}){w}
    bitwise_and_agg(bigint) bigint = bit_and({d}{0}){w}
    bitwise_or_agg(bigint) bigint = bit_or({d}{0}){w}
    approx_distinct(T) bigint = count(DISTINCT {0}){w}
    approx_distinct(T, double) bigint = count(DISTINCT {0}){w}
    stddev(double) double = stddev_samp({d}{0}){w}
    stddev_samp(double) double = stddev_samp({d}{0}){w}
    stddev_pop(double) double = stddev_pop({d}{0}){w}
    variance(double) double = var_samp({d}{0}){w}
    var_samp(double) double = var_samp({d}{0}){w}
    var_pop(double) double = var_pop({d}{0}){w}
    corr(double, double) double = clary_finite(corr({0}, {1}){w})
    covar_pop(double, double) double = covar_pop({0}, {1}){w}
    covar_samp(double, double) double = covar_samp({0}, {1}){w}
    regr_slope(double, double) double = clary_finite(regr_slope({0}, {1}){w})
    regr_intercept(double, double) double = clary_finite(regr_intercept({0}, {1}){w})
    kurtosis(double) double = kurtosis({0}){w}
    skewness(double) double = (skewness({0}){w} * (count({0}){w} - 2) / sqrt(count({0}){w} * (count({0}){w} - 1)))
    geometric_mean(double) double = exp(avg(clary_ln({0})){w})
    histogram(T) map(T, bigint) = clary_counts(histogram({0}){w})
    map_agg(K, V) map(K, V) = clary_map_agg(list(struct_pack(k := {0}, v := {1}){o}){w})
    multimap_agg(K, V) map(K, array(V)) = clary_multimap_agg(list(struct_pack(k := {0}, v := {1}){o}){w})
    map_union(map(K, V)) map(K, V) = clary_map_agg(flatten(list(clary_entries({0})){w}))
""")

WINDOWS = read_table("""
    row_number() bigint = row_number(){w}
    rank() bigint = rank(){w}
    dense_rank() bigint = dense_rank(){w}
    percent_rank() double = percent_rank(){w}
    cume_dist() double = cume_dist(){w}
    ntile(bigint) bigint = ntile(clary_positive({0})){w}
    first_value(T) T = first_value({0}{n}){w}
    last_value(T) T = last_value({0}{n}){w}
    nth_value(T, bigint) T = nth_value({0}, clary_at_least({1}, 1, 'Offset'){n}){w}
    lag(T) T = lag({0}{n}){w}
    lag(T, bigint) T = lag({0}, clary_at_least({1}, 0, 'Offset'){n}){w}
    lag(T, bigint, T) T = lag({0}, clary_at_least({1}, 0, 'Offset'), {2}{n}){w}
    lead(T) T = lead({0}{n}){w}
    lead(T, bigint) T = lead({0}, clary_at_least({1}, 0, 'Offset'){n}){w}
    lead(T, bigint, T) T = lead({0}, clary_at_least({1}, 0, 'Offset'), {2}{n}){w}
""")

MACROS = {
    "clary_at_least(n, least, name)": """CASE WHEN n < least
        THEN clary_invalid(name || ' must be at least ' || least) ELSE n END""",
    "clary_positive(n)": "CASE WHEN n <= 0 THEN clary_invalid('Buckets must be greater than 0') ELSE n END",
    "clary_counts(m)": """CASE WHEN m IS NOT NULL
        THEN map(map_keys(m), list_transform(map_values(m), lambda e: CAST(e AS BIGINT))) END""",
    "clary_finite(x)": "CASE WHEN isfinite(x) THEN x END",
    "clary_entries(m)": "list_transform(map_entries(m), lambda e: struct_pack(k := e.key, v := e.value))",
    "clary_known(l)": "list_filter(l, lambda e: e.k IS NOT NULL)",
    "clary_firsts(l)": """CASE WHEN len(list_distinct(list_transform(l, lambda e: e.k))) = len(l) THEN l
        ELSE list_filter(l, lambda e, i: list_position(list_transform(l, lambda f: f.k), e.k) = i) END""",
    "clary_as_map(l)": "map(list_transform(l, lambda e: e.k), list_transform(l, lambda e: e.v))",
    "clary_map_agg(l)": "CASE WHEN len(clary_known(l)) > 0 THEN clary_as_map(clary_firsts(clary_known(l))) END",
    "clary_multimap_agg(l)": """CASE WHEN len(clary_known(l)) > 0 THEN
        map(list_transform(clary_firsts(clary_known(l)), lambda e: e.k), list_transform(clary_firsts(clary_known(l)),
            lambda e: list_transform(list_filter(l, lambda f: f.k = e.k), lambda f: f.v))) END""",
}

_INTERVALS = ("interval day to second", "interval year to month")
_MONTHS = "(12 * date_part('year', {0}) + date_part('month', {0}))"

Handler = Callable[[tree.Call, list[Typed], str, str, str], Typed]


def _unexpected(node: tree.Call, arguments: list[Typed], expected: str) -> SqlError:
    from clary.sql.calls import unexpected

    return unexpected(node, [str(one.type) for one in arguments], [expected])


def _sum(node: tree.Call, arguments: list[Typed], distinct: str, _order: str, after: str) -> Typed:
    """Of whole numbers a bigint that may not overflow, of decimals one of 38 digits."""
    if len(arguments) != 1 or arguments[0].type.name not in (*NUMBERS, "unknown", *_INTERVALS):
        raise _unexpected(node, arguments, "sum(bigint), sum(double), sum(decimal(p,s)), sum(real)")
    value = arguments[0]
    kind = value.type.name
    if kind in (*WHOLE, "unknown"):
        return Typed(f"CAST(sum({distinct}{coerce(value, BIGINT)}){after} AS BIGINT)", BIGINT)
    if kind == "decimal":
        wanted = decimal_of(38, value.type.sizes[1])
        return Typed(f"CAST(sum({distinct}{value.sql}){after} AS DECIMAL(38,{value.type.sizes[1]}))", wanted)
    if kind == "interval day to second":
        return Typed(f"to_microseconds(CAST(sum({distinct}epoch_us({value.sql})){after} AS BIGINT))", value.type)
    if kind == "interval year to month":
        return Typed(f"to_months(CAST(sum({distinct}{_MONTHS.format(value.sql)}){after} AS INTEGER))", value.type)
    return Typed(f"CAST(sum({distinct}{value.sql}){after} AS {'FLOAT' if kind == 'real' else 'DOUBLE'})", value.type)


def _avg(node: tree.Call, arguments: list[Typed], distinct: str, _order: str, after: str) -> Typed:
    """Of whole numbers a double; of decimals and intervals one of the same kind, rounded half up."""
    if len(arguments) != 1 or arguments[0].type.name not in (*NUMBERS, "unknown", *_INTERVALS):
        raise _unexpected(node, arguments, "avg(bigint), avg(double), avg(decimal(p,s)), avg(real)")
    value = arguments[0]
    if value.type.name == "interval day to second":  # of milliseconds, as sums of it are
        mean = f"floor(avg({distinct}epoch_us({value.sql})){after} / 1000 + 0.5)"
        return Typed(f"to_milliseconds(CAST({mean} AS BIGINT))", value.type)
    if value.type.name == "interval year to month":
        mean = f"floor(avg({distinct}{_MONTHS.format(value.sql)}){after} + 0.5)"
        return Typed(f"to_months(CAST({mean} AS INTEGER))", value.type)
    if value.type.name == "decimal":
        total = Typed(f"sum({distinct}{value.sql}){after}", decimal_of(38, value.type.sizes[1]))
        count = f"count({distinct}{value.sql}){after}"
        number = Typed(f"CAST(CASE WHEN {count} = 0 THEN NULL ELSE {count} END AS DECIMAL(19,0))", decimal_of(19, 0))
        return Typed(divide_decimals(total, number, value.type), value.type)
    if value.type == REAL:
        return Typed(f"CAST(avg({distinct}{value.sql}){after} AS FLOAT)", REAL)
    return Typed(f"avg({distinct}{coerce(value, DOUBLE)}){after}", DOUBLE)


def _extreme(node: tree.Call, arguments: list[Typed], _distinct: str, _order: str, after: str) -> Typed:
    """NaN is neither: it comes only where there is nothing else."""
    if not 1 <= len(arguments) <= 2:
        raise _unexpected(node, arguments, f"{node.name}(E), {node.name}(E, bigint)")
    value = arguments[0]
    if value.type.name in ("map", "json", "row", "array"):
        raise refusal(f"{node.name} of {value.type}", node.place)
    if len(arguments) == 2:
        sql = f"{node.name}({value.sql}, {coerce(arguments[1], BIGINT)}){after}"
        return Typed(f"list_transform({sql}, lambda clary_e: clary_e)", array_of(value.type))
    drawn = isinstance(node.arguments[0], tree.Call) and node.arguments[0].name in ("random", "rand")
    if value.type.name in ("real", "double") and not drawn:
        clean = f"{node.name}(CASE WHEN NOT isnan({value.sql}) THEN {value.sql} END){after}"
        return Typed(f"coalesce({clean}, {node.name}({value.sql}){after})", value.type)
    return Typed(f"{node.name}({value.sql}){after}", value.type)


def _extreme_by(node: tree.Call, arguments: list[Typed], distinct: str, _order: str, after: str) -> Typed:
    name = "arg_max" if node.name == "max_by" else "arg_min"
    if not 2 <= len(arguments) <= 3 or distinct:
        raise _unexpected(node, arguments, f"{node.name}(V, K), {node.name}(V, K, bigint)")
    value, key = arguments[:2]
    if key.type.name in ("real", "double"):
        key = Typed(f"CASE WHEN NOT isnan({key.sql}) THEN {key.sql} END", key.type)
    if len(arguments) == 2:
        return Typed(f"struct_extract({name}(struct_pack(v := {value.sql}), {key.sql}){after}, 'v')", value.type)
    if node.window is not None:
        raise refusal(f"{node.name} of several values over a window", node.place)
    way = "DESC" if node.name == "max_by" else "ASC"
    pairs = f"list(struct_pack(k := {key.sql}, v := {value.sql}) ORDER BY {key.sql} {way} NULLS LAST){after}"
    first = f"list_filter({pairs}, lambda clary_e: clary_e.k IS NOT NULL)[1:{coerce(arguments[2], BIGINT)}]"
    return Typed(f"list_transform({first}, lambda clary_e: clary_e.v)", array_of(value.type))


def _approx_percentile(node: tree.Call, arguments: list[Typed], _distinct: str, _order: str, after: str) -> Typed:
    """By a t-digest: near, as Trino's is."""
    if len(arguments) != 2 or arguments[0].type.name not in (*NUMBERS, "unknown"):
        if len(arguments) > 2:
            raise refusal("approx_percentile with weights or an accuracy", node.place)
        raise _unexpected(node, arguments, "approx_percentile(double, double)")
    value, percentage = arguments
    kind = value.type if value.type.name in ("real", "bigint") else BIGINT if value.type.name in WHOLE else DOUBLE
    share = node.arguments[1]
    shares = share.items if isinstance(share, tree.Array) else [share]
    values = [one.value for one in shares if isinstance(one, tree.Literal) and one.kind in _CONSTANTS]
    if len(values) < len(shares):
        raise refusal("approx_percentile with percentages that are no constants", node.place)
    if not all(0 <= float(one) <= 1 for one in values):
        raise SqlError("INVALID_FUNCTION_ARGUMENT", "Percentile must be between 0 and 1", share.place)
    numbers = [f"CAST({one} AS FLOAT)" for one in values]
    wanted = f"[{', '.join(numbers)}]" if percentage.type.name == "array" else numbers[0]
    found = f"approx_quantile({coerce(value, kind)}, {wanted}){after}"
    if percentage.type.name == "array":
        return Typed(f"list_transform({found}, lambda clary_e: CAST(clary_e AS {_name(kind.name)}))", array_of(kind))
    return Typed(f"CAST({found} AS {_name(kind.name)})", kind)


def _name(kind: str) -> str:
    return {"real": "FLOAT", "bigint": "BIGINT"}.get(kind, "DOUBLE")


AGGREGATES: dict[str, list[Signature] | Handler] = {
    **TABLE,
    "sum": _sum,
    "avg": _avg,
    "min": _extreme,
    "max": _extreme,
    "min_by": _extreme_by,
    "max_by": _extreme_by,
    "approx_percentile": _approx_percentile,
}
