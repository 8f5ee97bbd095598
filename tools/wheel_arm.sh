#!/usr/bin/env bash
# Runs `python3 ARGUMENTS...` with the wheel in target/crossarch/dist on an emulated ARM processor.
# Debian's arm64 Python is unpacked into target/crossarch/arm64, apart from the system. `make wheel-arm` builds it.
set -euo pipefail
here=$PWD
tools=$here/target/crossarch
wheel=$(echo "$tools"/dist/*_aarch64.whl)

root=$tools/arm64
if [ ! -d "$root/site/pytest" ]; then
    mkdir -p "$root/packages" "$root/wheels"
    cd "$root/packages"
    packages=(python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libstdc++6 libgcc-s1 zlib1g libexpat1
        libssl3 libffi8 libbz2-1.0 liblzma5 libuuid1 libcrypt1)
    APT_CONFIG=$tools/apt/apt.conf apt-get update -qq
    APT_CONFIG=$tools/apt/apt.conf apt-get download -qq "${packages[@]/%/:arm64}"
    for package in *.deb; do dpkg -x "$package" "$root/system"; done
    cd "$root/wheels"
    python3 -m pip download --quiet --disable-pip-version-check --only-binary :all: --no-deps --python-version 3.11 \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        numpy ml_dtypes click rich markdown-it-py mdurl pygments \
        hypothesis iniconfig packaging pluggy pytest pytest-timeout sortedcontainers
    for package in *.whl; do python3 -m zipfile -e "$package" "$root/site"; done
fi
rm -rf "$root"/site/initializers*
python3 -m zipfile -e "$wheel" "$root/site"
export PYTHONHOME=$root/system/usr PYTHONPATH=$root/site
cd "$here"
exec qemu-aarch64 -L "$root/system" "$root/system/usr/bin/python3.11" "$@"
