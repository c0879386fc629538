"""The YAML reader: what scalars mean, where things stand, references, and files that are too much."""

import pytest
import yaml

from gateway.config import yaml_file
from gateway.config.problems import ConfigError
from gateway.config.references import References, Source, UnresolvedError
from gateway.config.yaml_file import Place, read


@pytest.fixture(params=["c", "python"])
def document(request, tmp_path, monkeypatch):
    """A text as a document, through either of PyYAML's loaders."""
    if request.param == "python":
        monkeypatch.setattr(yaml_file, "Loader", yaml.SafeLoader)
    path = tmp_path / "f.yaml"

    def parsed(text, **environ):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, References(environ, tmp_path))

    return parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("# nothing", {}),
        ("a: off", {"a": "off"}),
        ("a: yes", {"a": "yes"}),
        ("a: true", {"a": True}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 1", {"a": 1}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: 22:22", {"a": "22:22"}),
        ("a: 1.5", {"a": 1.5}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: .", {"a": "."}),
        ("a: '1'", {"a": "1"}),
        ("a: 2026-12-01", {"a": "2026-12-01"}),
        ("off: 1\n2: b", {"off": 1, "2": "b"}),
        ("a: |\n  x\n", {"a": "x\n"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
    ],
)
def test_values(document, text, value):
    assert document(text).value == value


def test_places(document):
    found = document("a:\n  - {b: 1,\n     ü: 2}\n  - x\n").places
    assert found["a", 0, "b"] == Place(2, 9, 2, 6)
    assert found["a", 0, "ü"] == Place(3, 9, 3, 6)
    assert found["a", 1] == Place(4, 5, 4, 5)
    assert found["a",] == Place(2, 3, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "this is not YAML"),
        ("a: {b: ${X}, c: 1}", "needs quotes"),
        ("- 1", ":1:1: error: a configuration is a mapping"),
        ("x", "a configuration is a mapping"),
        ("a: 1\n---\nb: 1", "one YAML document"),
        ("a: !!python/object:os.system x", ":1:4: error: tags such as"),
        ("a: !x 1", "tags such as"),
        ("a: *b", "this is not YAML"),
        ("a: &a [*a]", "this is too much"),
        ("[" * 5000, "this is too much"),
        ("a: &a {b: 1}\nc: {<<: *a}", ":2:5: error: a key is a plain text"),
        ("? [1]\n: 2", "a key is a plain text"),
        ("a: \x01", "this is not YAML"),
        (b"a: 1\nb: \xff", ":2:1: error: the file is not UTF-8"),
        (b"#" * (1 << 20) + b"#", "larger than 1 MiB"),
        ("a: [" + "1," * 120_000 + "1]", "this is too much"),
    ],
)
def test_refused(document, text, message):
    with pytest.raises(ConfigError) as error:
        document(text)
    assert message in str(error.value)


def test_a_bomb_of_aliases_is_too_much(document):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="this is too much"):
        document("\n".join(levels))


def test_a_key_twice_keeps_the_first(document):
    found = document("a: 1\nb:\n  c: 1\n  c: 2\n")
    assert found.value == {"a": 1, "b": {"c": 1}}
    assert [str(problem).split("f.yaml")[1] for problem in found.repeated] == [
        ':4:3: error: the key "c" is there twice, first in line 3'
    ]


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: error: the file cannot be read: No such file"):
        read(tmp_path / "none.yaml", References({}, tmp_path))


@pytest.mark.parametrize(
    ("text", "value", "source"),
    [
        ("plain $5 $X", "plain $5 $X", Source.LITERAL),
        ("${A}", "one", Source.REFERENCE),
        ("${A}${B_2}", "onetwo", Source.REFERENCE),
        ("Bearer ${A}", "Bearer one", Source.MIXED),
        ("${NO:-}", "", Source.REFERENCE),
        ("${NO:-x:-y}", "x:-y", Source.LITERAL),
        ("${A:-x}", "one", Source.LITERAL),
        ("${EMPTY:-x}", "x", Source.LITERAL),
        ("${file:secret}", "from a file", Source.REFERENCE),
        ("$${A}", "${A}", Source.LITERAL),
        ("$${A} ${A}", "${A} one", Source.MIXED),
        ("${TRICK}", "${A}", Source.REFERENCE),
    ],
)
def test_references(tmp_path, text, value, source):
    """What comes in is not looked at again, and a default in the file is a literal."""
    (tmp_path / "secret").write_text("from a file\n")
    found = References({"A": "one", "B_2": "two", "EMPTY": "", "TRICK": "${A}"}, tmp_path).resolve(text)
    assert (found.text, found.source) == (value, source)
    assert repr(found) == f"Resolved(source={source!r})"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("${OPENAI_KEY}", "variable OPENAI_KEY is not set", 'did you mean "OPENAI_API_KEY"?'),
        ("${GROQ_API_KEY}", "variable GROQ_API_KEY is not set", "set it, or give a default: ${GROQ_API_KEY:-…}"),
        ("${ZZZ}", "variable ZZZ is not set", "set it, or give a default: ${ZZZ:-…}"),
        ("${EMPTY}", "variable EMPTY is empty", ""),
        ("${}", "no valid name", "write ${NAME}, ${NAME:-default} or ${file:/path}"),
        ("${a b}", "no valid name", "write ${NAME}, ${NAME:-default} or ${file:/path}"),
        ("${A", "no end", 'write ${NAME}, or $${ for a plain "${"'),
        ("${file:none}", "the file none cannot be read: No such file", ""),
        ("${file:.}", "the file . cannot be read: Is a directory", ""),
        ("${file:empty}", "the file empty is empty", ""),
        ("${file:a\0b}", "the name of a file must not hold a NUL", ""),
        ("${file:binary}", "the file binary cannot be read: it is not UTF-8", ""),
        ("${file:large}", "the file large is larger than 64 KiB", ""),
    ],
)
def test_references_that_lead_nowhere(tmp_path, text, message, hint):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    with pytest.raises(UnresolvedError) as error:
        References({"OPENAI_API_KEY": "sk-hidden", "EMPTY": ""}, tmp_path).resolve(text)
    assert message in str(error.value)
    assert error.value.hint == hint
