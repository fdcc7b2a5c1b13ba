"""What docs/encoding.md promises to programs and encoders is what there is."""

import inspect
import re
from pathlib import Path

import msgspec

from vsmagic.encode.codecs import CODECS, QUALITIES
from vsmagic.encode.many.report import Entry, Report
from vsmagic.encode.progress import lines

GUIDE = (Path(__file__).parents[2] / "docs" / "encoding.md").read_text(encoding="utf-8")


def rows(*heads: str) -> set[str]:
    """Names in the first column of the tables that follow these heads."""
    found = set()
    for head in heads:
        table = GUIDE.partition(head)[2].partition("\n\n")[0]
        for line in table.splitlines():
            found |= set(re.findall(r"`([\w-]+)`", line.split("|")[1])) if line.startswith("|") else set()
    return found


def test_every_field_of_a_report_is_told() -> None:
    assert rows("| of the run | |\n") == set(Report.__struct_fields__)
    assert rows("| of a file | null where unknown or not yet |\n") == set(Entry.__struct_fields__)


def test_every_type_of_line_is_told_with_its_fields() -> None:
    source = inspect.getsource(lines)
    assert rows("| `type` | fields |\n") == set(re.findall(r'write\(\s*"([a-z-]+)"', source))
    told = GUIDE.partition("| `type` | fields |\n")[2].partition("\n\n")[0]
    for field in set(re.findall(r"^            (\w+)=", source, re.MULTILINE)) - {"file"}:
        assert f"`{field}`" in told


def test_the_qualities_are_told() -> None:
    told: dict[str, list[list[str]]] = {}
    for line in GUIDE.partition("| `--codec` | encoder |")[2].splitlines()[2:]:
        if line.startswith("|"):
            name, *values = re.findall(r"`([^`]+)`", line)
            told.setdefault(name, []).append(values)
    assert set(told) == set(CODECS)
    for name, codec in CODECS.items():
        means = [dict(codec.qualities[quality]) for quality in QUALITIES]
        for each in means:
            for always in ("-rc", "-tune"):
                each.pop(always, None)
        wanted = [[" ".join(f"{key} {value}" for key, value in each.items()) for each in means]]
        if codec.profiles:
            wanted = [
                [f"-profile:v {codec.profiles[chroma][quality]}" for quality in QUALITIES] for chroma in ("422", "444")
            ]
        assert told[name] == wanted


def test_a_report_can_be_read_by_its_own_schema() -> None:
    report = Report(arguments=("a",), versions={}, machine="", begun="", files=[Entry(input="a", output="b")])
    again = msgspec.json.decode(msgspec.json.encode(report), type=Report)
    assert again == report
