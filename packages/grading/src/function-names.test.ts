import { parseSymbols } from "@ringside/trace";
import { describe, expect, it } from "vitest";
import { FunctionNames } from "./function-names.ts";
import { nearestNames } from "./nearest-names.ts";
import { SYMBOLS } from "./testing/scenario.ts";

const target = (name: string, ...aliases: string[]) => ({ name, names: [name, ...aliases] });
const namesOf = (names: FunctionNames, name: string, ...aliases: string[]) => {
  const resolved = names.resolve(target(name, ...aliases));
  return resolved.kind === "found" ? [...resolved.names].sort() : resolved;
};

describe("names of functions", () => {
  const names = new FunctionNames(SYMBOLS);

  it("of a system call are all that the image has of it", () => {
    const listen = ["__ia32_sys_listen", "__sys_listen", "__x64_sys_listen", "sys_listen"];
    expect(namesOf(names, "sys_listen")).toEqual(listen);
    expect(namesOf(names, "sys_socketcall")).toEqual(["__do_sys_socketcall", "sys_socketcall"]);
  });

  it("in another form mean that function alone, under every name at its address", () => {
    expect(namesOf(names, "__x64_sys_listen")).toEqual(["__x64_sys_listen"]);
    expect(namesOf(names, "__sys_listen")).toEqual(["__sys_listen", "sys_listen"]);
    expect(namesOf(names, "tcp_rcv")).toEqual(["tcp_rcv"]);
  });

  it("are what the rubric adds, as far as the image has it", () => {
    expect(namesOf(names, "entry", "entry_SYSCALL_64", "entry_INT80_32")).toEqual(["entry", "entry_SYSCALL_64"]);
  });

  it("are what a reference run found", () => {
    const found = new FunctionNames(SYMBOLS, [{ name: "handler", names: ["inet_listen", "__sys_accept4"] }]);
    expect(namesOf(found, "inet_listen")).toEqual(["__sys_accept4", "inet_listen"]);
    expect(namesOf(found, "handler")).toEqual(["__sys_accept4", "handler", "inet_listen"]);
  });

  it("of compat calls on a 64-bit kernel are found as well", () => {
    const compat = parseSymbols("ff00 T __ia32_compat_sys_socketcall\nff80 t __do_compat_sys_socketcall\n");
    expect(namesOf(new FunctionNames(compat), "sys_socketcall")).toEqual([
      ...["__do_compat_sys_socketcall", "__ia32_compat_sys_socketcall", "sys_socketcall"],
    ]);
  });

  it("that are unknown propose those that are near", () => {
    expect(namesOf(names, "sys_lisen")).toEqual({
      kind: "unknown",
      nearest: ["sys_listen", "__sys_listen"],
    });
    expect(names.resolve(target("zzzzzzzzzzzzzzzzzzzz"))).toEqual({ kind: "unknown", nearest: [] });
    expect(nearestNames("socketcall", SYMBOLS.names())).toEqual(["__do_sys_socketcall"]);
  });
});
