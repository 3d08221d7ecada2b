"""Reads back every output format of the command line and says where it differs from the JSON.

The rules stand here a second time, written from spec/surfaces.md and not from the renderer, so that
the two can disagree. Each function answers a list of complaints; an empty one means agreement.
"""

import csv
import datetime
import io
import json
import re
import time

RELATIVE = r"(?:now|\d+[smhd] ago|in \d+[smhd])"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
AMOUNT = re.compile(r"\d+\.\d{6}")


def unix_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def shown(text):
    """A text as a table may show it: no control characters, one line."""
    return "".join(
        " " if c in "\n\t" else "\ufffd" if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text
    )


def trimmed(amount):
    return amount.rstrip("0").rstrip(".")


def cell_pattern(value, wide):
    """A regular expression for what a table cell may say of a JSON value."""
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(each, (list, dict)) for each in value):
        return ", ".join(cell_pattern(each, wide) for each in value)
    if not isinstance(value, str):
        return re.escape(shown(compact(value)))
    if AMOUNT.fullmatch(value):
        return f"(?:{re.escape(trimmed(value))}|{re.escape(value)})"
    if RFC3339.fullmatch(value) and not wide:
        return f"(?:{RELATIVE}|{re.escape(value)})"
    return re.escape(shown(value).strip()) or "-?"


def relative_is_right(text, value):
    """Whether "5s ago" is what one says of that time now, but for rounding to a unit."""
    found = re.fullmatch(RELATIVE, text)
    if not found:
        return True
    age = time.time() - unix_time(value)
    if text == "now":
        return abs(age) < 3
    number, unit = re.search(r"(\d+)([smhd])", text).groups()
    said = int(number) * SECONDS[unit] * (-1 if text.startswith("in ") else 1)
    return abs(age - said) <= SECONDS[unit] + 3


def one_space(text):
    return re.sub(r"\s+", " ", text).strip()


def matches(line, values, wide):
    """Whether a line consists of exactly these cells."""
    pattern = r"\s+".join(
        re.sub(r"(?:\\ | )+", r"\\s+", cell_pattern(value, wide)) for value in values
    )
    return re.fullmatch(pattern, line.strip()) is not None


def at_path(document, path):
    """The value at "a.b[0].c", or KeyError."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        document = document[int(index)] if index else document[name]
    return document


def leaves(value, path=""):
    """Paths and values of all that a table of one thing shows on a line of its own."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(each, (list, dict)) for each in value):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def is_same_number(text, value):
    """A double has several shortest spellings that read back as it; Python knows one of them."""
    try:
        return isinstance(value, float) and float(text) == value
    except ValueError:
        return False


def object_table(text, document, wide):
    expected = dict(leaves(document))
    complaints, seen = [], set()
    for line in text.splitlines():
        path, _, rest = line.partition(" ")
        if path not in expected:
            complaints.append(f"the line {line[:80]!r} is about nothing in the JSON")
            continue
        seen.add(path)
        cell = rest.strip() or "-"
        if is_same_number(cell, expected[path]):
            continue
        if not matches(cell, [expected[path]], wide):
            complaints.append(
                f"{path} shows {rest.strip()[:80]!r} where the JSON has {expected[path]!r}"
            )
        elif isinstance(expected[path], str) and not relative_is_right(
            rest.strip(), expected[path]
        ):
            complaints.append(f"{path} shows {rest.strip()!r} for {expected[path]}")
    complaints += [f"{path} of the JSON is not shown" for path in expected if path not in seen]
    return complaints


