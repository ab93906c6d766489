import { describe, expect, it } from "vitest";
import { DEBUGGERS_MAX, GLANCE_IDLE_MS, GLANCE_MS } from "../limits.ts";
import { OBSERVES, RUNS } from "../policy/decision.ts";
import { attached, Bench } from "../testing/hub-bench.ts";

const resumes = (bench: Bench) => bench.events.filter(({ type }) => type === "machine.resumed").length;

describe("several debuggers on one machine", () => {
  it("has one driver: a second is refused, and so are too many", () => {
    const bench = attached();
    expect(() => bench.arrive()).toThrow(expect.objectContaining({ code: "debugger_busy" }));
    for (let i = 1; i < DEBUGGERS_MAX; i += 1) bench.attach({ role: "observer" });
    expect(() => bench.arrive({ role: "observer" })).toThrow(expect.objectContaining({ code: "rate_limited" }));
    expect(bench.ask("qC")).toEqual(["OK"]);
    expect(bench.faults).toEqual([]);
  });

  it("tells every stop to who waits for one, the driver first, and lets them read", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    expect(other.ask("vCont;c")).toEqual([]);
    bench.ask("vCont;c");
    bench.stop("T05thread:01;watch:1000;");
    expect([bench.sent.at(-1), other.sent.at(-1)]).toEqual(["T05thread:01;watch:1000;", "T05thread:01;watch:1000;"]);
    expect(other.ask("m1000,4")).toEqual(["00000000"]);
    expect(other.ask("g")[0]).toHaveLength(1216);
    expect(bench.stub.faults).toEqual([]);
  });

  it("refuses an observer all that changes anything, in words that gdb prints", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    for (const payload of ["M0,1:00", "P10=00", "Z0,1000,1", "vCont;s:1;c", "vCont;r1,2:1", "G00"]) {
      expect(other.ask(payload)).toEqual([OBSERVES]);
    }
    expect(bench.stub.packets.filter((payload) => /^[GMPZ]/.test(payload))).toEqual([]);
    expect(resumes(bench)).toBe(0);
  });

  it("answers an observer at once while the machine runs, without a byte to the stub", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    bench.pass(GLANCE_IDLE_MS);
    bench.ask("vCont;c");
    const packets = bench.stub.packets.length;
    expect(other.changes).toBe(1);
    expect(other.ask("m0,4")).toEqual([RUNS]);
    expect(other.ask("?")).toEqual(["T05thread:01;"]);
    expect([bench.stub.packets.length, bench.stub.running]).toEqual([packets, true]);
  });

  it("shows an observer who attaches to a running machine a stop, and the driver's run goes on unnoticed", () => {
    const bench = attached();
    bench.ask("Z0,1000,1");
    bench.ask("vCont;c");
    const other = bench.attach({ role: "observer" });
    expect([bench.stub.running, other.takesPackets]).toEqual([false, true]);
    bench.pass(GLANCE_IDLE_MS - 1);
    expect(other.ask("g")[0]).toHaveLength(1216);
    bench.pass(GLANCE_IDLE_MS - 1);
    expect(bench.stub.running).toBe(false);
    bench.pass(1);
    expect([bench.stub.running, bench.stub.breakpoints.size, bench.sent.length]).toEqual([true, 1, 1]);
    expect(bench.events.at(-1)).toMatchObject({ type: "machine.resumed", connection: 1 });
    bench.stop();
    expect(bench.sent.at(-1)).toBe("T05thread:01;");
  });

  it("does not let an observer's questions hold the machine for long, nor its wait at all", () => {
    const bench = attached();
    bench.ask("vCont;c");
    const other = bench.attach({ role: "observer" });
    for (let ms = 0; ms < GLANCE_MS; ms += GLANCE_IDLE_MS / 2) {
      bench.pass(GLANCE_IDLE_MS / 2);
      other.ask("qC");
    }
    expect(bench.stub.running).toBe(true);
    other.ask("vCont;c");
    other.interrupt();
    bench.settle();
    expect([other.sent.at(-1), bench.stub.running]).toEqual(["T02thread:01;", false]);
    other.ask("vCont;c");
    expect([bench.stub.running, bench.sent.length]).toEqual([true, 0]);
  });

  it("gives an observer the stop that it has missed when it asks for the next", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    bench.pass(GLANCE_IDLE_MS);
    bench.ask("vCont;s:1;c");
    bench.stop();
    expect(other.ask("vCont;c")).toEqual(["T05thread:01;"]);
    expect(other.ask("vCont;c")).toEqual([]);
  });

  it("answers the driver's Ctrl-C during an observer's look, and keeps standing", () => {
    const bench = attached();
    bench.ask("vCont;c");
    bench.attach({ role: "observer" });
    bench.gdb.interrupt();
    bench.settle();
    expect(bench.sent.at(-1)).toBe("T02thread:01;");
    bench.pass(GLANCE_MS);
    expect(bench.stub.running).toBe(false);
  });

  it("lets a machine run that only observers are at", () => {
    const bench = new Bench();
    const other = bench.attach({ role: "observer" });
    expect(bench.stub.running).toBe(false);
    bench.pass(GLANCE_IDLE_MS);
    expect([bench.stub.running, other.ask("g")]).toEqual([true, [RUNS]]);
    bench.attach();
    expect(bench.gdb.takesPackets).toBe(true);
  });

  it("takes turns: who asks on and on does not keep the others from the stub", () => {
    const bench = attached();
    const all = [bench.gdb, bench.attach({ role: "observer" }), bench.attach({ role: "instructor" })];
    const asked: number[] = [];
    for (const one of all) {
      let left = 5;
      one.onWake = () => {
        while (left > 0 && one.takesPackets) {
          left -= 1;
          asked.push(all.indexOf(one));
          one.send("m1000,4");
        }
      };
    }
    bench.gdb.onWake();
    bench.settle();
    expect(asked).toHaveLength(15);
    for (let i = 3; i + 3 <= 12; i += 3) expect(new Set(asked.slice(i, i + 3)).size).toBe(3);
    expect(bench.stub.faults).toEqual([]);
  });

  it("keeps each one's thread apart", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    bench.ask("Hg2");
    bench.stub.packets.length = 0;
    bench.ask("g");
    other.ask("g");
    other.ask("p10");
    bench.ask("p10");
    expect(bench.stub.packets).toEqual(["g", "Hg01", "g", "p10", "Hg2", "p10"]);
  });

  it("tells the others of a write", () => {
    const bench = attached();
    const other = bench.attach({ role: "observer" });
    bench.ask("M0,1:00");
    expect([other.changes, bench.gdb.changes]).toEqual([1, 0]);
  });

  it("takes out an instructor's breakpoints when that one goes, and no others", () => {
    const bench = attached();
    const teacher = bench.attach({ role: "instructor" });
    bench.ask("Z0,1000,1");
    bench.ask("Z0,2000,1");
    teacher.ask(monitor("take"));
    teacher.ask("Z0,2000,1");
    teacher.ask("Z0,3000,1");
    teacher.ask("vCont;c");
    expect([...bench.stub.breakpoints.keys()].sort()).toEqual(["0,1000,1", "0,2000,1", "0,3000,1"]);
    bench.stop();
    teacher.leave();
    bench.settle();
    bench.ask("vCont;c");
    expect([...bench.stub.breakpoints.keys()].sort()).toEqual(["0,1000,1", "0,2000,1"]);
  });
});

