#!/usr/bin/env bash
# Fuzzes the readers of files, group by group: `fuzz/run.sh SECONDS [GROUP]...`. Seeds are the fixtures of collectors and
# containers, and what earlier runs have kept in fuzz/kept. What a run finds anew and is worth keeping is merged into it,
# small. Needs cargo-fuzz (cargo install cargo-fuzz).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds for each group}
shift
# A group is a name and the collectors whose fixtures are its seeds.
declare -A groups=(
    [programs]="elf pe macho go-build rust-audit"
    [databases]="hives rpm certs nix guix container-images dpkg apk kmod"
    [documents]="sbom maven-pom nuget gradle browser"
    [lists]="npm npm-lock yarn pnpm pypi pypi-lock pypi-requirements conda maven cargo-lock go-mod gem composer cocoapods
        swift-package pub-lock mix homebrew accounts cron systemd init flatpak snap os-release package-file"
    [containers]=""
)
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=("${!groups[@]}")
# The fuzzer's instrumentation is not of the stable toolchain, which takes it all the same where this is set.
export RUSTC_BOOTSTRAP=1
for group in "${wanted[@]}"; do
    seeds=fuzz/corpus/$group
    mkdir -p "$seeds" "fuzz/kept/$group"
    python3 - "$seeds" "$group" ${groups[$group]} <<'PYTHON'
import hashlib, pathlib, sys
out, group, collectors = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
roots = [case for name in collectors for case in pathlib.Path("crates/collect/fixtures", name).glob("*") if case.is_dir()]
if group == "containers":
    roots = [pathlib.Path("crates/place/fixtures", name) for name in ("containers", "squashfs", "iso")]
for root in roots:
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_size < 64 << 10:
            seed = str(file.relative_to(root)).encode() + b"\0" + file.read_bytes()
            (out / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
PYTHON
    cargo fuzz run --release file "$seeds" "fuzz/kept/$group" -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
        -max_len=65536 -print_final_stats=1
done
