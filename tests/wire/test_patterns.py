import re

import pytest

from clary.app import SERVICES
from clary.wire.model import load_model
from clary.wire.patterns import whole_string

CASES = [
    # pattern, what it takes, what it doesn't
    ("[a-z]+", ["abc"], ["", "abc1", "abc\n", "xabc "]),
    ("^[a-z]+$", ["abc"], ["abc\n"]),
    ("a|b", ["a", "b"], ["ab", "ax", "xb"]),
    (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ["", "Käse 1", "日本", "a-b@c"], ["a#b", "a\tb"]),
    (r"\p{Lu}\p{Ll}*", ["Ärger"], ["ärger"]),
    (r"[^\p{Cc}]+", ["a b"], ["a\x07"]),
    (r"\P{C}*", ["a b"], ["a\x07", "a\u200b"]),
    (r"[\P{C}\n]*", ["a\nb"], ["a\tb"]),
    (r"\p{ASCII}*", ["az\x01"], ["é"]),
    (r"\A\S[\p{Print}]*\z", ["x y"], [" x", "xé", "x\n"]),
    (r"arn:[\p{Alnum}\-]+", ["arn:aws-cn"], ["arn:é"]),
    (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", ["a\tb", "😀"], ["a\nb", "a\x01"]),
    (r"[\w-_]+", ["a-b_c"], ["a b"]),
    (r"[\p{L}-_]+", ["é-_"], ["1"]),
    (r"\w+", ["az_09"], ["é"]),  # ASCII only, as in Java
    (r"\d{2}", ["12"], ["١٢"]),
    (r"(?i)true|false", ["TRUE", "False"], ["yes"]),
    (r"([a-z]*)${1,128}", ["abc"], ["ABC"]),
]


@pytest.mark.parametrize(("pattern", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_a_pattern_holds_for_the_whole_string_as_java_takes_it(pattern, good, bad):
    compiled = re.compile(whole_string(pattern))
    assert [text for text in good if not compiled.search(text)] == []
    assert [text for text in bad if compiled.search(text)] == []


@pytest.mark.parametrize("service", [*SERVICES, "kinesis", "glue", "athena", "lambda", "comprehend", "quicksight"])
def test_every_pattern_of_these_services_is_understood(service):
    for shape in load_model(service).shapes.values():
        if shape.pattern:
            re.compile(whole_string(shape.pattern))


def test_an_unknown_property_is_an_error_and_not_a_guess():
    with pytest.raises(re.error, match="Klingon"):
        whole_string(r"\p{Klingon}+")
