#!/usr/bin/env bash
# Builds one kernel for Ringside from any kernel source, and never writes into that source.
#
#   build-kernel.sh --src DIR|TARBALL --out DIR --fragment FILE --arch x86_64|i386 [--jobs N]
#
# DIR gets: bzImage vmlinux System.map config release gdb/ sources.tar.gz build.log
# Lines `progress <percent> <text>` go to stdout; everything else goes to build.log.
set -euo pipefail

# What the debug information calls the source folder, wherever it really was built.
readonly SOURCE_NAME=/usr/src/ringside-linux
# Objects that a build with the course's fragments compiles: only the progress bar depends on it.
readonly OBJECTS_ESTIMATE=1040
# Percent reached when compiling starts and when it ends.
readonly COMPILE_FROM=5 COMPILE_TO=95
# Keep one C function one frame: without these gcc folds callers and callees together.
readonly FRAME_FLAGS="-fno-inline-functions-called-once -fno-optimize-sibling-calls"

die() { printf 'build-kernel: %s\n' "$*" >&2; exit 1; }
progress() { printf 'progress %s %s\n' "$1" "$2"; }

src='' out='' fragment='' arch='' jobs=1
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "option $1 needs a value"
  case $1 in
    --src) src=$2 ;;
    --out) out=$2 ;;
    --fragment) fragment=$2 ;;
    --arch) arch=$2 ;;
    --jobs) jobs=$2 ;;
    *) die "unknown option $1; known: --src --out --fragment --arch --jobs" ;;
  esac
  shift 2
done
[ -e "$src" ] || die "--src '$src' does not exist; give a kernel source folder or tarball (Debian: apt install linux-source)"
[ -n "$out" ] || die "--out is missing"
[ -f "$fragment" ] || die "--fragment '$fragment' does not exist; see course/kernels/*.config"
case $arch in
  x86_64) readonly machine=CONFIG_64BIT=y ;;
  i386) readonly machine=CONFIG_X86_32=y ;;
  *) die "--arch '$arch' is not x86_64 or i386" ;;
esac
for tool in make gcc ld objcopy flex bison bc tar; do
  command -v "$tool" >/dev/null || die "$tool is not installed; on Debian: apt install build-essential flex bison bc libelf-dev"
done

mkdir -p "$out"
out=$(cd "$out" && pwd)
fragment=$(cd "$(dirname "$fragment")" && pwd)/$(basename "$fragment")
readonly work=$out/work log=$out/build.log
rm -rf "$work"
mkdir -p "$work"
: >"$log"

# A reader of build.log needs to see which step failed.
step() { printf '\n== %s\n' "$*" >>"$log"; "$@" >>"$log" 2>&1 || die "'$*' failed; see $log"; }

progress 1 'unpacking the kernel source'
if [ -d "$src" ]; then
  tar -C "$src" --exclude-vcs -cf - . | tar -C "$work" -xf -
  step make -C "$work" mrproper
else
  step tar -C "$work" --strip-components=1 -xf "$src"
fi
[ -f "$work/Kbuild" ] || die "'$src' is not a kernel source tree: it has no Kbuild at its top"

# A 32-bit kernel, and no other, holds ACPI's PM timer against the host's clock when it boots. On a busy host it then
# gives its only good clock up, and ticks 250 times a second while it has nothing to do.
if [ "$arch" = i386 ]; then
  step sed -i 's,^#ifndef CONFIG_X86_64$,#if 0 /* Ringside: not checked by the time of a busy host */,' \
    "$work/drivers/clocksource/acpi_pm.c"
fi

# Same input, same bytes: no clock, no user, no host, no path.
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export KBUILD_BUILD_USER=ringside KBUILD_BUILD_HOST=ringside KBUILD_BUILD_VERSION=1
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=0
readonly map="-ffile-prefix-map=$work=$SOURCE_NAME"
kernel_make() { make -C "$work" ARCH="$arch" KCFLAGS="$FRAME_FLAGS $map" KAFLAGS="$map" "$@"; }

progress 3 'configuring'
step kernel_make tinyconfig
step "$work/scripts/kconfig/merge_config.sh" -m -O "$work" "$work/.config" "$fragment"
step kernel_make olddefconfig

# Kconfig drops silently what it cannot have; a kernel without its console is found out too late.
wanted_missing=$(grep -E '^CONFIG_[A-Z0-9_]+=' "$fragment" | grep -vxFf "$work/.config" || true)
[ -z "$wanted_missing" ] || printf 'not available in this kernel:\n%s\n' "$wanted_missing" >>"$log"
for required in "$machine" CONFIG_SERIAL_8250_CONSOLE=y CONFIG_BLK_DEV_INITRD=y CONFIG_INET=y CONFIG_KALLSYMS=y; do
  grep -qx "$required" "$work/.config" || die "this kernel cannot have $required; see $log"
done

progress $COMPILE_FROM 'compiling'
printf '\n== compile\n' >>"$log"
kernel_make -j"$jobs" scripts_gdb bzImage vmlinux 2>&1 | tee -a "$log" | awk \
  -v from=$COMPILE_FROM -v to=$COMPILE_TO -v estimate=$OBJECTS_ESTIMATE '
  $1 == "CC" || $1 == "AS" {
    n++
    sub(/^.*\/work\//, "", $2)
    percent = from + int((to - from) * n / estimate)
    if (percent > to) percent = to
    if (percent > last) { last = percent; printf "progress %d compiling %s\n", percent, $2; fflush() }
  }' || die "the kernel did not compile; see $log"

progress 96 'collecting'
cp "$work/arch/x86/boot/bzImage" "$work/vmlinux" "$work/System.map" "$out/"
cp "$work/.config" "$out/config"
kernel_make -s kernelrelease | tail -n 1 >"$out/release"
rm -rf "$out/gdb"
mkdir -p "$out/gdb/scripts/gdb/linux"
cp -L "$work/vmlinux-gdb.py" "$out/gdb/"
cp -L "$work"/scripts/gdb/linux/*.py "$out/gdb/scripts/gdb/linux/"

# The sources gdb can be sent to: only the files that this kernel was compiled from.
progress 98 'collecting sources'
(
  cd "$work"
  find . -name '.*.o.cmd' -exec sed -nE \
    -e 's,^source_[^ ]* := ([^/ $][^ ]*)$,\1,p' -e 's,^  ([^/ $][^ ]*) \\$,\1,p' {} + |
    sed 's,^\./,,' | sort -u | while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done |
    tar --create --no-recursion --files-from=- --sort=name --owner=0 --group=0 --numeric-owner \
      --mode=u=rw,go=r --mtime=@0 --format=gnu | gzip -n >"$out/sources.tar.gz"
)
rm -rf "$work"
progress 100 'kernel ready'
