import { bytesOfHex, hexOfBytes } from "@ringside/rsp";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GDB_PACKET_BYTES, THREADS_MAX } from "../limits.ts";
import { DRIVER, memory, outcome, talkWith, view } from "../testing/policy-view.ts";
import { registersHex, TARGET_XML } from "../testing/stub-model.ts";
import type { KnownThreads } from "./decision.ts";
import { OFFER } from "./handshake.ts";
import { decide, POLICY } from "./table.ts";

describe("the packet policy", () => {
  it.each([
    ["p10", "p10"],
    ["P10=00", "P10=00"],
    [`G${registersHex()}`, `G${registersHex()}`],
    ["g", "g"],
    ["m1000,8", "m1000,8"],
    ["M1000,2:abcd", "M1000,2:abcd"],
    ["Hg1", "Hg1"],
    ["Hc-1", "Hc-1"],
    ["T1", "T1"],
    ["qC", "qC"],
  ])("lets %s through as %s", (payload, asked) => {
    expect(outcome(payload)).toEqual({ kind: "ask", asked: [asked], reply: "OK" });
  });

  it("lets Z2 through, and reads what is watched", () => {
    expect(outcome("Z2,FFFFffff81000000,8")).toEqual({
      ...{ kind: "ask", asked: ["Z2,ffffffff81000000,8", "mffffffff81000000,8"], reply: "OK" },
    });
  });

  it("asks only about threads that there are: QEMU gives no answer at all about others", () => {
    const threads = { list: "m01", document: null };
    const known = outcome("qThreadExtraInfo,1", { threads });
    expect(known).toEqual({ kind: "ask", asked: ["qThreadExtraInfo,1"], reply: "OK" });
    for (const thread of ["-1", "ffffffff", "0", "2"]) {
      expect(outcome(`qThreadExtraInfo,${thread}`, { threads })).toEqual({ kind: "ask", asked: [], reply: "E22" });
    }
  });

  it.each([
    ["?", "T05thread:01;"],
    ["!", "OK"],
    ["qAttached", "1"],
    ["qSupported:multiprocess+;xmlRegisters=i386", OFFER],
    ["QStartNoAckMode", "OK"],
    ["vMustReplyEmpty", ""],
    ["vCont?", "vCont;c;C;s;S;r"],
    ["Z0,1000,1", "OK"],
    ["Z1,1000,1", "OK"],
    ["z0,1000,1", "E22"],
    ["qsThreadInfo", "l"],
    ["qXfer:features:read:target.xml:0,10", `m${TARGET_XML.slice(0, 16)}`],
    ["qXfer:features:read:target.xml:10,1000", `l${TARGET_XML.slice(16)}`],
    ["qRcmd,696e666f2076657273696f6e", hexOfBytes("QEMU emulator version 7.2.22\n")],
  ])("answers %s by itself", (payload, reply) => {
    expect(outcome(payload)).toEqual({ kind: "answer", reply });
  });

  it("tells the stop with its registers, where they are known", () => {
    const registers = registersHex();
    const reply = "T05thread:01;";
    expect(outcome("?", { stopRegisters: registers })).toEqual({ kind: "answer", reply, registers });
  });

  it("answers g from what the stop was recorded with", () => {
    expect(outcome("g", { registers: registersHex() })).toEqual({ kind: "answer", reply: registersHex() });
  });

  it("offers no multiprocess", () => {
    expect(OFFER).not.toContain("multiprocess");
  });

  it.each([
    ["c", "c", "continue"],
    ["s1000", "s1000", "step"],
    ["C05", "c", "continue"],
    ["S05;1000", "s1000", "step"],
    ["vCont;c", "vCont;c", "continue"],
    ["vCont;s:1;c", "vCont;s:1;c", "step"],
    ["vCont;C0f:1;S05", "vCont;c:1;s", "step"],
  ])("resumes by %s as %s, without signals", (payload, sent, action) => {
    expect(outcome(payload)).toEqual({ kind: "resume", payload: sent, action });
  });

  it.each([
    ["D", "OK", false],
    ["D;1", "OK", false],
    ["vKill;1", "OK", true],
    ["k", null, true],
  ])("translates %s into leaving", (payload, reply, kills) => {
    expect(outcome(payload)).toEqual({ kind: "leave", reply, kills });
  });

  it("translates vAttach into attaching", () => {
    expect(outcome("vAttach;1")).toEqual({ kind: "attach" });
  });

  it.each([
    ...["bs", "bc", "F1,2", "F", "R00", "vRun;00", "vFile:open:00", "Qqemu.PhyMemMode:1", "qqemu.sstepbits"],
    ...["X10,1:a", "x10,4", "vCont;t", "qXfer:exec-file:read::0,10", "qXfer:memory-map:read::0,10"],
    ...["", "nonsense", "QNonStop:1", "qSearch:memory:0;10;aa", "qCRC:0,10", "vCont;c;evil", "m10", "A1", "t"],
  ])("refuses %j with the empty answer", (payload) => {
    expect(outcome(payload)).toMatchObject({ kind: "refuse", reply: "", why: expect.stringMatching(/./) });
  });

  it.each([
    ["Z0,10,1;X3,0102"],
    ["Z0,10,1;X2,0102;cmds:1,X1,00"],
    ["Z2,10,8;X2,0102"],
    ["Z2,10,ffff"],
    ["G0011"],
    [`G${registersHex()}00`],
    ["vCont;r1,2:1;r3,4:2"],
    ["vCont;c:p1.1"],
    ["vAttach;2"],
    ["qXfer:features:read:../../etc/passwd:0,10"],
  ])("refuses %s with an error", (payload) => {
    expect(outcome(payload)).toMatchObject({ kind: "refuse", reply: expect.stringMatching(/^E/) });
  });

  it("lets nobody who has detached reach the machine", () => {
    for (const payload of ["g", "m0,1", "Z0,10,1", "vCont;c", "?", "qC"]) {
      expect(outcome(payload, { asker: { ...DRIVER, detached: true } })).toMatchObject({
        kind: "refuse",
        reply: "E01",
      });
    }
  });

  it("has a rule for every packet", () => {
    for (const rule of Object.values(POLICY)) expect(rule).toBeTypeOf("function");
  });
});