def list_table(text, items, wide):
    lines = text.splitlines()
    if not lines:
        return [] if not items else ["there is not even a header"]
    columns = [name.lower().replace(" ", "_") for name in re.split(r"\s{2,}", lines[0].strip())]
    if items and not all(name.split(".")[0] in items[0] for name in columns):
        return [f"the header {columns} names what no row has"]
    if wide and items and set(items[0]) - set(columns):
        return [f"wide leaves out {sorted(set(items[0]) - set(columns))}"]
    if len(lines) - 1 != len(items):
        return [f"{len(lines) - 1} rows for {len(items)} items"]
    complaints = []
    for line, item in zip(lines[1:], items):
        values = [at_path(item, name) for name in columns]
        if not matches(line, values, wide):
            complaints.append(
                f"the row {one_space(line)[:120]!r} does not derive from {compact(item)[:200]}"
            )
    return complaints


def table(text, document, wide=False):
    if (
        isinstance(document, dict)
        and isinstance(document.get("items"), list)
        and "next_cursor" in document
    ):
        return list_table(text, document["items"], wide)
    return object_table(text, document, wide)


def plain(text, document):
    """A command whose result is a text prints it: one of the JSON's texts, or the JSON itself."""
    said = text.strip()
    texts = [value for _, value in leaves(document) if isinstance(value, str)]
    if any(said == value.strip() for value in texts):
        return []
    try:
        if json.loads(text) == document:
            return []
    except json.JSONDecodeError:
        pass
    words = [value for _, value in leaves(document) if isinstance(value, str) and value]
    if words and said == " ".join(words):  # "aitbc 0.1.0"
        return []
    return [f"{said[:120]!r} is none of the JSON's texts"]


# ---- YAML: the subset that the command line writes, which is also what PyYAML reads ----


def _scalar(text):
    if text == "" or text == "~":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in (
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
        ):
            return text
        raise


def _block(lines, indent):
    """Reads the block that starts at lines[0] with this indent; takes its lines away."""
    if lines[0][1].startswith("-"):
        items = []
        while lines and lines[0][0] == indent and lines[0][1].startswith("-"):
            rest = lines.pop(0)[1][1:].strip()
            nested = not rest and lines and lines[0][0] > indent
            items.append(_block(lines, lines[0][0]) if nested else _scalar(rest))
        return items
    document = {}
    while lines and lines[0][0] == indent:
        text = lines.pop(0)[1]
        found = re.match(r'("(?:[^"\\]|\\.)*"|[^":\s][^:]*):(?:\s+(.*))?$', text)
        if not found:
            raise ValueError(f"no key in {text!r}")
        name, rest = _scalar(found.group(1)), (found.group(2) or "").strip()
        deeper = not rest and lines and lines[0][0] > indent
        document[name] = _block(lines, lines[0][0]) if deeper else _scalar(rest)
    return document


def read_yaml(text):
    lines = [
        (len(line) - len(line.lstrip(" ")), line.strip())
        for line in text.splitlines()
        if line.strip()
    ]
    if not lines:
        return None
    if len(lines) == 1 and not re.match(r'(- |-$|[^"{\[]*:( |$))', lines[0][1]):
        return _scalar(lines[0][1])
    document = _block(lines, lines[0][0])
    if lines:
        raise ValueError(f"what is {lines[0][1]!r} doing here?")
    return document


def yaml(text, document):
    documents = [each for each in re.split(r"^---\n", text, flags=re.MULTILINE) if each]
    if text.startswith("---\n"):  # a stream of documents
        found = [] if len(documents) == len(document["items"]) else [f"{len(documents)} documents"]
        return found + [
            each for one, item in zip(documents, document["items"]) for each in yaml(one, item)
        ]
    try:
        read = read_yaml(text)
    except (ValueError, IndexError) as cause:
        return [f"it is no YAML: {cause}"]
    complaints = (
        []
        if read == document
        else [f"the YAML says {compact(read)[:300]}, the JSON {compact(document)[:300]}"]
    )
    try:
        import yaml as library  # a second opinion where it is installed
    except ImportError:
        return complaints
    loaded = library.safe_load(text)
    return complaints + ([] if loaded == document else [f"PyYAML reads {compact(loaded)[:300]}"])


