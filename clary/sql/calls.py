"""Calls: which function is meant, whether it may stand here, and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clary.sql import tree
from clary.sql.contract import ExternalFunction
from clary.sql.errors import Place, SqlError, refusal
from clary.sql.functions import AGGREGATES, SCALARS, SPECIAL, UNSUPPORTED, WINDOWS
from clary.sql.signatures import Signature, choose, result_type
from clary.sql.typed import Typed, coerce
from clary.sql.types import BIGINT, Type, parse_type, turns_into
from clary.tables.duck_types import quote

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator


def translate_call(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """Any call."""
    if node.name in translator.session.external:
        return _external(translator, node, translator.session.external[node.name])
    if node.name in AGGREGATES:
        return _aggregate(translator, node)
    if node.name in WINDOWS:
        return _window_function(translator, node)
    plain = not (node.distinct or node.order or node.condition or node.window or node.star or node.ignore_nulls)
    if node.name in SPECIAL or node.name in SCALARS:
        if not plain:
            message = f"'{node.name}' is no aggregation function: DISTINCT, ORDER BY, FILTER and OVER don't go with it"
            raise SqlError("FUNCTION_NOT_AGGREGATE", message, node.place)
        if node.name in SPECIAL:
            special: Typed = SPECIAL[node.name](translator, node)
            return special
        arguments = [translator.translate(one) for one in node.arguments]
        return apply(SCALARS[node.name], arguments, node)
    if node.name in UNSUPPORTED:
        raise refusal(f"Function {node.name}", node.place)
    raise SqlError("FUNCTION_NOT_FOUND", f"Function '{node.name}' not registered", node.place)


def apply(signatures: list[Signature], arguments: list[Typed], node: tree.Call, **more: str) -> Typed:
    """The call by the table's line that fits its arguments."""
    found = choose(signatures, arguments)
    if found is None:
        raise unexpected(node, [str(one.type) for one in arguments], [str(one) for one in signatures])
    signature, texts, bound = found
    sql = signature.template.format(*texts, all=", ".join(texts), **more)
    return Typed(sql, result_type(signature, arguments, bound))


def unexpected(node: tree.Call, types: list[str], expected: list[str]) -> SqlError:
    """The failure for arguments that a function doesn't take."""
    message = f"Unexpected parameters ({', '.join(types)}) for function {node.name}. Expected: {', '.join(expected)}"
    return SqlError("FUNCTION_NOT_FOUND", message, node.place)


def _external(translator: ExpressionTranslator, node: tree.Call, function: ExternalFunction) -> Typed:
    arguments = [translator.translate(one) for one in node.arguments]
    wanted = [parse_type(one) for one in function.arguments]
    fits = len(wanted) == len(arguments) and all(map(turns_into, [one.type for one in arguments], wanted))
    if not fits:
        shown = f"{function.name}({', '.join(function.arguments)})"
        raise unexpected(node, [str(one.type) for one in arguments], [shown])
    translator.session.used_external[node.name] = function
    texts = [coerce(one, kind) for one, kind in zip(arguments, wanted, strict=True)]
    return Typed(f"{quote(function.name)}({', '.join(texts)})", parse_type(function.result))


# --- aggregates ------------------------------------------------------------------------------------------------------


