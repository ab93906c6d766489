import { expect, test } from "vitest";
import { functionAliases } from "./aliases.ts";

test("further names are gathered by the function that they are names of", () => {
  const aliases = [
    { alias: "sys_accept4", target: "__sys_accept4" },
    { alias: "sys_socketcall", target: "__ia32_compat_sys_socketcall" },
    { alias: "compat_socketcall", target: "__ia32_compat_sys_socketcall" },
  ];
  expect(functionAliases({ aliases })).toEqual([
    { name: "__sys_accept4", names: ["sys_accept4"] },
    { name: "__ia32_compat_sys_socketcall", names: ["sys_socketcall", "compat_socketcall"] },
  ]);
});
