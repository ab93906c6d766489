#!/usr/bin/env bash
# Makes a built kernel readable for gdb users and for the server.
#
#   describe-kernel.sh --kernel DIR --out DIR
#
# --kernel is what build-kernel.sh made. DIR gets: vmlinux (with alias symbols, and an index with
# which gdb is ready in a third of the time), System.map (with the same symbols), aliases (lines
# `<alias> <target>`), functions.json, structures.json.
#
# Recipes all over the world say `b sys_listen`; since 4.17 no kernel has that symbol. So each
# system call S without a symbol sys_S gets one. On x86_64: at __sys_S where that exists, else at __x64_sys_S.
# On i386: at __ia32_sys_S, the entry of the system call's own number, as sys_S was there before. So `b sys_listen`
# stays silent when a program listens by way of socketcall, which calls __sys_listen.
set -euo pipefail
export LC_ALL=C

die() { printf 'describe-kernel: %s\n' "$*" >&2; exit 1; }
progress() { printf 'progress %s %s\n' "$1" "$2"; }

kernel='' out=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "option $1 needs a value"
  case $1 in
    --kernel) kernel=$2 ;;
    --out) out=$2 ;;
    *) die "unknown option $1; known: --kernel --out" ;;
  esac
  shift 2
done
[ -f "$kernel/vmlinux" ] || die "--kernel '$kernel' has no vmlinux; run build-kernel.sh first"
[ -n "$out" ] || die "--out is missing"
for tool in objcopy objdump gdb; do
  command -v "$tool" >/dev/null || die "$tool is not installed; on Debian: apt install binutils gdb"
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out"

progress 1 'naming system calls'
# socketcall is a 32-bit call only: on a 64-bit kernel its one living entry is the compat one.
# Weak symbols are calls that this kernel does not have.
awk '
  $2 ~ /^[Tt]$/ { address[$3] = $1 }
  END {
    is64 = "__x64_sys_read" in address
    prefix = is64 ? "__x64_sys_" : "__ia32_sys_"
    for (name in address) {
      if (index(name, prefix) != 1) continue
      call = substr(name, length(prefix) + 1)
      alias = "sys_" call
      if (alias in address) continue
      target = name
      if (is64 && ("__sys_" call) in address) target = "__sys_" call
      if (call == "socketcall" && ("__ia32_compat_sys_socketcall" in address)) target = "__ia32_compat_sys_socketcall"
      print alias, target, address[target]
    }
  }' "$kernel/System.map" | sort >"$out/aliases.addresses"
cut -d' ' -f1,2 "$out/aliases.addresses" >"$out/aliases"
awk '{ print $3, "T", $1 }' "$out/aliases.addresses" | sort - "$kernel/System.map" >"$out/System.map"

text=$(objdump -h -j .text "$kernel/vmlinux" | awk '$2 == ".text" { print $4, $3 }')
[ -n "$text" ] || die "$kernel/vmlinux has no .text section"
read -r text_start text_bytes <<<"$text"
arguments=()
while read -r alias _ address; do
  offset=$((0x$address - 0x$text_start))
  if [ "$offset" -ge 0 ] && [ "$offset" -lt $((0x$text_bytes)) ]; then
    arguments+=(--add-symbol "$alias=.text:$offset,function,global")
  fi
done <"$out/aliases.addresses"
rm "$out/aliases.addresses"

# What .gdb_index is to gdb: which unit has which name. Symbols have no place in it, so that aliases need not be there.
progress 3 'indexing debug information'
readonly index=$out/index
mkdir "$index"
gdb -nx -batch -ex "save gdb-index $index" "$kernel/vmlinux" >&2
[ -s "$index/vmlinux.gdb-index" ] || die "gdb made no index of $kernel/vmlinux"
arguments+=(--add-section ".gdb_index=$index/vmlinux.gdb-index" --set-section-flags .gdb_index=readonly)
objcopy "${arguments[@]}" "$kernel/vmlinux" "$out/vmlinux"
rm -r "$index"

progress 5 'reading debug information'
export FUNCTION_TABLE_OUT=$out/functions.json
export STRUCTURE_TABLE_OUT=$out/structures.json STRUCTURE_TABLE_SYMBOLS=$out/System.map
rm -f "$FUNCTION_TABLE_OUT" "$STRUCTURE_TABLE_OUT"
# In one gdb: the second finds what the first has read.
gdb -nx -batch -x "$here/function-table.py" -x "$here/structure-table.py" "$kernel/vmlinux" | grep '^progress ' ||
  die "gdb could not read $kernel/vmlinux"
for table in "$FUNCTION_TABLE_OUT" "$STRUCTURE_TABLE_OUT"; do
  [ -s "$table" ] || die "gdb wrote no ${table##*/} for $kernel/vmlinux; run the gdb line of this script by hand to see why"
done
progress 100 'kernel described'
