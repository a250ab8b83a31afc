"""Strings, URLs and binary. Source: Trino's documentation, "String functions", "URL functions", "Binary functions"."""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from clary.sql import tree
from clary.sql.errors import SqlError, refusal
from clary.sql.signatures import read_table
from clary.sql.typed import Typed, coerce
from clary.sql.types import INTEGER, UNKNOWN, VARCHAR, Type, array_of, common_type

if TYPE_CHECKING:
    from clary.sql.expressions import ExpressionTranslator

SCALARS = read_table(
    """
    chr(bigint) varchar(1) = clary_chr({0})
    concat_ws(varchar, array(varchar)) varchar = clary_concat_ws({0}, {1})
    concat_ws(varchar, varchar...) varchar = concat_ws({all})
    hamming_distance(varchar, varchar) bigint = clary_hamming_distance({0}, {1})
    length(varchar) bigint = length({0})
    length(varbinary) bigint = octet_length({0})
    levenshtein_distance(varchar, varchar) bigint = clary_levenshtein_distance({0}, {1})
    lower(varchar) varchar = lower({0})
    upper(varchar) varchar = clary_upper({0})
    lpad(varchar, bigint, varchar) varchar = clary_pad('l', {0}, {1}, {2})
    rpad(varchar, bigint, varchar) varchar = clary_pad('r', {0}, {1}, {2})
    ltrim(varchar) varchar = ltrim({0}, clary_blanks())
    rtrim(varchar) varchar = rtrim({0}, clary_blanks())
    trim(varchar) varchar = trim({0}, clary_blanks())
    ltrim(varchar, varchar) varchar = ltrim({0}, {1})
    rtrim(varchar, varchar) varchar = rtrim({0}, {1})
    trim(varchar, varchar) varchar = trim({0}, {1})
    luhn_check(varchar) boolean = clary_luhn_check({0})
    normalize(varchar, varchar) varchar = clary_normalize({0}, {1})
    position(varchar, varchar) bigint = clary_strpos({1}, {0})
    replace(varchar, varchar) varchar = clary_replace({0}, {1}, '')
    replace(varchar, varchar, varchar) varchar = clary_replace({0}, {1}, {2})
    reverse(varchar) varchar = clary_reverse({0})
    reverse(array(T)) array(T) = list_reverse({0})
    soundex(varchar) varchar = clary_soundex({0})
    split(varchar, varchar) array(varchar) = clary_split({0}, {1})
    split(varchar, varchar, bigint) array(varchar) = clary_split_limit({0}, {1}, {2})
    split_part(varchar, varchar, bigint) varchar = clary_split_part({0}, {1}, {2})
    split_to_map(varchar, varchar, varchar) map(varchar, varchar) = clary_split_to_map({0}, {1}, {2})
    split_to_multimap(varchar, varchar, varchar) map(varchar, array(varchar)) = clary_split_to_multimap({0}, {1}, {2})
    starts_with(varchar, varchar) boolean = starts_with({0}, {1})
    strpos(varchar, varchar) bigint = clary_strpos({0}, {1})
    strpos(varchar, varchar, bigint) bigint = clary_strpos_nth({0}, {1}, {2})
    substr(varchar, bigint) varchar = clary_substr({0}, {1}, 2147483647)
    substr(varchar, bigint, bigint) varchar = clary_substr({0}, {1}, {2})
    substring(varchar, bigint) varchar = clary_substr({0}, {1}, 2147483647)
    substring(varchar, bigint, bigint) varchar = clary_substr({0}, {1}, {2})
    translate(varchar, varchar, varchar) varchar = clary_translate({0}, {1}, {2})
    to_utf8(varchar) varbinary = encode({0})
    from_utf8(varbinary) varchar = clary_from_utf8({0}, chr(65533))
    from_utf8(varbinary, varchar) varchar = clary_from_utf8({0}, {1})
    url_encode(varchar) varchar = clary_url_encode({0})
    url_decode(varchar) varchar = clary_url_decode({0})
    url_extract_fragment(varchar) varchar = clary_url_part({0}, 'fragment')
    url_extract_host(varchar) varchar = clary_url_part({0}, 'host')
    url_extract_parameter(varchar, varchar) varchar = clary_url_parameter({0}, {1})
    url_extract_path(varchar) varchar = clary_url_part({0}, 'path')
    url_extract_port(varchar) bigint = CAST(clary_url_part({0}, 'port') AS BIGINT)
    url_extract_protocol(varchar) varchar = clary_url_part({0}, 'protocol')
    url_extract_query(varchar) varchar = clary_url_part({0}, 'query')
    md5(varbinary) varbinary = unhex(md5({0}))
    sha1(varbinary) varbinary = unhex(sha1({0}))
    sha256(varbinary) varbinary = unhex(sha256({0}))
    sha512(varbinary) varbinary = clary_digest('sha512', {0})
    hmac_md5(varbinary, varbinary) varbinary = clary_hmac('md5', {0}, {1})
    hmac_sha1(varbinary, varbinary) varbinary = clary_hmac('sha1', {0}, {1})
    hmac_sha256(varbinary, varbinary) varbinary = clary_hmac('sha256', {0}, {1})
    hmac_sha512(varbinary, varbinary) varbinary = clary_hmac('sha512', {0}, {1})
    crc32(varbinary) bigint = clary_crc32({0})
    to_hex(varbinary) varchar = hex({0})
    from_hex(varchar) varbinary = clary_from_hex({0})
    from_hex(varbinary) varbinary = clary_from_hex(decode({0}))
    to_base64(varbinary) varchar = to_base64({0})
    from_base64(varchar) varbinary = clary_from_base('64', {0})
    to_base64url(varbinary) varchar = translate(to_base64({0}), '+/', '-_')
    from_base64url(varchar) varbinary = clary_from_base('64url', {0})
    to_base32(varbinary) varchar = clary_to_base32({0})
    from_base32(varchar) varbinary = clary_from_base('32', {0})
    to_big_endian_64(bigint) varbinary = unhex(printf('%016x', {0}))
    to_big_endian_32(integer) varbinary = unhex(right(printf('%016x', CAST({0} AS BIGINT)), 8))
    from_big_endian_64(varbinary) bigint = clary_from_big_endian({0}, 8)
    from_big_endian_32(varbinary) integer = CAST(clary_from_big_endian({0}, 4) AS INTEGER)
    uuid() uuid = uuid()
""".replace("clary_from_base('", "clary_decode_base('")
)

