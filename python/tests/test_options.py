"""The package's arguments against the library's records of options."""

import inspect
import re

import pytest

import lodestone
from lodestone import _core
from lodestone._arrays import option_text

# Arguments that users know by another name than the library's.
NAMES = {
    "cv": "folds",
    "random_state": "seed",
}

CALLS = {
    "train": lodestone.train,
    "fit": lodestone.LodestoneRegressor,
    "fit of classes": lodestone.LodestoneClassifier,
    "certify": lodestone.certify,
    "flow": lodestone.flow,
}

# None in Python: the library chooses, or there is no bound.
NOT_GIVEN = ("auto", "inf", "", "0")


@pytest.mark.parametrize("verb", CALLS)
def test_defaults_are_those_of_the_records(verb):
    records = {record["name"]: record for record in _core.options(verb.split()[0])}
    numbers = set()
    for name, parameter in inspect.signature(CALLS[verb]).parameters.items():
        record = records.get(NAMES.get(name, name))
        if record is None or not record["is_number"]:
            continue
        if parameter.default is None:
            assert record["default"] in NOT_GIVEN, name
        else:
            text = option_text(record["name"], parameter.default)
            assert float(text) == float(record["default"]), name
        numbers.add(name)
    assert len(numbers) >= 5


@pytest.mark.parametrize("verb", CALLS)
def test_docstrings_have_the_ranges_of_the_records(verb):
    records = {record["name"]: record for record in _core.options(verb.split()[0])}
    lines = inspect.getdoc(CALLS[verb]).splitlines()
    for name in inspect.signature(CALLS[verb]).parameters:
        record = records.get(NAMES.get(name, name))
        if record is None or not record["is_number"] or name == "max_features":
            continue
        described = [line for line in lines if re.match(rf"(\w+, )*{name}(, \w+)* : ", line)]
        assert len(described) == 1 and described[0].endswith(f" ({record['range']})"), name


@pytest.mark.parametrize("verb", CALLS)
def test_records_say_what_they_are(verb):
    for record in _core.options(verb.split()[0]):
        assert len(record["help"]) >= 10 and record["group"]
        assert "--" not in record["help"]
        if record["is_number"]:
            assert record["range"] in record["help"] and record["default"]
