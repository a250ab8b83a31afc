"""Numbers. Source: Trino's documentation, "Mathematical functions and operators" and "Bitwise functions"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.operators import arithmetic
from clary.sql.signatures import read_table
from clary.sql.typed import Typed, cast_to, coerce
from clary.sql.types import BIGINT, DOUBLE, WHOLE, decimal_of

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator

_UP_TO = "CAST(floor(random() * clary_bound(CAST({1} AS BIGINT) - {0})) AS BIGINT)"
_DRAWS = "".join(
    f"""
    {name}({kind}) {kind} = CAST(floor(random() * clary_bound({{0}})) AS {kind.upper()})
    {name}({kind}, {kind}) {kind} = CAST({{0}} + {_UP_TO} AS {kind.upper()})
    """
    for name in ("random", "rand")
    for kind in ("tinyint", "smallint", "integer", "bigint")
)

SCALARS = read_table(
    """
    abs(tinyint) tinyint = abs({0})
    abs(smallint) smallint = abs({0})
    abs(integer) integer = abs({0})
    abs(bigint) bigint = abs({0})
    abs(real) real = abs({0})
    abs(double) double = abs({0})
    abs(decimal) 0 = abs({0})
    cbrt(double) double = clary_cbrt({0})
    e() double = exp(CAST(1 AS DOUBLE))
    exp(double) double = exp({0})
    ln(double) double = clary_ln({0})
    log2(double) double = clary_log2({0})
    log10(double) double = clary_log10({0})
    log(double, double) double = (clary_ln({1}) / clary_ln({0}))
    pi() double = pi()
    pow(double, double) double = pow({0}, {1})
    power(double, double) double = pow({0}, {1})
    radians(double) double = radians({0})
    degrees(double) double = degrees({0})
    sqrt(double) double = clary_sqrt({0})
    sin(double) double = clary_sin({0})
    cos(double) double = clary_cos({0})
    tan(double) double = clary_tan({0})
    asin(double) double = clary_asin({0})
    acos(double) double = clary_acos({0})
    atan(double) double = atan({0})
    atan2(double, double) double = atan2({0}, {1})
    sinh(double) double = sinh({0})
    cosh(double) double = cosh({0})
    tanh(double) double = tanh({0})
    nan() double = CAST('nan' AS DOUBLE)
    infinity() double = CAST('inf' AS DOUBLE)
    is_nan(real) boolean = isnan({0})
    is_nan(double) boolean = isnan({0})
    is_finite(double) boolean = isfinite({0})
    is_infinite(double) boolean = isinf({0})
    sign(tinyint) tinyint = CAST(sign({0}) AS TINYINT)
    sign(smallint) smallint = CAST(sign({0}) AS SMALLINT)
    sign(integer) integer = CAST(sign({0}) AS INTEGER)
    sign(bigint) bigint = CAST(sign({0}) AS BIGINT)
    sign(decimal) decimal(1,0) = CAST(sign({0}) AS DECIMAL(1,0))
    sign(real) real = CAST(clary_sign({0}) AS FLOAT)
    sign(double) double = clary_sign({0})
    random() double = random()
    rand() double = random()
    to_base(bigint, bigint) varchar = clary_to_base({0}, {1})
    from_base(varchar, bigint) bigint = clary_from_base({0}, {1})
    width_bucket(double, double, double, bigint) bigint = clary_width_bucket({0}, {1}, {2}, {3})
    width_bucket(double, array(double)) bigint = clary_width_bucket_of({0}, {1})
    bitwise_and(bigint, bigint) bigint = ({0} & {1})
    bitwise_or(bigint, bigint) bigint = ({0} | {1})
    bitwise_xor(bigint, bigint) bigint = xor({0}, {1})
    bitwise_not(bigint) bigint = (~{0})
    bitwise_left_shift(tinyint, bigint) tinyint = CAST(clary_shift_left({0}, {1}, 8) AS TINYINT)
    bitwise_left_shift(smallint, bigint) smallint = CAST(clary_shift_left({0}, {1}, 16) AS SMALLINT)
    bitwise_left_shift(integer, bigint) integer = CAST(clary_shift_left({0}, {1}, 32) AS INTEGER)
    bitwise_left_shift(bigint, bigint) bigint = CAST(clary_shift_left({0}, {1}, 64) AS BIGINT)
    bitwise_right_shift(tinyint, bigint) tinyint = CAST(clary_shift_right({0}, {1}, 8) AS TINYINT)
    bitwise_right_shift(smallint, bigint) smallint = CAST(clary_shift_right({0}, {1}, 16) AS SMALLINT)
    bitwise_right_shift(integer, bigint) integer = CAST(clary_shift_right({0}, {1}, 32) AS INTEGER)
    bitwise_right_shift(bigint, bigint) bigint = CAST(clary_shift_right({0}, {1}, 64) AS BIGINT)
    bitwise_right_shift_arithmetic(tinyint, bigint) tinyint = CAST(clary_shift_signed({0}, {1}) AS TINYINT)
    bitwise_right_shift_arithmetic(smallint, bigint) smallint = CAST(clary_shift_signed({0}, {1}) AS SMALLINT)
    bitwise_right_shift_arithmetic(integer, bigint) integer = CAST(clary_shift_signed({0}, {1}) AS INTEGER)
    bitwise_right_shift_arithmetic(bigint, bigint) bigint = CAST(clary_shift_signed({0}, {1}) AS BIGINT)
    bit_count(bigint, bigint) bigint = clary_bit_count({0}, {1})
