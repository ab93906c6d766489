"""Writes structures.json: where the structures that labs look at have their members, so that a read of memory can be
told in words. DWARF is read here, once, and never while a lab runs.

    STRUCTURE_TABLE_OUT=structures.json STRUCTURE_TABLE_SYMBOLS=System.map gdb -nx -batch -x structure-table.py vmlinux

The structures named here are in it, with those that their pointers lead to. A rubric that needs another one: add it.
"""

import collections
import json
import os
import re

import gdb

STRUCTURES = """
    socket socket_wq socket_alloc sock sock_common proto proto_ops net_proto_family inet_protosw
    inet_sock inet_connection_sock inet_connection_sock_af_ops tcp_sock udp_sock raw_sock unix_sock unix_address
    request_sock request_sock_ops request_sock_queue inet_request_sock tcp_request_sock
    inet_bind_bucket inet_bind_hashbucket inet_listen_hashbucket inet_hashinfo inet_timewait_sock
    tcp_congestion_ops tcphdr udphdr iphdr ethhdr icmphdr arphdr
    sockaddr sockaddr_in sockaddr_un sockaddr_storage __kernel_sockaddr_storage
    msghdr user_msghdr iov_iter iovec kvec sk_buff sk_buff_head skb_shared_info
    net net_device net_device_ops dst_entry dst_ops rtable fib_table fib_info fib_nh neighbour neigh_table in_device in_ifaddr
    file file_operations path fdtable files_struct fd inode dentry super_block fs_struct linux_binprm filename
    task_struct thread_struct thread_info mm_struct vm_area_struct cred pid signal_struct sighand_struct nsproxy
    pt_regs sched_entity sched_class wait_queue_head wait_queue_entry new_utsname uts_namespace rlimit
    __kernel_old_timeval timezone timespec64 __kernel_timespec kernel_clone_args boot_params screen_info
""".split()

# Structures that others point to are taken up to this size: the rest of the kernel hangs on the largest ones.
POINTED_TO_BYTES_MAX = 1024
STRUCTURE_BYTES_MAX = 65536
OFFSET_MAX = 65535
# Members inside members, and members of one structure: task_struct has thousands inside each other.
NESTING_MAX = {"task_struct": 2, "mm_struct": 2, "net": 1, "signal_struct": 2}
NESTING_USUAL = 6
MEMBERS_MAX = 2000
INSTANCES_MAX = 500
STRUCTURES_MAX = 2000

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
MEMBER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}\Z")
AGGREGATES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
# `#define sk_prot __sk_common.skc_prot` and its like (include/net/sock.h): gdb does not know them, people do.
MACROS = {"sock": ("__sk_common.skc_", "sk_")}
# nm's letters for variables.
DATA_LETTERS = "dDbBrR"
# Addresses below are no variables: offsets into the memory of one processor.
KERNEL_FROM = {8: 0xFFFF800000000000, 4: 0xC0000000}[gdb.lookup_type("void").pointer().sizeof]


def plain(kind):
    return kind.strip_typedefs().unqualified()


def structure_name(kind):
    kind = plain(kind)
    if kind.code != gdb.TYPE_CODE_STRUCT or kind.name is None:
        return None
    name = kind.name.removeprefix("struct ")
    return name if NAME.match(name) else None


def target_of(kind):
    kind = plain(kind)
    return structure_name(kind.target()) if kind.code == gdb.TYPE_CODE_PTR else None


def members_of(name, kind, prefix="", base=0, depth=0):
    """(name, offset, bytes, target of a pointer) of each member; those inside a member as `outer.inner`."""
    for field in kind.fields():
        if not hasattr(field, "bitpos"):
            continue
        bits = field.bitsize or field.type.sizeof * 8
        offset = base + field.bitpos // 8
        size = (field.bitpos % 8 + bits + 7) // 8
        inner = plain(field.type)
        full = prefix + (field.name or "")
        if field.name:
            yield full, offset, size, target_of(field.type)
        if inner.code in AGGREGATES and depth < NESTING_MAX.get(name, NESTING_USUAL):
            into = full + "." if field.name else prefix
            yield from members_of(name, inner, into, offset, depth + 1 if field.name else depth)


def row(name, kind):
    prefix, short = MACROS.get(name, ("", ""))
    rows, seen = [], set()
    for full, offset, size, target in members_of(name, kind):
        names = [full]
        if prefix and full.startswith(prefix):
            names.append(short + full[len(prefix) :])
        for each in names:
            if each in seen or offset > OFFSET_MAX or size > STRUCTURE_BYTES_MAX or not MEMBER.match(each):
                continue
            seen.add(each)
            member = {"name": each, "offset": offset, "bytes": size}
            if target is not None:
                member["pointsTo"] = target
            rows.append(member)
    first = next((field for field in kind.fields() if hasattr(field, "bitpos") and field.name), None)
    found = {"name": name, "bytes": kind.sizeof, "members": rows[:MEMBERS_MAX]}
    begins_with = structure_name(first.type) if first is not None and first.bitpos == 0 else None
    if begins_with is not None:
        found["beginsWith"] = begins_with
    return found


def lookup(name):
    """The structure of that name, where this kernel has it whole."""
    try:
        kind = plain(gdb.lookup_type(f"struct {name}"))
    except gdb.error:
        return None
    whole = kind.code == gdb.TYPE_CODE_STRUCT and 0 < kind.sizeof <= STRUCTURE_BYTES_MAX and len(kind.fields()) > 0
    return kind if whole else None


def variables():
    """(name, structure's name) of the kernel's own variables, where one symbol alone has that name."""
    count, data = collections.Counter(), []
    with open(os.environ["STRUCTURE_TABLE_SYMBOLS"], encoding="ascii") as lines:
        for line in lines:
            address, letter, name = line.split()
            count[name] += 1
            if letter in DATA_LETTERS and int(address, 16) >= KERNEL_FROM:
                data.append(name)
    for name in data:
        if count[name] > 1:
            continue
        symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
        of = structure_name(symbol.type) if symbol is not None and symbol.is_variable else None
        if of is not None:
            yield name, of


gdb.execute("set pagination off")
gdb.execute("set width 0")
table = {}
for name in STRUCTURES:
    kind = lookup(name)
    if kind is not None:
        table[name] = row(name, kind)
print(f"progress 92 described {len(table)} structures", flush=True)
pointed_to = sorted({m["pointsTo"] for one in table.values() for m in one["members"] if "pointsTo" in m} - set(table))
for name in pointed_to:
    kind = lookup(name)
    if kind is not None and kind.sizeof <= POINTED_TO_BYTES_MAX:
        table[name] = row(name, kind)
print(f"progress 95 described {len(table)} structures", flush=True)
for name, of in variables():
    if of in table:
        table[of].setdefault("instances", []).append(name)
rows = [table[name] for name in sorted(table)][:STRUCTURES_MAX]
kept = {one["name"] for one in rows}
for one in rows:
    if "instances" in one:
        one["instances"] = sorted(one["instances"])[:INSTANCES_MAX]
    if one.get("beginsWith") not in kept:
        one.pop("beginsWith", None)
    for member in one["members"]:
        if member.get("pointsTo") not in kept:
            member.pop("pointsTo", None)
with open(os.environ["STRUCTURE_TABLE_OUT"], "w", encoding="utf-8") as out:
    json.dump(rows, out, separators=(",", ":"), sort_keys=True)
    out.write("\n")
print(f"progress 98 described {len(rows)} structures", flush=True)
