"""The models' patterns, written for Java's regular expressions, as Python's `re` takes them."""

import functools
import re
import unicodedata

# Behind these planes only private-use and unassigned characters follow (but for a block of tags and selectors).
_SCANNED = 0x32400
_POSIX = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "ASCII": "\\x00-\\x7f",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "Print": "\\x20-\\x7e",
    "Graph": "\\x21-\\x7e",
    "Punct": "!-/:-@\\[-`{-~",
    "Space": " \\t\\n\\x0b\\f\\r",
    "XDigit": "0-9a-fA-F",
}
_CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()
_SUPPLEMENTARY = (r"\uD800\uDC00-\uDBFF\uDFFF", "\\U00010000-\\U0010FFFF")
_PROPERTY = re.compile(r"\\([pP])\{(?:Is)?(\w+)\}")


def whole_string(pattern: str) -> str:
    r"""The pattern for `re`, anchored at both ends; raises `re.error` where it can't be translated.

    Java's `\w`, `\d` and `\s` are ASCII only, hence the `a` flag.
    """
    translated = rf"\A(?a:{_translate(pattern)})\Z"
    re.compile(translated)
    return translated


def _translate(pattern: str) -> str:
    flags = re.match(r"(\^?)\(\?([ims]+)\)", pattern)
    if flags:  # Python wants flags for all at the very front, where the anchor already stands
        return f"{flags[1]}(?{flags[2]}:{_translate(pattern[flags.end() :])})"
    pattern = pattern.replace(*_SUPPLEMENTARY)
    pattern = re.sub(r"\$\{\d+,\d*\}", "$", pattern)  # a repeated end of string, as sagemaker's CustomerMetadataKey has
    out, inside, position = [], False, 0
    while position < len(pattern):
        property_ = _PROPERTY.match(pattern, position)
        if property_:
            piece = _property(property_[2], property_[1] == "P", inside)
            position = property_.end()
        else:
            piece = pattern[position : position + 2] if pattern[position] == "\\" else pattern[position]
            position += len(piece)
            if piece in ("[", "]"):
                inside = piece == "["
            elif piece == "\\z":
                piece = "\\Z"
        if inside and (property_ or piece in ("\\w", "\\d", "\\s")) and pattern.startswith("-", position):
            piece, position = piece + "\\-", position + 1  # `[\w-_]`: Java takes the hyphen as itself
        out.append(piece)
    return "".join(out)


def _property(name: str, negated: bool, inside: bool) -> str:
    if not inside:
        return f"[{'^' if negated else ''}{_POSIX.get(name) or _ranges(name, False)}]"
    return _POSIX[name] if name in _POSIX and not negated else _ranges(name, negated)


@functools.cache
def _categories() -> tuple[str, dict[str, str]]:
    """A letter for the category of each character scanned, and the letter of each category."""
    letters = {name: chr(ord("À") + number) for number, name in enumerate(_CATEGORIES)}
    scanned = map(unicodedata.category, map(chr, range(_SCANNED)))
    return "".join(map(letters.__getitem__, scanned)), letters


@functools.cache
def _ranges(category: str, negated: bool) -> str:
    """The characters of a Unicode category (`L`, `Zs`), or all others, as the inside of a character class."""
    scanned, letters = _categories()
    wanted = "".join(letter for name, letter in letters.items() if name.startswith(category) != negated)
    runs = [(run.start(), run.end() - 1) for run in re.finditer(f"[{wanted}]+", scanned)] if wanted else []
    if not runs or (negated and len(runs) == 1):
        raise re.error(f"no Unicode category is named {category}")
    if letters["Co"] in wanted:
        runs.append((_SCANNED, 0x10FFFF))
    return "".join(f"\\U{first:08x}" + (f"-\\U{last:08x}" if last > first else "") for first, last in runs)
