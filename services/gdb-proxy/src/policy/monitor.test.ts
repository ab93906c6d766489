import { bytesOfHex, hexOfBytes } from "@ringside/rsp";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BreakpointLedger } from "../hub/ledger.ts";
import { registersHex } from "../testing/stub-model.ts";
import type { Asker, PolicyView } from "./decision.ts";
import { COMMANDS } from "./monitor-commands.ts";
import { decide } from "./table.ts";
import { inWords, LANGUAGES, WORDS } from "./words.ts";

const DRIVER: Asker = { role: "driver", drives: true, language: "en", detached: false };
const OBSERVER: Asker = { role: "observer", drives: false, language: "en", detached: false };
const INSTRUCTOR: Asker = { role: "instructor", drives: false, language: "en", detached: false };

function ask(command: string, asker: Asker = DRIVER, changes: Partial<PolicyView> = {}) {
  const view: PolicyView = {
    ...{ arch: "x86_64", recording: false, qemuVersion: "QEMU 7.2.22", stopReply: "T05thread:01;", runs: false },
    ...{ registers: registersHex(), forgetRegisters: () => undefined, choseThread: () => undefined },
    ...{ features: new Map(), ledger: new BreakpointLedger().own(1), threads: { list: null, document: null }, asker },
    stopRegisters: null,
    present: () => ({
      ...{ session: "ses_7", servedMs: 5 * 60_000, isPaused: false },
      debuggers: [
        { user: "usr_a", role: "driver", drives: true, isAsker: asker === DRIVER },
        { user: "usr_b", role: "observer", drives: false, isAsker: asker === OBSERVER },
      ],
    }),
    ...changes,
  };
  const decision = decide(`qRcmd,${Buffer.from(command, "utf8").toString("hex")}`, view);
  if (decision.kind !== "answer" && decision.kind !== "refuse") return { ...decision, text: "" };
  return { ...decision, text: Buffer.from(bytesOfHex(decision.reply) ?? "", "latin1").toString("utf8") };
}

describe("monitor", () => {
  it("help names every command, in both languages", () => {
    for (const language of LANGUAGES) {
      const { text } = ask("help", { ...DRIVER, language });
      for (const name of Object.keys(COMMANDS)) expect(text).toContain(name);
    }
    expect(ask("help", { ...DRIVER, language: "zh" }).text).toContain("换一台全新的虚拟机");
  });

  it("status and who say how it stands", () => {
    expect(ask("status").text).toMatch(/stands[\s\S]*ses_7[\s\S]*5 min[\s\S]*Debuggers: 2[\s\S]*You drive/);
    expect(ask("status", OBSERVER, { runs: true }).text).toMatch(/runs[\s\S]*You observe/);
    expect(ask("who").text).toBe("usr_a (driver), drives, you\nusr_b (observer)\n");
    expect(ask("who", { ...OBSERVER, language: "zh" }).text).toContain("usr_b(观察者)");
  });

  it("answers gdb's scripts for Linux as QEMU does", () => {
    expect(ask("info status").text).toBe("VM status: paused (debug)\n");
    expect(ask("info status", DRIVER, { stopReply: "T02thread:01;" }).text).toBe("VM status: paused (interrupted)\n");
    expect(ask("info status", OBSERVER, { runs: true }).text).toBe("VM status: running\n");
    expect(ask("info version").text).toBe("QEMU 7.2.22\n");
    expect(ask("info registers").text).toContain("rip   =ffffffff81000000");
    expect(ask("info registers", OBSERVER, { runs: true, registers: null }).text).toContain("runs");
  });

  it.each([
    ["take", INSTRUCTOR, { do: "take" }],
    ["give", INSTRUCTOR, { do: "give" }],
    ["reset", DRIVER, { do: "reset" }],
    ["restart-program", DRIVER, { do: "restart-program" }],
    ["type  replyhi now ", DRIVER, { do: "type", text: "replyhi now" }],
    ["hint", OBSERVER, { do: "hint" }],
    [
      "answer handler-1 __sys_listen at 0x10",
      DRIVER,
      { do: "answer", question: "handler-1", value: "__sys_listen at 0x10" },
    ],
    ["answer q 值", INSTRUCTOR, { do: "answer", question: "q", value: "值" }],
    ["lang zh", OBSERVER, { do: "lang", language: "zh" }],
  ])("orders %j", (command, asker, order) => {
    expect(ask(command, asker)).toMatchObject({ kind: "order", order });
  });

  it.each([
    ["take", DRIVER],
    ["give", OBSERVER],
    ["reset", OBSERVER],
    ["restart-program", INSTRUCTOR],
    ["type x", INSTRUCTOR],
    ["answer q 1", OBSERVER],
  ])("refuses %j to who may not", (command, asker) => {
    expect(ask(command, asker)).toMatchObject({ kind: "refuse", text: expect.stringMatching(/\w/) });
  });

  it.each(["type", "answer", "answer q", "answer Q_ 1", "lang", "lang fr", `type ${"x".repeat(201)}`, "type a\x03b"])(
    "says how %j is used",
    (command) => {
      expect(ask(command).text).toContain("Use it as: monitor ");
    },
  );

  it("is bounded and never throws, whatever is asked", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.constantFrom(DRIVER, OBSERVER), (text, asker) => {
        const decision = decide(`qRcmd,${hexOfBytes(text)}`, {
          ...{ arch: "x86_64", recording: false, qemuVersion: "Q", stopReply: "", runs: false, registers: null },
          ...{ forgetRegisters: () => undefined, choseThread: () => undefined, features: new Map(), asker },
          ...{ ledger: new BreakpointLedger().own(1), threads: { list: null, document: null } },
          stopRegisters: null,
          present: () => ({ session: "s", servedMs: 0, isPaused: false, debuggers: [] }),
        });
        expect(["answer", "refuse", "order"]).toContain(decision.kind);
        if ("reply" in decision) expect(decision.reply?.length).toBeLessThan(0x3000);
      }),
    );
  });

  it("has every text in both languages with the same values in it", () => {
    for (const texts of Object.values(WORDS)) {
      const holes = LANGUAGES.map((language) => (texts[language].match(/\{[a-z]+\}/g) ?? []).sort().join());
      expect(holes[0]).toBe(holes[1]);
    }
    expect(inWords("en", "usage", { usage: "lang zh|en" })).toBe("Use it as: monitor lang zh|en");
  });
});