describe("a debugger that describes", () => {
  it("is read for when it attaches, before each stop that it is told, and after its own writes", () => {
    const bench = new Bench();
    const near = bench.attach({ describes: true });
    expect(near.described).toMatchObject([{ stopReply: "T05thread:01;", stepped: false }]);
    near.ask("vCont;s:1;c");
    bench.stop();
    expect(near.described.at(-1)).toMatchObject({ stopReply: "T05thread:01;", stepped: true });
    bench.stub.packets.length = 0;
    expect(near.ask("P10=00")).toEqual(["OK"]);
    expect(near.described).toHaveLength(3);
    expect(near.described.at(-1)?.registers).toHaveLength(1216);
    expect(bench.stub.packets).toEqual(["P10=00", "g", "m4000,40", "m5000,40", "m6000,40"]);
    expect(bench.stub.mostUnderWay).toBe(3);
    expect(bench.faults).toEqual([]);
  });

  it("reads the stopped machine, and nothing of one that runs for somebody else", () => {
    const bench = attached();
    const near = bench.attach({ role: "observer", describes: true });
    const log: string[] = [];
    const read = function* () {
      log.push(yield "m0,2");
    };
    bench.hub.read(near.one, read(), () => log.push("done"));
    bench.settle();
    bench.pass(GLANCE_IDLE_MS);
    bench.ask("vCont;c");
    bench.hub.read(near.one, read(), () => log.push("done at once"));
    expect(log).toEqual(["0000", "done", "done at once"]);
    expect(bench.stub.faults).toEqual([]);
  });

  it("has what the near agent answered put into the trace, in pieces that an event holds", () => {
    const bench = attached();
    bench.hub.attendance.noted(bench.gdb.one, ["g", "m1000,8"]);
    bench.hub.attendance.noted(
      bench.gdb.one,
      Array.from({ length: 600 }, () => "m1000,8"),
    );
    const noted = bench.events.filter((event) => event.type === "gdb.noted");
    expect(noted.map(({ packets }) => packets.length)).toEqual([2, 512, 88]);
  });
});