# What Java's Character.isWhitespace knows: those are what TRIM takes away.
_BLANKS = [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x1680, *range(0x2000, 0x2007), 0x2008, 0x2009, 0x200A]
_BLANKS += [0x2028, 0x2029, 0x205F, 0x3000]

_INVALID = "clary_invalid('{}')"

MACROS = {
    "clary_blanks()": "'" + "".join(map(chr, _BLANKS)) + "'",
    "clary_chr(n)": """CASE WHEN n BETWEEN 0 AND 1114111 THEN chr(CAST(n AS INTEGER))
        WHEN n IS NOT NULL THEN clary_invalid('Not a valid Unicode code point: ' || n) END""",
    "clary_codepoint(s)": f"""CASE WHEN length(s) = 1 THEN unicode(s)
        WHEN s IS NOT NULL THEN {_INVALID.format("Input string must be a single character string")} END""",
    "clary_concat_ws(sep, parts)": """CASE WHEN sep IS NOT NULL AND parts IS NOT NULL
        THEN clary_join(list_filter(parts, lambda e: e IS NOT NULL), sep) END""",
    # array_to_string wants a constant between.
    "clary_join(l, sep)": "CASE WHEN len(l) = 0 THEN '' ELSE list_reduce(l, lambda a, b: a || sep || b) END",
    # ß has no upper case, DuckDB makes ẞ of it; an ẞ that is there stands aside as a code point of no character.
    "clary_upper(s)": "replace(replace(upper(replace(s, 'ẞ', chr(1114111))), 'ẞ', 'ß'), chr(1114111), 'ẞ')",
    "clary_pad(side, s, n, pad)": f"""CASE WHEN n NOT BETWEEN 0 AND 2147483647
        THEN {_INVALID.format("Target length must be in the range [0..2147483647]")}
        WHEN pad = '' THEN {_INVALID.format("Padding string must not be empty")}
        WHEN side = 'l' THEN lpad(s, CAST(n AS INTEGER), pad) ELSE rpad(s, CAST(n AS INTEGER), pad) END""",
    "clary_strpos(s, sought)": "CASE WHEN sought = '' AND s IS NOT NULL THEN 1 ELSE instr(s, sought) END",
    "clary_strpos_nth(s, sought, n)": """CASE WHEN n = 0
        THEN clary_invalid('''instance'' must not be a positive or negative number.')
        WHEN sought = '' THEN CASE WHEN s IS NOT NULL THEN 1 END
        WHEN s IS NOT NULL AND sought IS NOT NULL AND n IS NOT NULL THEN coalesce(
            list_filter(range(1, length(s) + 1), lambda p: substring(s, p, length(sought)) = sought)[n], 0) END""",
    "clary_replace(s, old, new)": """CASE WHEN old = '' AND s IS NOT NULL THEN
        new || array_to_string(list_transform(range(1, length(s) + 1), lambda p: substring(s, p, 1) || new), '')
        ELSE replace(s, old, new) END""",
    "clary_reverse(s)": "array_to_string(list_transform(range(length(s), 0, -1), lambda p: substring(s, p, 1)), '')",
    "clary_split(s, sep)": f"""CASE WHEN sep = '' THEN {_INVALID.format("The delimiter may not be the empty string")}
        ELSE string_split(s, sep) END""",
    "clary_split_limit(s, sep, n)": f"""CASE WHEN n <= 0 THEN {_INVALID.format("Limit must be positive")}
        WHEN len(clary_split(s, sep)) <= n THEN clary_split(s, sep)
        ELSE list_append(string_split(s, sep)[1:n - 1], clary_join(string_split(s, sep)[n:], sep)) END""",
    "clary_split_part(s, sep, n)": f"""CASE WHEN n <= 0 THEN {_INVALID.format("Index must be greater than zero")}
        WHEN sep = '' THEN CASE WHEN n <= length(s) THEN substring(s, n, 1) END
        ELSE list_extract(string_split(s, sep), n) END""",
    "clary_pairs(s, entry, pair)": f"""CASE WHEN s IS NULL OR entry IS NULL OR pair IS NULL THEN NULL
        WHEN entry = '' THEN {_INVALID.format("entryDelimiter is empty")}
        WHEN pair = '' THEN {_INVALID.format("keyValueDelimiter is empty")}
        WHEN entry = pair THEN {_INVALID.format("entryDelimiter and keyValueDelimiter must not be the same")}
        ELSE list_transform(list_filter(string_split(s, entry), lambda e: e <> ''), lambda e:
            CASE WHEN len(string_split(e, pair)) <> 2 THEN clary_invalid(
                'Key-value delimiter must appear exactly once in each entry. Bad input: ''' || e || '''')
            ELSE struct_pack(k := string_split(e, pair)[1], v := string_split(e, pair)[2]) END) END""",
    "clary_keys(pairs)": "list_distinct(list_transform(pairs, lambda e: e.k))",
    "clary_split_to_map(s, entry, pair)": """CASE
        WHEN len(clary_keys(clary_pairs(s, entry, pair))) < len(clary_pairs(s, entry, pair))
        THEN clary_invalid('Duplicate keys are not allowed')
        WHEN s IS NOT NULL AND entry IS NOT NULL AND pair IS NOT NULL THEN
        map(list_transform(clary_pairs(s, entry, pair), lambda e: e.k),
            list_transform(clary_pairs(s, entry, pair), lambda e: e.v)) END""",
    "clary_split_to_multimap(s, entry, pair)": """CASE
        WHEN s IS NOT NULL AND entry IS NOT NULL AND pair IS NOT NULL THEN
        clary_multimap_agg(clary_pairs(s, entry, pair)) END""",
    "clary_substr(s, start, n)": """CASE WHEN start > 0 THEN
            CASE WHEN n > 0 THEN substring(s, start, n) WHEN n <= 0 AND s IS NOT NULL THEN '' END
        WHEN s IS NULL OR start IS NULL OR n IS NULL THEN NULL
        WHEN start = 0 OR n <= 0 OR -start > length(s) THEN ''
        ELSE substring(s, length(s) + start + 1, n) END""",
    "clary_from_hex(s)": """CASE WHEN s IS NULL THEN NULL WHEN length(s) % 2 = 1
        THEN clary_invalid('String with odd number of characters is not a valid hex')
        WHEN NOT regexp_full_match(s, '[0-9a-fA-F]*') THEN clary_invalid('Invalid hex: ' || s)
        ELSE unhex(s) END""",
}


