#!/usr/bin/env python3
"""Validates CycloneDX, SARIF, OCSF and SPDX files and prints "valid FILE KIND", or what is wrong, for each.

  formats-validate.py MULTITOOL FILE...      exits 1 when one is not valid

MULTITOOL is the folder of the SARIF Multitool. Beyond the schemas it checks what they do not: references of a CycloneDX
file that lead to nothing, OCSF type numbers that do not belong to their class, levels and baseline states of SARIF, and
the Multitool's own rules. Run it by formats.sh, which installs what it needs.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator, FormatChecker

MULTITOOL = pathlib.Path(sys.argv[1])
LONGEST = 400


def brief(error):
    """One fault of a JSON schema."""
    return f"{error.json_path}: {error.message[:LONGEST]}"


def cyclonedx(path, document):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = document.get("specVersion", "")
    known = {one.to_version(): one for one in SchemaVersion}
    if version not in known:
        return version, [f"not a version this script knows: {version}"]
    faults = JsonStrictValidator(known[version]).validate_str(path.read_text(encoding="utf-8"), all_errors=True)
    found = [f"{fault.data.json_path}: {fault.data.message[:LONGEST]}" for fault in faults or []]
    # What the schema cannot say: names are unique, and what is referred to is there.
    names, references = [], []

    def visit(value):
        if isinstance(value, list):
            for item in value:
                visit(item)
        elif isinstance(value, dict):
            if "bom-ref" in value:
                names.append(value["bom-ref"])
            for key in ("ref", "dependsOn", "assemblies", "subjects", "tools", "dependencies"):
                told = value.get(key, [])
                told = [told] if isinstance(told, str) else told
                # `tools` of the metadata is an object, and `dependencies` of the bill are objects: visited below.
                references.extend(one for one in told if isinstance(told, list) and isinstance(one, str))
            for item in value.values():
                visit(item)

    visit(document)
    found += [f"two things are called {name}" for name in sorted({name for name in names if names.count(name) > 1})]
    found += [f"nothing is called {name}" for name in sorted(set(references) - set(names))]
    return version, found


def sarif(path, document):
    schema = json.loads((MULTITOOL / "sarif-2.1.0.json").read_text(encoding="utf-8-sig"))
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    found = [brief(error) for error in validator.iter_errors(document)]
    for at, run in enumerate(document["runs"]):
        results = run.get("results", [])
        for number, result in enumerate(results):
            if result.get("kind", "fail") != "fail" and result.get("level", "none") != "none":
                found.append(f"$.runs[{at}].results[{number}]: only what is of the kind fail has a level")
        if run.get("baselineGuid") and not all("baselineState" in result for result in results):
            found.append(f"$.runs[{at}]: a baseline, and results that do not say how they stand to it")
    with tempfile.TemporaryDirectory() as folder:
        # The Multitool goes by the name's end, and wants a name of its own for what it finds.
        log, report = pathlib.Path(folder) / "log.sarif", pathlib.Path(folder) / "report.sarif"
        log.write_bytes(path.read_bytes())
        command = [MULTITOOL / "Sarif.Multitool", "validate", log, "--output", report, "--level", "Error;Warning"]
        done = subprocess.run(command, capture_output=True, text=True)
        if not report.exists():
            return "2.1.0", [*found, f"the Multitool failed: {done.stdout}{done.stderr}"]
        results = json.loads(report.read_text(encoding="utf-8-sig"))["runs"][0].get("results", [])
        # It warns by default of what is optional, such as a page on the web for the program.
        errors = [result for result in results if result.get("level", "warning") == "error"]
        found += [f"{result['ruleId']}: {json.dumps(result['message'])[:LONGEST]}" for result in errors]
    return "2.1.0", found


def ocsf(path, events):
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    schemas, validators, found = {}, {}, []
    versions = set()
    for number, event in enumerate(events, 1):
        version, uid = event.get("metadata", {}).get("version"), event.get("class_uid")
        versions.add(str(version))
        try:
            if version not in schemas:
                schemas[version] = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
            if (version, uid) not in validators:
                name = schemas[version].lookup_class_name_from_uid(uid)
                validators[version, uid] = Draft202012Validator(schemas[version].get_class_schema(name))
        except (ValueError, KeyError, FileNotFoundError) as error:
            found.append(f"line {number}: {error}")
            continue
        found += [f"line {number}: {brief(error)}" for error in validators[version, uid].iter_errors(event)]
        if event.get("type_uid") != uid * 100 + event.get("activity_id", 0):
            found.append(f"line {number}: type_uid does not belong to class_uid and activity_id")
        if not 1e12 < event.get("time", 0) < 1e14:
            found.append(f"line {number}: time is not in milliseconds")
    return ", ".join(sorted(versions)), found


def spdx(path, document):
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    version = document["spdxVersion"]
    try:
        faults = validate_full_spdx_document(JsonLikeDictParser().parse(document), version)
    except SPDXParsingError as error:
        return version, [str(message) for message in error.get_messages()]
    return version.removeprefix("SPDX-"), [fault.validation_message for fault in faults]


def judged(path):
    """The kind of a file, and what is wrong with it."""
    text = path.read_text(encoding="utf-8")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        try:
            document = [json.loads(line) for line in text.splitlines() if line]
        except json.JSONDecodeError:
            return "JSON", [str(error)]
    if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
        kind, check = "CycloneDX", cyclonedx
    elif isinstance(document, dict) and "runs" in document:
        kind, check = "SARIF", sarif
    elif isinstance(document, dict) and "spdxVersion" in document:
        kind, check = "SPDX", spdx
    else:
        events = document if isinstance(document, list) else [document]
        if not events or not all(isinstance(event, dict) and "class_uid" in event for event in events):
            return "JSON", ["not a format this script knows"]
        kind, check, document = "OCSF", ocsf, events
    version, found = check(path, document)
    return f"{kind} {version}", found


def main():
    valid = True
    for name in sys.argv[2:]:
        kind, found = judged(pathlib.Path(name))
        if found:
            valid = False
            print(f"not valid {name} {kind}")
            print("\n".join(f"  {fault}" for fault in found))
        else:
            print(f"valid {name} {kind}")
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