describe("memory", () => {
  it("is read in pieces that QEMU takes, and joined", () => {
    const read = outcome("m1000,1000", {}, memory);
    expect(read).toEqual({ kind: "ask", asked: ["m1000,800", "m1800,800"], reply: "ab".repeat(0x1000) });
  });

  it("is given as far as it could be read", () => {
    const stub = (payload: string) => (payload.startsWith("m1000") ? memory(payload) : "E14");
    expect(outcome("m1000,1000", {}, stub)).toMatchObject({ reply: "ab".repeat(0x800) });
    expect(outcome("m1800,1000", {}, stub)).toMatchObject({ reply: "E14" });
  });

  it("is never asked for in larger pieces, whatever gdb asks, and the answer fits gdb's packet", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(0xffff_ffff), (address, length) => {
        const read = outcome(`m${address.toString(16)},${length.toString(16)}`, {}, memory);
        if (read.kind !== "ask") throw new Error("not asked");
        for (const payload of read.asked)
          expect(Number.parseInt(payload.split(",")[1] ?? "", 16)).toBeLessThanOrEqual(0x800);
        expect(read.reply.length).toBeLessThanOrEqual(GDB_PACKET_BYTES);
      }),
    );
  });

  it("is written in packets that QEMU takes", () => {
    const written = outcome(`M0,1800:${"cd".repeat(0x1800)}`);
    if (written.kind !== "ask") throw new Error("not asked");
    for (const payload of written.asked) expect(payload.length).toBeLessThan(0x1000);
    expect(written.asked.map((payload) => payload.split(":")[1]).join("")).toBe("cd".repeat(0x1800));
    expect(written.reply).toBe("OK");
  });
});

describe("threads", () => {
  it("are asked for once, and told all at once", () => {
    const threads = { list: null, document: null };
    const answers = ["m01", "m02", "l"];
    const first = outcome("qfThreadInfo", { threads }, () => answers.shift() ?? "");
    expect(first).toEqual({ kind: "ask", asked: ["qfThreadInfo", "qsThreadInfo", "qsThreadInfo"], reply: "m01,02" });
    expect(outcome("qfThreadInfo", { threads })).toEqual({ kind: "answer", reply: "m01,02" });
  });

  it("are told of where there are such", () => {
    const threads = { list: "m01", document: null };
    expect(outcome("qThreadExtraInfo,1", { threads })).toEqual({
      kind: "ask",
      asked: ["qThreadExtraInfo,1"],
      reply: "OK",
    });
    expect(outcome("qThreadExtraInfo,2", { threads })).toEqual({ kind: "ask", asked: [], reply: "E22" });
  });

  it("are listed with QEMU's words in one document, which is kept while the machine stands", () => {
    const threads: KnownThreads = { list: null, document: null };
    const words = `<"CPU#0 [halted ]">${"x".repeat(100)}`;
    const answers: Record<string, string> = { qfThreadInfo: "m01,0a", qsThreadInfo: "l" };
    const stub = (payload: string) => answers[payload] ?? (payload.endsWith(",01") ? hexOfBytes(words) : "E22");
    const read = () => outcome("qXfer:threads:read::0,1000", { threads }, stub);
    const first = `CPU#0 [halted ]${"x".repeat(17)}`;
    const document = `l<threads><thread id="01">${first}</thread><thread id="0a"></thread></threads>`;
    expect(read()).toMatchObject({ kind: "ask", reply: document });
    expect(read()).toEqual({ kind: "answer", reply: document });
    threads.document = { text: "<threads>of before</threads>", isNow: false };
    expect(read()).toMatchObject({ kind: "ask", reply: document });
  });

  it("are listed in one piece, however many there are", () => {
    const list = `m${Array.from({ length: THREADS_MAX }, (_, n) => (n + 1).toString(16)).join(",")}`;
    const stub = () => hexOfBytes("x".repeat(200));
    const read = outcome("qXfer:threads:read::0,1000", { threads: { list, document: null } }, stub);
    expect(read).toMatchObject({ reply: expect.stringMatching(/^l<threads>.*<\/threads>$/) });
  });

  it("are listed also while the machine runs: gdb would forget those that it is not told of", () => {
    const read = (threads: KnownThreads) => outcome("qXfer:threads:read::0,1000", { threads, runs: true });
    const reply = (ids: readonly string[]) =>
      `l<threads>${ids.map((id) => `<thread id="${id}"></thread>`).join("")}</threads>`;
    expect(read({ list: null, document: null })).toEqual({ kind: "answer", reply: reply(["01"]) });
    expect(read({ list: "m01,02", document: null })).toEqual({ kind: "answer", reply: reply(["01", "02"]) });
    const before = { text: "<threads>of before</threads>", isNow: false };
    expect(read({ list: "m01", document: before })).toEqual({ kind: "answer", reply: `l${before.text}` });
  });

  it("without end are given up", () => {
    const endless = outcome("qfThreadInfo", {}, () => "m01");
    if (endless.kind !== "ask") throw new Error("not asked");
    expect(endless.asked.length).toBeLessThan(100);
  });
});