const monitor = (text: string): string => `qRcmd,${Buffer.from(text).toString("hex")}`;
const told = (reply: string | undefined): string => Buffer.from(reply ?? "", "hex").toString("utf8");

describe("the driver's seat", () => {
  it("is taken and given back by an instructor, and all are told", () => {
    const bench = attached();
    const teacher = bench.attach({ role: "instructor" });
    expect(teacher.ask("vCont;s:1;c")).toEqual([OBSERVES]);
    expect(told(teacher.ask(monitor("take"))[0])).toContain("You drive now");
    expect(bench.gdb.said.join()).toContain("usr_2 (instructor) drives");
    expect(bench.announced.join()).toContain("usr_2");
    expect(bench.ask("vCont;s:1;c")).toEqual([OBSERVES]);
    expect(teacher.ask("vCont;s:1;c")).toEqual([]);
    bench.stop();
    expect(told(teacher.ask(monitor("give"))[0])).toContain("You observe now");
    expect(bench.ask("vCont;c")).toEqual([]);
    expect(bench.events.filter((event) => event.type === "seat.taken")).toMatchObject([
      { connection: 2 },
      { connection: 1 },
    ]);
  });

  it("taken from a driver that waits stops the machine, and that one waits on as an observer", () => {
    const bench = attached();
    const teacher = bench.attach({ role: "instructor" });
    bench.pass(GLANCE_IDLE_MS);
    bench.ask("vCont;c");
    teacher.ask(monitor("take"));
    expect([bench.stub.running, bench.sent, teacher.takesPackets]).toEqual([false, [], true]);
    teacher.ask("vCont;c");
    bench.stop();
    expect([bench.sent, teacher.sent.at(-1)]).toEqual([["T05thread:01;"], "T05thread:01;"]);
  });

  it("given back while the driver waits lets its run go on", () => {
    const bench = attached();
    const teacher = bench.attach({ role: "instructor" });
    bench.pass(GLANCE_IDLE_MS);
    bench.ask("vCont;c");
    teacher.ask(monitor("take"));
    teacher.leave();
    bench.settle();
    expect([bench.stub.running, bench.sent]).toEqual([true, []]);
    expect(bench.events.at(-1)).toMatchObject({ type: "machine.resumed", connection: 1 });
    expect(bench.gdb.said.at(-1)).toContain("usr_1 drives this machine again");
  });

  it("stays the instructor's when the driver goes and comes", () => {
    const bench = attached();
    const teacher = bench.attach({ role: "instructor" });
    teacher.ask(monitor("take"));
    bench.gdb.leave();
    bench.settle();
    expect(bench.stub.running).toBe(false);
    const back = bench.attach();
    expect(back.ask("M0,1:00")).toEqual([OBSERVES]);
    teacher.ask(monitor("give"));
    expect(back.ask("M0,1:00")).toEqual(["OK"]);
  });

  it("brings what monitor does to those who may: typing, answers, hints, languages", () => {
    const bench = attached({
      hints: [
        { en: "look at rax", zh: "看 rax" },
        { en: "and at rdi", zh: "再看 rdi" },
      ],
    });
    expect(told(bench.ask(monitor("type replyhi"))[0])).toContain("Typed");
    expect(told(bench.ask(monitor("restart-program"))[0])).toContain("Ctrl-C");
    expect(bench.typed).toEqual(["replyhi\r", "\x03exit\r"]);
    expect(told(bench.ask(monitor("answer handler __sys_listen"))[0])).toContain("handler = __sys_listen");
    expect(bench.events.at(-2)).toMatchObject({ type: "answer.given", question: "handler", value: "__sys_listen" });
    const hints = [1, 2, 3].map(() => told(bench.ask(monitor("hint"))[0]));
    expect(hints).toEqual([
      "Hint 1 of 2: look at rax\n",
      "Hint 2 of 2: and at rdi\n",
      expect.stringMatching(/from the first again[\s\S]*Hint 1 of 2/),
    ]);
    expect(told(bench.ask(monitor("lang zh"))[0])).toContain("中文");
    expect(told(bench.ask(monitor("hint"))[0])).toBe("提示 2/2:再看 rdi\n");
    expect(told(bench.ask(monitor("reset"))[0])).toContain("全新的虚拟机");
    expect(bench.resets).toEqual(["usr_1"]);
  });
});
