#!/usr/bin/env bash
# Gets a static busybox for another architecture than this system's, as Debian's package of it, checked by apt.
#
#   fetch-busybox.sh --arch i386 --out DIR
#
# DIR gets: busybox. Nothing is installed and apt's own state stays as it is: the package lists of that architecture
# are private to this run. Needs no root, but the network.
set -euo pipefail
export LC_ALL=C

readonly PACKAGE=busybox-static

die() { printf 'fetch-busybox: %s\n' "$*" >&2; exit 1; }
progress() { printf 'progress %s %s\n' "$1" "$2"; }

out='' arch=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "option $1 needs a value"
  case $1 in
    --out) out=$2 ;;
    --arch) arch=$2 ;;
    *) die "unknown option $1; known: --out --arch" ;;
  esac
  shift 2
done
[ -n "$out" ] || die "--out is missing"
[ "$arch" = i386 ] || die "--arch '$arch' is not i386"
readonly by_hand="or put a static $arch busybox at busybox/$arch/busybox in Ringside's cache by hand"
for tool in apt-get dpkg dpkg-deb readelf; do
  command -v "$tool" >/dev/null || die "$tool is not there; install it, $by_hand"
done

mkdir -p "$out"
out=$(cd "$out" && pwd)
readonly work=$out/work
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial"

apt() {
  apt-get -q -o "APT::Architectures::=$(dpkg --print-architecture)" -o "APT::Architectures::=$arch" \
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@" >&2
}

progress 10 "reading the package lists of $arch"
# One broken archive of several need not matter: the download says whether it does.
apt update || true
progress 60 "downloading $PACKAGE:$arch"
(cd "$work" && apt download "$PACKAGE:$arch") || die "apt cannot download $PACKAGE:$arch: see that this system reaches its package archive, $by_hand"
dpkg-deb -x "$work/${PACKAGE}_"*.deb "$work/package"
readonly busybox=$work/package/bin/busybox
readelf -hW "$busybox" | grep -q 'Machine: *Intel 80386' || die "$PACKAGE:$arch holds no $arch busybox"
cp "$busybox" "$out/busybox"
rm -rf "$work"
progress 100 'busybox ready'