def _aggregate(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    _check_place(translator, node)
    if node.ignore_nulls:
        raise refusal(f"{node.name} with IGNORE NULLS", node.place)
    if node.window is not None:
        if node.distinct or node.order:
            what = "DISTINCT in window function parameters" if node.distinct else "Window function with ORDER BY"
            raise SqlError("NOT_SUPPORTED", f"{what} is not supported", node.place)
        arguments = [translator.translate(one) for one in node.arguments]
        condition = translator.condition(node.condition, "FILTER") if node.condition else ""
        order = sort_keys(translator, node.order)
    else:
        translator.in_aggregate = True
        try:
            arguments = [translator.translate(one) for one in node.arguments]
            condition = translator.condition(node.condition, "FILTER") if node.condition else ""
            order = sort_keys(translator, node.order)
        finally:
            translator.in_aggregate = False
    after = f" FILTER (WHERE {condition})" if condition else ""
    if node.window is not None:
        after += f" OVER ({window_text(translator, node.window)})"
    return _fill(node, arguments, order, after)


def _fill(node: tree.Call, arguments: list[Typed], order: str, after: str) -> Typed:
    handler = AGGREGATES[node.name]
    distinct = "DISTINCT " if node.distinct else ""
    if callable(handler):
        return handler(node, arguments, distinct, order, after)
    if node.star and node.name != "count":
        raise unexpected(node, ["*"], [str(one) for one in handler])
    fitting = [one for one in handler if not node.distinct or "{d}" in one.template]
    if not fitting:
        raise refusal(f"{node.name} with DISTINCT", node.place)
    return apply(fitting, arguments, node, d=distinct, o=order, w=after)


def _check_place(translator: ExpressionTranslator, node: tree.Call) -> None:
    if node.window is not None:
        return
    if translator.in_aggregate:
        message = f"Cannot nest aggregations inside aggregation '{node.name}'"
        raise SqlError("NESTED_AGGREGATION", message, node.place)
    if translator.groups is None:
        message = (
            f"{translator.allow} cannot contain aggregations, window functions or grouping operations: [{node.name}]"
        )
        raise SqlError("EXPRESSION_NOT_SCALAR", message, node.place)
    if translator.lambdas:
        message = (
            f"Lambda expression cannot contain aggregations, window functions or grouping operations: [{node.name}]"
        )
        raise SqlError("EXPRESSION_NOT_SCALAR", message, node.place)


def sort_keys(translator: ExpressionTranslator, keys: list[tree.Sort]) -> str:
    """ORDER BY with its keys, or nothing."""
    if not keys:
        return ""
    return " ORDER BY " + ", ".join(f"{translator.translate(one.key).sql}{direction(one)}" for one in keys)


def direction(sort: tree.Sort) -> str:
    """ASC or DESC and where NULL goes."""
    return f"{' DESC' if sort.descending else ' ASC'} NULLS {'FIRST' if sort.nulls_first else 'LAST'}"


# --- windows ---------------------------------------------------------------------------------------------------------


def _window_function(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    if node.window is None:
        raise SqlError("MISSING_OVER", f"Window function {node.name} requires an OVER clause", node.place)
    if node.distinct or node.condition or node.order:
        raise refusal(f"{node.name} with DISTINCT, FILTER or ORDER BY", node.place)
    arguments = [translator.translate(one) for one in node.arguments]
    nulls = " IGNORE NULLS" if node.ignore_nulls else ""
    if nulls and node.name not in ("lag", "lead", "first_value", "last_value", "nth_value"):
        raise SqlError("NOT_SUPPORTED", f"Cannot specify null treatment clause for {node.name} function", node.place)
    if node.name in ("lag", "lead") and len(arguments) == 3:
        wanted = arguments[0].type
        if not turns_into(arguments[2].type, wanted):
            raise unexpected(node, [str(one.type) for one in arguments], [f"{node.name}(T, bigint, T)"])
        arguments[2] = Typed(coerce(arguments[2], wanted), wanted)
    after = f" OVER ({window_text(translator, node.window)})"
    return apply(WINDOWS[node.name], arguments, node, n=nulls, w=after)


def window_text(translator: ExpressionTranslator, window: tree.Window) -> str:
    """What stands in OVER (...)."""
    if translator.in_aggregate:
        message = "Cannot nest window functions inside aggregation"
        raise SqlError("NESTED_WINDOW", message, window.place)
    if translator.allow and translator.allow != "nothing":
        message = f"{translator.allow} cannot contain aggregations, window functions or grouping operations"
        raise SqlError("EXPRESSION_NOT_SCALAR", message, window.place)
    window = _with_base(translator, window)
    parts = []
    if window.partition:
        keys = [translator.translate(one).sql for one in window.partition]
        parts.append(f"PARTITION BY {', '.join(keys)}")
    order = sort_keys(translator, window.order).strip()
    if order:
        parts.append(order)
    if window.unit:
        parts.append(_frame(translator, window))
    return " ".join(parts)


def _with_base(translator: ExpressionTranslator, window: tree.Window) -> tree.Window:
    if not window.name:
        return window
    base = translator.windows.get(window.name)
    if base is None:
        raise SqlError("INVALID_WINDOW_REFERENCE", f"Cannot resolve WINDOW name {window.name}", window.place)
    base = _with_base(translator, base)
    return tree.Window(
        window.place,
        "",
        window.partition or base.partition,
        window.order or base.order,
        window.unit or base.unit,
        window.start or base.start,
        window.end or base.end,
    )


def _frame(translator: ExpressionTranslator, window: tree.Window) -> str:
    def bound(one: tree.Bound) -> str:
        if one.kind == "CURRENT ROW":
            return one.kind
        if one.offset is None:
            return f"UNBOUNDED {one.kind}"
        offset = translator.translate(one.offset)
        if window.unit != "RANGE" and not turns_into(offset.type, BIGINT):
            message = f"Window frame offset value type not supported: {offset.type}"
            raise SqlError("TYPE_MISMATCH", message, one.offset.place)
        return f"{offset.sql} {one.kind}"

    assert window.start is not None
    if window.end is None:
        return f"{window.unit} {bound(window.start)}"
    return f"{window.unit} BETWEEN {bound(window.start)} AND {bound(window.end)}"


def need(value: Typed, wanted: Type, node: tree.Call, place: Place | None = None) -> str:
    """An argument's text as the type that a function takes."""
    if not turns_into(value.type, wanted) and value.type != wanted:
        raise SqlError(
            "FUNCTION_NOT_FOUND",
            f"Unexpected parameters ({value.type}) for function {node.name}. Expected: {wanted}",
            place or node.place,
        )
    return coerce(value, wanted)
