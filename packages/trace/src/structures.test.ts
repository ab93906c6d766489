import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NewTraceEvent } from "./events.ts";
import { LOOKS_IN_TRACE_MAX, LOOKS_MAX, OBJECTS_MAX } from "./limits.ts";
import { littleEndian, ObjectLedger, structureOf } from "./structures.ts";
import { factsOf, kindOf, packet, resume, STRUCTURES, SYMBOLS, stop } from "./testing/facts-of.ts";

const SOCK = 0xffff888000400f00n;
const INET_LISTEN = 0xffffffff81200d00n;
const read = (address: bigint, bytes: number, reply: string) =>
  packet(`m${address.toString(16)},${bytes.toString(16)}`, reply);
const atInetListen = [resume(), stop({ rip: INET_LISTEN, rdi: SOCK, rsi: 5n })];
const looks = (events: readonly NewTraceEvent[]) =>
  kindOf(factsOf(events), "looked_at").map(({ structure, member, base, value, told }) => [
    `${structure}.${member}`,
    base,
    value,
    told,
  ]);

describe("structures that were looked at", () => {
  it("are known by arguments that point to them", () => {
    expect(looks([...read(SOCK + 4n, 2, "0100")])).toEqual([]);
    expect(looks([...atInetListen, ...read(SOCK + 4n, 2, "0100")])).toEqual([["socket.type", SOCK, 1n, false]]);
  });

  it("are known by pointers that were read out of others", () => {
    const sk = [...read(SOCK + 24n, 8, "00002c008088ffff")];
    const backlog = read(0xffff8880002c0000n + 8_184n, 4, "07000000");
    expect(looks([...atInetListen, ...backlog])).toEqual([]);
    expect(looks([...atInetListen, ...sk, ...backlog]).at(-1)).toEqual([
      ...["sock.sk_backlog", 0xffff8880002c0000n, 7n, false],
    ]);
  });

  it("are known where the kernel has them as variables", () => {
    expect(looks([...read(0xffffffff82000060n, 8, "000d2081ffffffff")])).toEqual([
      ["proto_ops.listen", 0xffffffff82000000n, INET_LISTEN, false],
    ]);
  });

  it("show every member that a read covers, or that it lies in", () => {
    const whole = looks([...atInetListen, ...read(SOCK, 128, "00".repeat(128))]);
    expect(whole.map(([what]) => what)).toEqual(["socket.type", "socket.sk", "socket.ops", "socket.wq.flags"]);
    expect(looks([...atInetListen, ...read(SOCK + 70n, 4, "00000000")])).toEqual([
      ["socket.wq.flags", SOCK, null, false],
    ]);
    expect(looks([...atInetListen, ...read(SOCK + 20n, 8, "0000000000000000")])).toEqual([]);
    expect(looks([...atInetListen, ...read(SOCK + 4n, 2, "E14")])).toEqual([]);
  });

  it("are known with what they begin with, the innermost told first", () => {
    const rows = [
      { name: "tcp_sock", bytes: 64, beginsWith: "sock", members: [{ name: "snd_una", offset: 32, bytes: 4 }] },
      { name: "sock", bytes: 32, beginsWith: "tcp_sock", members: [{ name: "sk_prot", offset: 8, bytes: 8 }] },
    ];
    const ledger = new ObjectLedger(rows, SYMBOLS);
    ledger.learn("tcp_sock", SOCK);
    expect(ledger.look(SOCK, 64, null).map(({ member }) => member)).toEqual(["sk_prot", "snd_una"]);
  });

  it("are told of so often and no more", () => {
    const ledger = new ObjectLedger(STRUCTURES, SYMBOLS);
    ledger.learn("socket", SOCK);
    for (let told = 0; told < LOOKS_IN_TRACE_MAX; told += 4) expect(ledger.look(SOCK, 128, null)).toHaveLength(4);
    expect(ledger.look(SOCK, 128, null)).toEqual([]);
  });

  it("that were read near gdb are the student's word, and lead nowhere", () => {
    const noted: NewTraceEvent = { type: "gdb.noted", connection: 1, packets: [`m${(SOCK + 32n).toString(16)},8`] };
    expect(looks([...atInetListen, noted])).toEqual([["socket.ops", SOCK, null, true]]);
  });

  it("read in binary are read as well", () => {
    expect(looks([...atInetListen, ...packet(`x${(SOCK + 4n).toString(16)},2`, "b\x02\x00")])).toEqual([
      ["socket.type", SOCK, 2n, false],
    ]);
  });

  it("are forgotten with their machine", () => {
    const fresh: NewTraceEvent = { type: "machine.found", epoch: 2, qemu: "q" };
    expect(looks([...atInetListen, fresh, ...read(SOCK + 4n, 2, "0100")])).toEqual([]);
    const woken: NewTraceEvent = { type: "machine.found", epoch: 2, qemu: "q", from: "hibernated" };
    expect(looks([fresh, ...atInetListen, woken, ...read(SOCK + 4n, 2, "0100")])).toHaveLength(1);
  });

  it("are bounded, whatever is read", () => {
    const ledger = new ObjectLedger(STRUCTURES, SYMBOLS);
    for (let index = 1; index <= OBJECTS_MAX + 10; index += 1) ledger.learn("socket", BigInt(index) * 4_096n);
    expect(ledger.look(BigInt(OBJECTS_MAX) * 4_096n, 128, null)).toHaveLength(4);
    expect(ledger.look(BigInt(OBJECTS_MAX + 1) * 4_096n, 128, null)).toEqual([]);
    expect(ledger.look(0n, 0xffff_ffff, null).length).toBeLessThanOrEqual(LOOKS_MAX);
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.nat(0xffff_ffff),
        fc.string(),
        (address, bytes, data) => {
          expect(ledger.look(address, bytes, data).length).toBeLessThanOrEqual(LOOKS_MAX);
          ledger.learn("sock", address);
        },
      ),
    );
  });

  it("are named in C types", () => {
    expect(
      ["struct sock *", "const struct pt_regs *", "struct sock **", "int", "struct sock"].map(structureOf),
    ).toEqual([...["sock", "pt_regs", null, null, null]]);
    expect([littleEndian("0a0b", 0, 2), littleEndian("0a0b", 1, 2), littleEndian("zz", 0, 1)]).toEqual([
      0xb0an,
      null,
      null,
    ]);
  });
});
