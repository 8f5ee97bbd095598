#!/usr/bin/env bash
# Unpacks Debian's rustc-web, with standard libraries for other processors, into the folder $1, apart from the system,
# and installs cross linkers and emulators. Prints nothing when all goes well. For Debian 12 on x86-64.
set -euo pipefail
root=$1
packages=(qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross
    gcc-i686-linux-gnu libc6-dev-i386-cross gcc-mingw-w64-x86-64 wine64 gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
    gcc-arm-linux-gnueabihf libc6-dev-armhf-cross musl-tools)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi
# With musl, Rust asks for LLVM's unwinder; gcc's has the same functions, and asks for one of glibc.
mkdir -p "$root/musl"
musl-gcc -Wall -Wextra -O2 -c -o "$root/musl/dl_find_object.o" "$(dirname "$0")/dl_find_object.c"
cp "$(gcc -print-file-name=libgcc_eh.a)" "$root/musl/libunwind.a"
ar r "$root/musl/libunwind.a" "$root/musl/dl_find_object.o"
[ -e "$root/rustc" ] && exit

# An apt of its own: with both architectures, no installed package, and only Debian 12 and its security suite.
apt=$root/apt
mkdir -p "$apt"/{lists/partial,archives/partial,packages}
: >"$apt/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
# From where this system has its packages.
apt-get indextargets --format "deb [signed-by=$keys] \$(SITE) \$(RELEASE) main" | sort -u |
    grep -E ' bookworm(-security)? main$' >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
APT::Architecture "amd64";
APT::Architectures {"amd64"; "arm64";};
Dir::State::Lists "$apt/lists";
Dir::State::Status "$apt/status";
Dir::Cache "$apt";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Sandbox::User "root";
END
export APT_CONFIG=$apt/apt.conf
apt-get update -qq
version=$(apt-cache madison rustc-web | awk '{print $3}' | sort -V | tail -1)
short=$(sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$version")
llvm=$(apt-cache depends "rustc-web=$version" "libstd-rust-web-$short=$version" | grep -oE 'libllvm[0-9]+' | head -1)
cd "$apt/packages"
apt-get download -qq "rustc-web=$version" "libstd-rust-web-$short:amd64=$version" \
    "libstd-rust-web-dev:amd64=$version" "libstd-rust-web-dev:arm64=$version" "rust-web-src=$version" "$llvm:amd64" \
    "lld-${llvm#libllvm}:amd64" wasi-libc
for package in *.deb; do dpkg -x "$package" "$root/files"; done
rm -f *.deb

# `-Zbuild-std` looks here for the library's source, inside the system root.
files=$root/files
source=$(echo "$files"/usr/src/rustc-*)
mkdir -p "$files/usr/lib/rustlib/src"
ln -sfn "$source" "$files/usr/lib/rustlib/src/rust"
# Compilers look here for the C library of WebAssembly.
self=$files/usr/lib/rustlib/wasm32-wasip1/lib/self-contained
mkdir -p "$self"
ln -sf "$files"/usr/lib/wasm32-wasi/{crt1-command.o,crt1-reactor.o,libc.a} "$self"
# The test harness names functions for threads, which are not there; it calls none where there are no threads.
cat >"$root/wasm-ld" <<END
#!/bin/sh
exec $files/usr/lib/llvm-${llvm#libllvm}/bin/wasm-ld "\$@" --unresolved-symbols=ignore-all
END
chmod +x "$root/wasm-ld"
cat >"$root/rustc" <<END
#!/bin/sh
export LD_LIBRARY_PATH=$files/usr/lib:$files/usr/lib/x86_64-linux-gnu
exec $files/usr/bin/rustc "\$@"
END
chmod +x "$root/rustc"
