#!/usr/bin/env bash
# Validates CycloneDX, SARIF and OCSF files with the formats' own schemas and tools, which it installs first.
# Usage: formats.sh FILE...      (or source it, and call formats_validate FILE...)
# The kind of a file is told by its content: CycloneDX JSON 1.2 to 1.7, SARIF 2.1.0, OCSF events one a line. SPDX 2.2 and
# 2.3 in JSON are checked as well: bills of materials that are read.
# Prints "valid FILE KIND" or what is wrong for each; exits 1 when one is not valid, 3 when a tool cannot be installed.
# The first time it makes a Python environment from PyPI and a folder with the SARIF Multitool from npm, both below
# ${OSTRAKON_VALIDATE_CACHE:-target/validate}; delete the folder to start over.
# Needs: Python 3.10 or newer with venv, npm, an x86-64 Linux for the Multitool, and both registries the first time. Takes
# 20 s and 200 MB the first time, then 1 s and 3 s for each SARIF file.

CYCLONEDX=11.12.0 # cyclonedx-python-lib: carries the schemas of CycloneDX up to 1.7
JSONSCHEMA=4.26.0 # jsonschema: what checks them
OCSF=1.2.0        # ocsf-json-schema: carries the schemas of OCSF up to 1.8.0
SPDX=0.8.5        # spdx-tools: SPDX 2.2 and 2.3
MULTITOOL=5.7.0   # @microsoft/sarif-multitool-linux: carries the schema of SARIF 2.1.0, and checks what no schema can
FORMATS_HERE=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

formats_python() { # prints the python that has the schemas; makes its environment first, one script at a time
  local cache venv lock
  cache=${OSTRAKON_VALIDATE_CACHE:-$FORMATS_HERE/../../target/validate}
  mkdir -p "$cache" || return 3
  venv=$(realpath "$cache")/formats-$CYCLONEDX-$JSONSCHEMA-$OCSF-$SPDX
  exec {lock}>"$cache/formats.lock"
  flock "$lock"
  if [ ! -e "$venv/ready" ]; then
    echo "formats: installing the schemas of CycloneDX, OCSF and SPDX into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 &&
      "$venv/bin/pip" install --quiet --disable-pip-version-check "cyclonedx-python-lib[json-validation]==$CYCLONEDX" \
        "jsonschema[format-nongpl]==$JSONSCHEMA" "ocsf-json-schema==$OCSF" "spdx-tools==$SPDX" >&2 &&
      touch "$venv/ready" || return 3
  fi
  exec {lock}>&-
  echo "$venv/bin/python"
}

formats_multitool() { # prints the folder of the SARIF Multitool; installs it first, one script at a time
  local cache folder lock
  cache=${OSTRAKON_VALIDATE_CACHE:-$FORMATS_HERE/../../target/validate}
  mkdir -p "$cache" || return 3
  folder=$(realpath "$cache")/sarif-$MULTITOOL
  exec {lock}>"$cache/sarif.lock"
  flock "$lock"
  if [ ! -e "$folder/ready" ]; then
    echo "formats: installing the SARIF Multitool into $folder" >&2
    rm -rf "$folder"
    mkdir -p "$folder" && echo '{"private": true}' >"$folder/package.json" &&
      npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts --save-exact \
        "@microsoft/sarif-multitool-linux@$MULTITOOL" >&2 &&
      chmod u+x "$folder/node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool" &&
      touch "$folder/ready" || return 3
  fi
  exec {lock}>&-
  echo "$folder/node_modules/@microsoft/sarif-multitool-linux"
}

formats_validate() { # formats_validate FILE...
  local python multitool
  python=$(formats_python) || return 3
  multitool=$(formats_multitool) || return 3
  # The Multitool asks for no language data this way, which small systems lack.
  DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$python" "$FORMATS_HERE/formats-validate.py" "$multitool" "$@"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  [ $# -gt 0 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2; exit 2; }
  formats_validate "$@"
fi
