#!/usr/bin/env bash
# Builds the initial file system: MenuOS as /init, the same program for i386, and busybox.
#
#   build-initrd.sh --out DIR [--arch x86_64|i386] [--busybox FILE]
#
# DIR gets: initrd.cpio.gz programs/menuos programs/menu32 programs/trigger (with debug information)
# program-sources.tar.gz.
# On i386 every program is a 32-bit one: there is no programs/menu32, and the guest's /bin/menu32 is /init; trigger is
# a program of x86_64 alone.
# Needs no root. The same sources, compiler and busybox give the same bytes: the programs' build-ids, too, are digests
# of what was linked. The guest's stripped copies have the same ids.
set -euo pipefail
export LC_ALL=C

readonly SOURCE_NAME=/usr/src/ringside-initrd
readonly PROGRAM_SOURCES=(menuos.c banner.c clock.c commands.c foreground.c lines.c network.c page.c pair.c parameters.c startup.c)
readonly TRIGGER_SOURCES=(trigger.c lines.c parameters.c)
# Away from where other programs stand: debuggers know a breakpoint by its address alone.
readonly TRIGGER_AT=0x10000000
# -O1 with frame pointers: a student can follow the program line by line into the kernel.
readonly PROGRAM_FLAGS=(-std=gnu11 -Wall -Wextra -Werror -g -O1 -fno-omit-frame-pointer -fno-inline -fno-pie -no-pie -static)

die() { printf 'build-initrd: %s\n' "$*" >&2; exit 1; }
progress() { printf 'progress %s %s\n' "$1" "$2"; }

out='' arch=x86_64 busybox=$(command -v busybox || true)
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "option $1 needs a value"
  case $1 in
    --out) out=$2 ;;
    --arch) arch=$2 ;;
    --busybox) busybox=$2 ;;
    *) die "unknown option $1; known: --out --arch --busybox" ;;
  esac
  shift 2
done
[ -n "$out" ] || die "--out is missing"
case $arch in
  x86_64) readonly busybox_class=ELF64 ;;
  i386) readonly busybox_class=ELF32 ;;
  *) die "--arch '$arch' is not x86_64 or i386" ;;
esac
[ -x "$busybox" ] || die "busybox is not there; on Debian: apt install busybox-static"
if readelf -lW "$busybox" | grep -q INTERP; then
  die "$busybox needs shared libraries; on Debian: apt install busybox-static"
fi
readelf -hW "$busybox" | grep -q "Class: *$busybox_class" || die "$busybox is not a program for $arch"
printf '#include <stdio.h>\n' | gcc -m32 -E - >/dev/null 2>&1 ||
  die "gcc cannot build 32-bit programs; on Debian: apt install gcc-multilib libc6-dev-i386"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out/programs"
out=$(cd "$out" && pwd)
readonly work=$out/work
rm -rf "$work"
mkdir -p "$work"

compile() { # NAME SOURCES EXTRA_FLAGS...
  local name=$1
  local -n sources=$2
  shift 2
  # Compiled from its own folder, so that no path of the builder gets into the program.
  (cd "$here" && gcc "${PROGRAM_FLAGS[@]}" "$@" "-ffile-prefix-map=$here=$SOURCE_NAME" \
    -Wl,--build-id=sha1 -o "$out/programs/$name" "${sources[@]}")
  strip -o "$work/$name" "$out/programs/$name"
}

progress 10 'compiling MenuOS'
readonly FLAGS_32=(-m32 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64)
case $arch in
  x86_64)
    compile menuos PROGRAM_SOURCES -m64
    compile menu32 PROGRAM_SOURCES "${FLAGS_32[@]}"
    compile trigger TRIGGER_SOURCES -m64 "-Wl,-Ttext-segment=$TRIGGER_AT"
    readonly others="file bin/menu32 0755 $work/menu32
file bin/trigger 0755 $work/trigger"
    ;;
  i386)
    compile menuos PROGRAM_SOURCES "${FLAGS_32[@]}"
    readonly others='link bin/menu32 ../init'
    ;;
esac
gcc -O1 -std=gnu11 -o "$work/newc" "$here/newc.c"

progress 60 'packing'
applets=$("$busybox" --list | sort) || die "this system cannot run $busybox, which names its own commands"
{
  for folder in bin dev etc proc root sys tmp; do echo "dir $folder 0755"; done
  echo 'char dev/console 0600 5 1'
  echo 'char dev/null 0666 1 3'
  echo "file init 0755 $work/menuos"
  echo 'link bin/menuos ../init'
  echo "$others"
  echo "file bin/busybox 0755 $busybox"
  for applet in $applets; do
    [ "$applet" = busybox ] || echo "link bin/$applet busybox"
  done
} | "$work/newc" | gzip -n -9 >"$out/initrd.cpio.gz"

# The sources gdb can be sent to.
(
  cd "$here"
  tar --create --owner=0 --group=0 --numeric-owner --mode=u=rw,go=r --mtime=@0 --format=gnu -- *.[ch] |
    gzip -n >"$out/program-sources.tar.gz"
)
rm -rf "$work"
progress 100 'initrd ready'
