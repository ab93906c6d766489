"""Writes functions.json: where functions start, where gdb's `break NAME` lands, and which
register holds each argument there. DWARF is read here, once, and never while a lab runs.

    FUNCTION_TABLE_OUT=functions.json gdb -nx -batch -x function-table.py vmlinux
"""

import json
import os
import re

import gdb

NAME_PATTERNS = (
    r"__(?:x64|ia32|ia32_compat|x64_compat)_sys_\w+",
    r"__(?:do|se)_(?:compat_)?sys_\w+",
    r"(?:__|k)sys_\w+",
    r"(?:x86_64|i386)_start_\w+",
)
FILE_PATTERNS = (
    r"init/main\.c",
    r"net/socket\.c",
    r"net/core/(sock|skbuff)\.c",
    r"net/ipv4/(af_inet|inet_connection_sock|inet_hashtables|ip_input|ip_output|udp|tcp\w*)\.c",
    r"net/unix/af_unix\.c",
    r"arch/x86/entry/common\.c",
    r"kernel/fork\.c",
    r"fs/exec\.c",
)
# What a `struct sock *` really is, by the functions that it is given to: the whole begins with the sock.
# Not where it may be a small stand-in for a connection that begins or ends.
SOCKETS = (
    (r"inet_csk_\w+", "inet_connection_sock"),
    (r"tcp_(?!\w*(?:timewait|tw_|reqsk|synack|send_ack|send_reset|check_req|fastopen))\w+", "tcp_sock"),
    (r"udp_\w+", "udp_sock"),
    (r"unix_\w+", "unix_sock"),
    (r"inet_(?:bind|listen|accept|connect|getname|shutdown|release|sendmsg|recvmsg)\w*", "inet_sock"),
)
PARAMETERS_MAX = 32
TYPE_CHARS_MAX = 500

NAME = re.compile("|".join(f"(?:{p})" for p in NAME_PATTERNS) + r"\Z")
FILE = re.compile("(?:" + "|".join(FILE_PATTERNS) + r")\Z")
WRAPPER = re.compile(r"__(?:x64|ia32|ia32_compat)_sys_")
HEX = r"0x[0-9a-f]+"
REGISTERS_64 = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"} | {f"r{n}" for n in range(8, 16)}
REGISTERS_32 = {"eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"}
POINTER_BYTES = gdb.lookup_type("void").pointer().sizeof
# Where the first argument stands when a function is entered: the x86-64 ABI; 32-bit kernels are built with -mregparm=3.
REGISTERS, FIRST_ARGUMENT = (REGISTERS_64, "rdi") if POINTER_BYTES == 8 else (REGISTERS_32, "eax")
SIGNED_CODES = {gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_BOOL}


def candidates():
    """(file, name) of every function with debug information that the table wants."""
    found, file = [], None
    for line in gdb.execute("info functions -n", to_string=True).splitlines():
        if line.startswith("File "):
            file = line[5:].rstrip(":")
            continue
        match = re.match(r"\d+:\s.*?(\w+)\(", line)
        if file and match:
            name = match.group(1)
            if FILE.search(file) or NAME.match(name):
                found.append((file, name))
    return sorted(set(found), key=lambda pair: (pair[1], pair[0]))


def function_proper(pc):
    """The block of the function at pc; inlined bodies have blocks of their own inside it."""
    block = gdb.block_for_pc(pc)
    while block is not None and block.superblock is not None and not block.superblock.is_static:
        block = block.superblock
    return block


def breakpoint_of(file, name):
    """(entry, pc, block) for the location of `break` that lies in the function proper."""
    try:
        text = gdb.execute(f"break -source {file} -function {name}", to_string=True)
    except gdb.error:
        return None
    listing = gdb.execute("info breakpoints", to_string=True) if "locations" in text else text
    gdb.execute("delete", to_string=True)
    for address in re.findall(HEX, listing):
        pc = int(address, 16)
        block = function_proper(pc)
        if block is not None and block.function is not None and block.function.name == name:
            return block.start, pc, block
    return None


def registers_at(pc):
    """Name of a variable -> the register that holds it at pc, read from gdb's `info scope`."""
    held = {}
    name = None
    try:
        text = gdb.execute(f"info scope *{pc:#x}", to_string=True)
    except gdb.error:
        return held
    for line in text.splitlines():
        symbol = re.match(r"(?:Symbol|.*: Symbol) (\w+) is (.*)", line)
        if symbol:
            name, rest = symbol.groups()
            if name in held:
                name = None
                continue
            held[name] = None
        else:
            span = re.match(rf"\s+Range ({HEX})-({HEX}): (.*)", line)
            if not span or name is None or not int(span[1], 16) <= pc < int(span[2], 16):
                continue
            rest = span[3]
        register = re.match(r"a variable in \$(\w+)", rest)
        if name and register and register[1] in REGISTERS:
            held[name] = register[1]
    return held


def socket_of(function):
    """The structure that a `struct sock *` argument of this function points to; None where it is just that."""
    return next((structure for pattern, structure in SOCKETS if re.fullmatch(pattern, function)), None)


def parameter(function, symbol, held, wrapper):
    kind = symbol.type.strip_typedefs()
    register = held.get(symbol.name)
    if register is None and wrapper and symbol.name == "regs":
        register = FIRST_ARGUMENT
    found = {
        "name": symbol.name,
        "type": str(symbol.type)[:TYPE_CHARS_MAX],
        "bytes": kind.sizeof,
        "signed": kind.code in SIGNED_CODES and kind.is_signed,
        "register": register,
    }
    whole = socket_of(function) if found["type"] in ("struct sock *", "const struct sock *") else None
    return found if whole is None else {**found, "pointsTo": whole}


def row(file, name):
    place = breakpoint_of(file, name)
    if place is None:
        return None
    entry, pc, block = place
    held = registers_at(pc)
    # gcc may forget where a wrapper's one argument stands; at its entry the ABI knows.
    wrapper = pc == entry and WRAPPER.match(name) is not None
    parameters = [parameter(name, symbol, held, wrapper) for symbol in block if symbol.is_argument]
    return {"name": name, "entry": hex(entry), "breakpoint": hex(pc), "params": parameters[:PARAMETERS_MAX]}


gdb.execute("set pagination off")
gdb.execute("set width 0")
wanted = candidates()
rows = []
for index, (file, name) in enumerate(wanted):
    found = row(file, name)
    if found is not None:
        rows.append(found)
    if index % 100 == 0:
        print(f"progress {10 + 80 * index // len(wanted)} describing {name}", flush=True)
with open(os.environ["FUNCTION_TABLE_OUT"], "w", encoding="utf-8") as out:
    json.dump(rows, out, indent=1, sort_keys=True)
    out.write("\n")
print(f"progress 90 described {len(rows)} of {len(wanted)} functions", flush=True)
