import json
from dataclasses import dataclass, field

import pytest

from ner_lightning.serialization import from_plain, to_plain


class Shape:
    """A kind of part, as the package's losses and decoders are."""


@dataclass(frozen=True)
class Circle(Shape):
    radius: float = 1.0
    names: dict[str, int] = field(default_factory=dict)


class Polygon(Shape):
    """Between the kind and its parts."""


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
def test_a_part_survives_json(part):
    assert from_plain(Shape, json.loads(json.dumps(to_plain(part)))) == part


def test_the_plain_form_holds_the_name_and_every_argument():
    assert to_plain(Circle(2.0)) == {"name": "Circle", "init_args": {"radius": 2.0, "names": {}}}


@pytest.mark.parametrize("name", ["Sphere", "os.system", "dict", "Shape"])
def test_a_name_of_no_part_of_this_kind_is_refused_with_those_known(name):
    with pytest.raises(ValueError, match=r"Shape must be one of \['Circle', 'Pair', 'Polygon', 'Square'\], got"):
        from_plain(Shape, {"name": name, "init_args": {}})


@pytest.mark.parametrize("arguments", [None, [1.0], "radius"])
def test_arguments_have_names(arguments):
    with pytest.raises(ValueError, match="the init_args of Circle must be an object, got"):
        from_plain(Shape, {"name": "Circle", "init_args": arguments})


def test_a_part_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="Polygon must be one of"):
        from_plain(Polygon, {"name": "Circle", "init_args": {}})