def jsonl(text, document):
    try:
        rows = [json.loads(line) for line in text.splitlines()]
    except json.JSONDecodeError as cause:
        return [f"a line is no JSON: {cause}"]
    is_list = isinstance(document, dict) and "items" in document and "next_cursor" in document
    expected = document["items"] if is_list else [document]
    return [] if rows == expected else [f"{compact(rows)[:200]} are not {compact(expected)[:200]}"]


def csv_text(text, document):
    rows = list(csv.reader(io.StringIO(text)))
    is_list = isinstance(document, dict) and "items" in document and "next_cursor" in document
    items = document["items"] if is_list else [document]
    if not rows or len(rows) - 1 != len(items):
        return [f"{len(rows) - 1} records for {len(items)} items"]
    complaints = []
    for row, item in zip(rows[1:], items):
        for name, said in zip(rows[0], row, strict=True):
            try:
                value = item[name] if name in item else at_path(item, name)
            except (KeyError, TypeError, IndexError):
                complaints.append(f"the column {name} is in no item")
                continue
            expected = "" if value is None else value if isinstance(value, str) else None
            same = said == expected if expected is not None else json.loads(said) == value
            if not same:
                complaints.append(f"{name} is {said[:80]!r} where the JSON has {value!r}")
    return complaints


def names(text, document):
    is_list = isinstance(document, dict) and "items" in document and "next_cursor" in document
    items = document["items"] if is_list else [document]
    lines = text.splitlines()
    if len(lines) != len(items):
        return [f"{len(lines)} names for {len(items)} items"]
    complaints = []
    for line, item in zip(lines, items):
        texts = [shown(value) for _, value in leaves(item) if isinstance(value, str)]
        if line not in texts and line != compact(item):
            complaints.append(f"{line[:80]!r} is no text of {compact(item)[:160]}")
    return complaints


def complaints_about(output_format, text, document):
    """All that is wrong with `text`, the output in this format of what is `document` in JSON."""
    if output_format == "json":
        return []
    if output_format == "yaml":
        return yaml(text, document)
    if output_format == "jsonl":
        return jsonl(text, document)
    if output_format == "csv":
        return csv_text(text, document)
    if output_format == "name":
        return names(text, document)
    found = table(text, document, wide=output_format == "wide")
    return found if not found or plain(text, document) else []


# ---- answers against the schemas of /openapi.json ----


def schema_complaints(value, schema, path="$"):
    if not schema:
        return []
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is_kind(value, kind) for kind in kinds):
        return [f"{path} is {value!r}, not {kinds}"]
    if value is None:
        return []
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path} is {value!r}, none of {schema['enum']}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{path} is {value!r}, against {schema['pattern']}")
    if isinstance(value, dict) and "properties" in schema:
        found += [
            f"{path} lacks {name}" for name in schema.get("required", []) if name not in value
        ]
        for name, inner in value.items():
            if name in schema["properties"]:
                found += schema_complaints(inner, schema["properties"][name], f"{path}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{path}.{name} is not in the schema")
    if isinstance(value, list) and "items" in schema:
        for index, inner in enumerate(value):
            found += schema_complaints(inner, schema["items"], f"{path}[{index}]")
    return found


def _is_kind(value, kind):
    return {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "null": value is None,
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
    }[kind]


def unknown_fields(value, schema, path="$"):
    """Fields of an answer that its schema does not tell of."""
    if isinstance(value, dict) and "properties" in schema:
        found = [f"{path}.{name}" for name in value if name not in schema["properties"]]
        for name, inner in value.items():
            found += unknown_fields(inner, schema["properties"].get(name, {}), f"{path}.{name}")
        return found
    if isinstance(value, list) and "items" in schema:
        return [
            each
            for index, inner in enumerate(value)
            for each in unknown_fields(inner, schema["items"], f"{path}[{index}]")
        ]
    return []