describe("monitor", () => {
  const commands = [
    ...["migrate exec:id", "pmemsave 0 1 f", "logfile /tmp/f", "chardev-add null", "drive_add 0 file=x", "quit", "q"],
    ...[
      "system_reset",
      "info registers x",
      "info mem",
      "help migrate",
      "status; quit",
      "info version\nquit",
      "?",
      "commit",
      "device_add x",
    ],
    ...[
      "savevm",
      "loadvm",
      "object_add x",
      "stop",
      "cont",
      "gdbserver none",
      "sum 0 1",
      "x/1x 0",
      "dump-guest-memory f",
    ],
  ];

  it.each(commands)("refuses %j in friendly words", (command) => {
    const decision = outcome(`qRcmd,${hexOfBytes(command)}`);
    expect(decision).toMatchObject({ kind: "refuse" });
    if (decision.kind === "refuse") expect(bytesOfHex(decision.reply)).toContain("monitor help");
  });

  it.each(["qRcmd,6", "qRcmd,zz", "qRcmd", "qRcmd;68", "QRcmd,68656c70", "qrcmd,68656c70"])("refuses %s", (payload) => {
    expect(outcome(payload)).toMatchObject({ kind: "refuse" });
  });

  it("is never asked of the stub, however it is written", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, upper) => {
        const hex = hexOfBytes(text);
        expect(decide(`qRcmd,${upper ? hex.toUpperCase() : hex}`, view()).kind).toMatch(/^(?:answer|refuse)$/);
      }),
    );
  });

  it("takes hex in upper case and spaces as gdb's users write them", () => {
    expect(outcome(`qRcmd,${hexOfBytes(" info   status ").toUpperCase()}`)).toEqual({
      kind: "answer",
      reply: hexOfBytes("VM status: paused (debug)\n"),
    });
  });
});

describe("any payload", () => {
  const allowed =
    /^(?:g|G[0-9a-fx]+|p[0-9a-f]+|P[0-9a-f]+=[0-9a-f]+|m[0-9a-f]+,[0-9a-f]+|M[0-9a-f]+,[0-9a-f]+:[0-9a-f]*|[zZ][0-4],[0-9a-f]+,[0-9a-f]+|H[cg](?:-1|[0-9a-f]+)|T(?:-1|[0-9a-f]+)|qC|q[fs]ThreadInfo|qThreadExtraInfo,(?:-1|[0-9a-f]+)|[cs][0-9a-f]*|vCont(?:;[cs](?::(?:-1|[0-9a-f]+))?)+)$/i;

  it("reaches the stub only in one of the known forms", () => {
    const heads = fc.constantFrom(
      ...["", "g", "G00", "m0,8", "M0,1:", "Z0,1,1", "vCont;c", "s", "Hg", "T", "qRcmd,", "k", "D", "bc", "P1="],
    );
    fc.assert(
      fc.property(heads, fc.string({ unit: "binary", maxLength: 12 }), (head, rest) => {
        const decision = decide(head + rest, view());
        if (decision.kind === "resume") expect(decision.payload).toMatch(allowed);
        if (decision.kind === "ask")
          for (const payload of talkWith(decision.talk, memory).asked) expect(payload).toMatch(allowed);
      }),
      { numRuns: 2_000 },
    );
  });
});