"""
    + _DRAWS
)

_NAN = "CAST('nan' AS DOUBLE)"
_WITHIN = "CASE WHEN x BETWEEN -1 AND 1 THEN {}(x) WHEN x IS NOT NULL THEN " + _NAN + " END"
_BY_ZERO = "b = 0 AND a IS NOT NULL THEN clary_fail('DIVISION_BY_ZERO: Division by zero')"  # NULL / 0 is NULL

MACROS = {
    "clary_divide(a, b)": f"CASE WHEN {_BY_ZERO} ELSE a // b END",
    "clary_modulus(a, b)": f"CASE WHEN {_BY_ZERO} ELSE a % b END",
    "clary_divide_rounded(a, b)": f"""CASE WHEN {_BY_ZERO}
        ELSE (abs(a) * 2 + abs(b)) // (abs(b) * 2) * CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END END""",
    **{
        f"clary_{name}(x)": f"""CASE WHEN x > 0 THEN {name}(x) WHEN x = 0 THEN CAST('-inf' AS DOUBLE)
            WHEN x < 0 THEN {_NAN} END"""
        for name in ("ln", "log2", "log10")
    },
    "clary_sqrt(x)": f"CASE WHEN x >= 0 THEN sqrt(x) WHEN x < 0 THEN {_NAN} END",
    # The C library's is one digit off for some cubes; one step of Newton's mends it.
    "clary_cbrt(x)": """CASE WHEN x = 0 OR NOT isfinite(x) THEN x
        ELSE cbrt(x) - (cbrt(x) * cbrt(x) * cbrt(x) - x) / (3 * cbrt(x) * cbrt(x)) END""",
    "clary_asin(x)": _WITHIN.format("asin"),
    "clary_acos(x)": _WITHIN.format("acos"),
    **{
        f"clary_{name}(x)": f"CASE WHEN isfinite(x) THEN {name}(x) WHEN x IS NOT NULL THEN {_NAN} END"
        for name in ("sin", "cos", "tan")
    },
    "clary_sign(x)": "CASE WHEN isnan(x) THEN x ELSE CAST(sign(x) AS DOUBLE) END",
    "clary_bound(n)": """CASE WHEN n <= 0 THEN clary_invalid('bound must be positive') ELSE n END""",
    "clary_to_base(n, radix)": """CASE WHEN radix NOT BETWEEN 2 AND 36
        THEN clary_invalid('Radix must be between 2 and 36')
        ELSE CASE WHEN n < 0 THEN '-' ELSE '' END || lower(to_base(abs(n), CAST(radix AS INTEGER))) END""",
    "clary_width_bucket(x, low, high, n)": """CASE WHEN n <= 0
        THEN clary_invalid('bucketCount must be greater than 0')
        WHEN isnan(x) THEN clary_invalid('operand must not be NaN')
        WHEN NOT isfinite(low) OR NOT isfinite(high)
        THEN clary_invalid('bounds must be finite')
        WHEN low = high THEN clary_invalid('bounds cannot equal each other')
        WHEN low < high THEN CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1
            ELSE CAST(floor(n * (x - low) / (high - low)) AS BIGINT) + 1 END
        WHEN x > low THEN 0 WHEN x <= high THEN n + 1
        WHEN x IS NOT NULL THEN CAST(floor(n * (low - x) / (low - high)) AS BIGINT) + 1 END""",
    "clary_width_bucket_of(x, bins)": """CASE WHEN len(bins) = 0
        THEN clary_invalid('Bins cannot be an empty array')
        WHEN isnan(x) THEN clary_invalid('Operand cannot be NaN')
        ELSE len(list_filter(bins, lambda b: b <= x)) END""",
    "clary_wrap(n, bits)": """CASE WHEN n >= CAST(1 AS HUGEINT) << CAST(bits - 1 AS INTEGER)
        THEN n - (CAST(1 AS HUGEINT) << bits) ELSE n END""",
    "clary_unsigned(n, bits)": """(CAST(n AS HUGEINT) + CASE WHEN n < 0 THEN CAST(1 AS HUGEINT) << bits ELSE 0 END)""",
    "clary_shift_left(n, places, bits)": """CASE WHEN places >= bits OR places < 0 THEN n * 0
        ELSE clary_wrap((clary_unsigned(n, bits) % (CAST(1 AS HUGEINT) << CAST(bits - places AS INTEGER)))
            * (CAST(1 AS HUGEINT) << CAST(places AS INTEGER)), bits) END""",
    "clary_shift_right(n, places, bits)": """CASE WHEN places >= bits OR places < 0 THEN n * 0
        ELSE clary_wrap(clary_unsigned(n, bits) >> CAST(places AS INTEGER), bits) END""",
    "clary_shift_signed(n, places)": "(CAST(n AS BIGINT) >> least(places, 63))",
    "clary_bit_count(n, bits)": """CASE WHEN bits NOT BETWEEN 2 AND 64
        THEN clary_invalid('Bits specified in bit_count must be between 2 and 64, got ' || bits)
        WHEN CAST(n AS HUGEINT) NOT BETWEEN -(CAST(1 AS HUGEINT) << CAST(bits - 1 AS INTEGER))
            AND (CAST(1 AS HUGEINT) << CAST(bits - 1 AS INTEGER)) - 1
        THEN clary_invalid('Number must be representable with the bits specified. '
            || n || ' cannot be represented with ' || bits || ' bits')
        ELSE CAST(bit_count(clary_unsigned(n, CAST(bits AS INTEGER))) AS BIGINT) END""",
}


