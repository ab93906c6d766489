import { expect, test } from "vitest";
import { stopIn } from "./debugger.ts";
import { Rendezvous } from "./rendezvous.ts";

test.each([
  ["Breakpoint 1, __sys_listen (fd=3, backlog=99) at net/socket.c:1837", { where: "__sys_listen", backlog: 99 }],
  ["Thread 1 hit Breakpoint 1, __sys_listen (fd=3, backlog=5) at x.c:1", { where: "__sys_listen", backlog: 5 }],
  ["Breakpoint 1, 0xffffffff81200bc0 in sys_listen (fd=3, backlog=1024)", { where: "sys_listen", backlog: 1024 }],
  ["Breakpoint 1 at 0xffffffff81200bc0: file net/socket.c, line 1837.", undefined],
  ["#0  __sys_listen (fd=3, backlog=99) at net/socket.c:1837", undefined],
])("gdb's line %j tells of the stop %o", (line, stop) => {
  expect(stopIn(line)).toEqual(stop);
});

test("nobody passes a rendezvous before all have come", async () => {
  const signal = new AbortController().signal;
  const point = new Rendezvous(3);
  const passed: number[] = [];
  const first = [0, 1].map((n) => point.arrive(signal).then(() => passed.push(n)));
  await new Promise((resolve) => setImmediate(resolve));
  expect(passed).toEqual([]);
  await point.arrive(signal);
  await Promise.all(first);
  expect(passed).toEqual([0, 1]);
});

test("who waits at a rendezvous is let go when it is off", async () => {
  const off = new AbortController();
  const waiting = new Rendezvous(2).arrive(off.signal);
  off.abort(new Error("off"));
  await expect(waiting).rejects.toThrow("off");
});
