import json
from dataclasses import dataclass, field

import pytest

from ner_lightning.serialization import from_plain, read_json, to_plain, typed


class Shape:
    """A base class of parts, like the losses and decoders of the package."""


@dataclass(frozen=True)
class Circle(Shape):
    radius: float = 1.0
    names: dict[str, int] = field(default_factory=dict)


class Polygon(Shape):
    """An intermediate class between the base class and its parts."""


@dataclass(frozen=True)
class Square(Polygon):
    side: float


@dataclass(frozen=True)
class Pair(Shape):
    first: Shape
    second: Shape | None = None


@pytest.mark.parametrize(
    "part", [Circle(), Circle(2.5, {"a": 1}), Square(0.1), Pair(Circle(), Square(1.0)), Pair(Square(1.0))]
)
def test_a_part_is_the_same_after_a_round_trip_through_json(part):
    assert from_plain(Shape, json.loads(json.dumps(to_plain(part)))) == part


def test_the_plain_form_contains_the_name_and_every_argument():
    assert to_plain(Circle(2.0)) == {"name": "Circle", "init_args": {"radius": 2.0, "names": {}}}


@pytest.mark.parametrize("name", ["Sphere", "os.system", "dict", "Shape"])
def test_an_unknown_name_is_refused_with_a_list_of_known_ones(name):
    with pytest.raises(ValueError, match=r"Shape must be one of \['Circle', 'Pair', 'Polygon', 'Square'\], got"):
        from_plain(Shape, {"name": name, "init_args": {}})


@pytest.mark.parametrize("arguments", [None, [1.0], "radius"])
def test_arguments_without_names_are_refused(arguments):
    with pytest.raises(ValueError, match="init_args must be an object, got"):
        from_plain(Shape, {"name": "Circle", "init_args": arguments})


def test_a_part_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="Polygon must be one of"):
        from_plain(Polygon, {"name": "Circle", "init_args": {}})


@dataclass(frozen=True)
class Box:
    sides: tuple[float, float]
    shape: Shape
    label: str | None = None


def test_plain_data_is_converted_to_the_annotated_type():
    box = typed({"sides": [1, 2.5], "shape": {"name": "Square", "init_args": {"side": 2}}}, Box)
    assert box == Box((1.0, 2.5), Square(2.0))
    assert typed({"sides": [1, 2], "shape": "Circle"}, Box).shape == Circle()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sides": None}, "sides must be a list, got None"),
        ({"sides": [1, "x"]}, r"sides\[1\] must be a number, got 'x'"),
        ({"sides": [1]}, r"sides must be a list of length 2, got \[1\]"),
        ({"label": 3}, "label must be a string or null, got 3"),
        ({"shape": "Sphere"}, "shape: Shape must be one of .*, got 'Sphere'"),
        ({"shape": {"name": "Square"}}, "shape: init_args is missing"),
        ({"shape": {"name": "Square", "init_args": {}}}, "shape: side is missing"),
        ({"shape": {"name": "Square", "init_args": {"size": 1}}}, "shape: Square accepts side, got size"),
        ({"shape": {"name": "Circle", "init_args": {"names": {"a": 0.5}}}}, r"shape: names\[...\] must be a whole nu"),
        (
            {"shape": {"name": "Circle", "init_args": {"names": {3: 1}}}},
            r"shape: a key of names must be a string, got \{3",
        ),
    ],
)
def test_data_of_the_wrong_type_is_reported_with_its_path(changes, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        typed({"sides": [1, 2], "shape": "Circle"} | changes, Box)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'"\xff"', b"[" * 100_000, b"[1]", b'{"a": NaN}', b'{"a": "x"}']
)
def test_a_file_without_the_expected_json_is_refused_by_name(tmp_path, content):
    path = tmp_path / "counts.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path}: ") as raised:
        read_json(path, dict[str, int])
    assert "\n" not in str(raised.value)
    path.write_text('{"a": 3}')
    assert read_json(path, dict[str, int]) == {"a": 3}