def _mod(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.calls import unexpected

    values = [translator.translate(one) for one in node.arguments]
    if len(values) != 2 or any(one.type.name not in _NUMERIC for one in values):
        raise unexpected(node, [str(one.type) for one in values], ["mod(double, double)"])
    return arithmetic("%", values[0], values[1], node.place)


_NUMERIC = (*WHOLE, "decimal", "real", "double", "unknown")


def _rounding(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """floor, ceiling, round and truncate keep the type of whole and approximate numbers."""
    from clary.sql.calls import unexpected

    values = [translator.translate(one) for one in node.arguments]
    name = "ceiling" if node.name == "ceil" else node.name
    digits = values[1] if len(values) == 2 and name in ("round", "truncate") else None
    wrong = not values or len(values) != 1 + (digits is not None) or values[0].type.name not in _NUMERIC
    if wrong or (digits and digits.type.name not in (*WHOLE, "unknown")):
        raise unexpected(
            node, [str(one.type) for one in values], [f"{node.name}(double)", f"{node.name}(decimal(p,s))"]
        )
    value = values[0]
    if value.type.name == "unknown":
        return Typed(cast_to("NULL", DOUBLE), DOUBLE)
    if value.type.name == "decimal":
        return _round_decimal(name, value, digits, node)
    places = coerce(digits, BIGINT) if digits else ""
    if value.type.name in WHOLE:
        if not digits or name == "truncate":
            return value
        return Typed(cast_to(f"clary_round_whole({value.sql}, {places})", value.type), value.type)
    if name in ("floor", "ceiling"):
        return Typed(f"{'floor' if name == 'floor' else 'ceil'}({value.sql})", value.type)
    if name == "round":
        sql = f"clary_round({value.sql}, {places or 0})"
    else:
        sql = f"clary_truncate({value.sql}, {places or 0})"
    return Typed(cast_to(sql, value.type), value.type)


def _round_decimal(name: str, value: Typed, digits: Typed | None, node: tree.Call) -> Typed:
    from clary.sql.errors import refusal

    precision, scale = value.type.sizes
    if digits is None:
        if name == "truncate":
            wanted = decimal_of(max(precision - scale, 1), 0)
            return Typed(cast_to(f"trunc({value.sql})", wanted), wanted)
        wanted = decimal_of(min(38, precision - scale + min(scale, 1)) or 1, 0)
        function = {"floor": "floor", "ceiling": "ceil", "round": "round"}[name]
        return Typed(cast_to(f"{function}({value.sql})" if scale else value.sql, wanted), wanted)
    places = node.arguments[1]
    sign = 1
    if isinstance(places, tree.Unary) and places.operator == "-":
        places, sign = places.operand, -1
    if not isinstance(places, tree.Literal) or places.kind != "integer":
        raise refusal(f"{node.name} of a decimal to a number of digits that is no constant", node.place)
    count = sign * int(places.value)
    wanted = decimal_of(min(38, precision + 1), scale) if name == "round" else value.type
    if count >= scale:
        return Typed(cast_to(value.sql, wanted), wanted)
    if count < 0:
        unit = f"CAST('1{'0' * -count}' AS DECIMAL(38,0))"
        whole = f"clary_divide_rounded(CAST(trunc({value.sql}) AS HUGEINT), CAST({unit} AS HUGEINT))"
        if name == "truncate":
            whole = f"(CAST(trunc({value.sql}) AS HUGEINT) // CAST({unit} AS HUGEINT))"
        return Typed(cast_to(f"({whole} * CAST({unit} AS HUGEINT))", wanted), wanted)
    if name == "round":
        return Typed(cast_to(cast_to(value.sql, decimal_of(min(38, precision + 1), count)), wanted), wanted)
    shown = f"CAST({value.sql} AS VARCHAR)"
    kept = f"left({shown}, length({shown}) - {scale - count})"
    return Typed(cast_to(kept, wanted), wanted)


MACROS |= {
    "clary_round(x, digits)": """CASE WHEN isfinite(x) THEN
        sign(x) * floor(abs(x) * pow(10, digits) + 0.5) / pow(10, digits) ELSE x END""",
    "clary_truncate(x, digits)": """CASE WHEN isfinite(x)
        THEN trunc(x * pow(10, digits)) / pow(10, digits) ELSE x END""",
    "clary_round_whole(n, digits)": """CASE WHEN digits >= 0 THEN n WHEN digits < -19 THEN 0
        ELSE sign(n) * ((abs(CAST(n AS HUGEINT)) + CAST(pow(10, -digits) AS HUGEINT) // 2)
            // CAST(pow(10, -digits) AS HUGEINT)) * CAST(pow(10, -digits) AS HUGEINT) END""",
}

SPECIAL = {"mod": _mod} | dict.fromkeys(("ceil", "ceiling", "floor", "round", "truncate"), _rounding)


def from_base(text: str | None, radix: int | None) -> int | None:
    """The number that digits of a radix stand for."""
    from clary.sql.errors import SqlError

    if text is None or radix is None:
        return None
    if not 2 <= radix <= 36:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", "Radix must be between 2 and 36")
    try:
        bare = text if text.isascii() and text.strip() == text and "_" not in text else "?"
        if bare[:1].lower() in "+-" and bare[1:2].lower() in "+-":
            raise ValueError
        number = int(bare, radix)
    except ValueError:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Not a valid base-{radix} number: {text}") from None
    if not -(2**63) <= number < 2**63:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Not a valid base-{radix} number: {text}")
    return number


PYTHON = {
    "clary_from_base": (from_base, ["VARCHAR", "BIGINT"], "BIGINT"),
}