def _concat(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """Strings, binaries, or arrays and elements."""
    if node.operator and _is_chain(node):
        return _concat_chain(translator, node)
    return _concat_values([translator.translate(one) for one in node.arguments], node)


def _concat_values(values: list[Typed], node: tree.Call) -> Typed:
    from clary.sql.calls import unexpected

    kinds = {one.type.name for one in values} - {"unknown"}
    problem = unexpected(
        node,
        [str(one.type) for one in values],
        [
            "concat(char(x), char(y))",
            "concat(array(E), E)",
            "concat(E, array(E))",
            "concat(array(E)...)",
            "concat(varchar...)",
        ],
    )
    if len(values) < 2:
        raise problem
    if "array" in kinds:
        return _concat_arrays(values, problem, node)
    if kinds == {"varbinary"}:
        return Typed(f"({' || '.join(one.sql for one in values)})", Type("varbinary"))
    if not kinds <= {"varchar", "char"}:
        raise problem
    wanted = VARCHAR
    if kinds == {"char"} and len(values) == 2:
        wanted = Type("char", (values[0].type.sizes[0] + values[1].type.sizes[0],))
    return Typed(f"({' || '.join(coerce(one, VARCHAR) for one in values)})", wanted)


def _is_chain(node: tree.Call) -> bool:
    first = node.arguments[0]
    return isinstance(first, tree.Call) and first.operator


def _concat_chain(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """a || b || c || ... of strings as a tree of little depth: DuckDB is slow with deep ones."""
    operands: list[tree.Expression] = []
    left: tree.Expression = node
    while isinstance(left, tree.Call) and left.operator:
        operands.append(left.arguments[1])
        left = left.arguments[0]
    values = [translator.translate(one) for one in (left, *reversed(operands))]
    if any(one.type.name not in ("varchar", "unknown") for one in values):
        found = values[0]
        for one in values[1:]:
            found = _concat_values([found, one], node)
        return found
    return Typed(_joined([coerce(one, VARCHAR) for one in values]), VARCHAR)


def _joined(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    middle = len(texts) // 2
    return f"({_joined(texts[:middle])} || {_joined(texts[middle:])})"


def _concat_arrays(values: list[Typed], problem: SqlError, node: tree.Call) -> Typed:
    element = None
    if any(one.type == UNKNOWN for one in values):
        raise refusal("concat of an array and a NULL without a type", node.place)
    for one in values:
        child = one.type.children[0] if one.type.name == "array" else one.type
        both = common_type(element, child) if element else child
        if both is None:
            raise problem
        element = both
    assert element is not None
    wanted = array_of(element)
    texts = [coerce(one, wanted) if one.type.name in ("array",) else f"[{coerce(one, element)}]" for one in values]
    if all(one.type.name == "array" for one in values):
        nulls = " OR ".join(f"{one} IS NULL" for one in texts)
        return Typed(f"CASE WHEN {nulls} THEN NULL ELSE list_concat({', '.join(texts)}) END", wanted)
    if len(values) != 2:
        raise problem
    array = texts[0] if values[0].type.name == "array" else texts[1]
    return Typed(f"CASE WHEN {array} IS NOT NULL THEN list_concat({', '.join(texts)}) END", wanted)


def _length_of_char(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    from clary.sql.calls import apply

    return apply(SCALARS["length"], [translator.translate(one) for one in node.arguments], node)


def _codepoint(translator: ExpressionTranslator, node: tree.Call) -> Typed:
    """Of strings that are known to have one character."""
    from clary.sql.calls import unexpected

    values = [translator.translate(one) for one in node.arguments]
    if len(values) != 1 or values[0].type.name != "varchar" or not values[0].type.sizes or values[0].type.sizes > (1,):
        raise unexpected(node, [str(one.type) for one in values], ["codepoint(varchar(1))"])
    return Typed(f"clary_codepoint({values[0].sql})", INTEGER)


SPECIAL = {
    "codepoint": _codepoint,
    "concat": _concat,
    "char_length": _length_of_char,
    "character_length": _length_of_char,
}


# --- what SQL can't say ----------------------------------------------------------------------------------------------


def levenshtein_distance(one: str, other: str) -> int:
    """The fewest single-character changes from one string to the other."""
    row = list(range(len(other) + 1))
    for at, sign in enumerate(one, 1):
        before, row[0] = row[0], at
        for column, match in enumerate(other, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (sign != match))
    return row[-1]


def hamming_distance(one: str, other: str) -> int:
    """At how many places two strings of one length differ."""
    if len(one) != len(other):
        message = "The input strings to hamming_distance function must have the same length"
        raise SqlError("INVALID_FUNCTION_ARGUMENT", message)
    return sum(first != second for first, second in zip(one, other, strict=True))


def luhn_check(digits: str) -> bool:
    """Whether the last digit checks the others."""
    if not digits.isascii() or not digits.isdigit():
        raise (
            SqlError("INVALID_FUNCTION_ARGUMENT", f"Input contains illegal characters: {digits}")
            if digits
            else SqlError("INVALID_FUNCTION_ARGUMENT", "Input is empty")
        )
    total = sum(sum(divmod(int(sign) * (1 + at % 2), 10)) for at, sign in enumerate(reversed(digits)))
    return total % 10 == 0


_SOUNDS = {sign: str(code) for code, signs in enumerate("BFPV CGJKQSXZ DT L MN R".split(), 1) for sign in signs}


def soundex(word: str) -> str:
    """The code of an English word's sound."""
    letters = [sign for sign in word.upper() if sign.isalpha()]
    if any(not sign.isascii() for sign in letters):
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"The character is not mapped: {word}")
    if not letters:
        return ""
    found, last = letters[0], _SOUNDS.get(letters[0], "")
    for sign in letters[1:]:
        code = _SOUNDS.get(sign, "")
        if code and code != last:
            found += code
        if sign not in "HW":
            last = code
    return (found + "000")[:4]


def translate(value: str, old: str, new: str) -> str:
    """Each character of `old` becomes the one at its place in `new`, or goes."""
    table: dict[int, str | None] = {}
    for at, sign in enumerate(old):
        table.setdefault(ord(sign), new[at] if at < len(new) else None)
    return value.translate(table)


def from_utf8(value: bytes, substitute: str) -> str:
    """The string of UTF-8 bytes; what is none becomes the substitute."""
    if len(substitute) > 1:
        message = "Replacement character string must empty or a single character"
        raise SqlError("INVALID_FUNCTION_ARGUMENT", message)
    text = value.decode("utf-8", "replace")
    return text if substitute == "\ufffd" else text.replace("\ufffd", substitute)


def normalize(value: str, form: str) -> str:
    """A Unicode normal form."""
    return unicodedata.normalize(form, value)  # type: ignore[arg-type]


def url_encode(value: str) -> str:
    """As forms are encoded: a blank is a plus."""
    return quote(value, safe="*-_. ").replace("~", "%7E").replace(" ", "+")


def url_decode(value: str) -> str:
    """The other way round."""
    return unquote(value.replace("+", " "), errors="replace")


def url_part(url: str, part: str) -> str | None:
    """One part of a URL; None where it has none such or is no URL."""
    if any(sign in url for sign in ' <>"{}|\\^`') or not _well_escaped(url):
        return None
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return None
    if part == "port":
        return None if port is None else str(port)
    if part == "host":
        authority = split.netloc.rpartition("@")[2]
        host = authority.rpartition(":")[0] if port is not None else authority.removesuffix(":")
        return host or None
    scheme = url[: len(split.scheme)]
    return {"protocol": scheme, "path": unquote(split.path), "query": split.query, "fragment": split.fragment}[part]


def _well_escaped(url: str) -> bool:
    return all(
        len(one) >= 2 and all(sign in "0123456789abcdefABCDEF" for sign in one[:2]) for one in url.split("%")[1:]
    )


def url_parameter(url: str, name: str) -> str | None:
    """The first value of a parameter of a URL's query; an empty string where it has no value."""
    query = url_part(url, "query")
    for one in (query or "").split("&"):
        key, _, value = one.partition("=")
        if unquote(key) == name and one:
            return unquote(value)
    return None


def digest(kind: str, value: bytes) -> bytes:
    """A hash."""
    return hashlib.new(kind, value).digest()


def keyed_digest(kind: str, value: bytes, key: bytes) -> bytes:
    """A hash with a key."""
    return hmac.new(key, value, kind).digest()


def decode_base(kind: str, value: str) -> bytes:
    """Base64 and base32 to bytes."""
    try:
        if kind == "32":
            return base64.b32decode(value)
        padded = value + "=" * (-len(value) % 4) if not value.endswith("=") else value
        return base64.b64decode(padded, altchars=b"-_" if kind == "64url" else None, validate=True)
    except ValueError:
        raise SqlError("INVALID_FUNCTION_ARGUMENT", f"Illegal base{kind} text: {value}") from None


def from_big_endian(value: bytes, count: int) -> int:
    """A signed number from its bytes."""
    if len(value) != count:
        message = f"expected {count}-byte input, but got instead: {len(value)}"
        raise SqlError("INVALID_FUNCTION_ARGUMENT", message)
    return int.from_bytes(value, "big", signed=True)


PYTHON = {
    "clary_levenshtein_distance": (levenshtein_distance, ["VARCHAR", "VARCHAR"], "BIGINT"),
    "clary_hamming_distance": (hamming_distance, ["VARCHAR", "VARCHAR"], "BIGINT"),
    "clary_luhn_check": (luhn_check, ["VARCHAR"], "BOOLEAN"),
    "clary_soundex": (soundex, ["VARCHAR"], "VARCHAR"),
    "clary_translate": (translate, ["VARCHAR", "VARCHAR", "VARCHAR"], "VARCHAR"),
    "clary_from_utf8": (from_utf8, ["BLOB", "VARCHAR"], "VARCHAR"),
    "clary_normalize": (normalize, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "clary_url_encode": (url_encode, ["VARCHAR"], "VARCHAR"),
    "clary_url_decode": (url_decode, ["VARCHAR"], "VARCHAR"),
    "clary_url_part": (url_part, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "clary_url_parameter": (url_parameter, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "clary_digest": (digest, ["VARCHAR", "BLOB"], "BLOB"),
    "clary_hmac": (keyed_digest, ["VARCHAR", "BLOB", "BLOB"], "BLOB"),
    "clary_crc32": (zlib.crc32, ["BLOB"], "BIGINT"),
    "clary_decode_base": (decode_base, ["VARCHAR", "VARCHAR"], "BLOB"),
    "clary_to_base32": (lambda value: base64.b32encode(value).decode(), ["BLOB"], "VARCHAR"),
    "clary_from_big_endian": (from_big_endian, ["BLOB", "BIGINT"], "BIGINT"),
}
