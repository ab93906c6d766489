import type { Answer } from "@ringside/shared";
import { type Draw, type Forgery, pick, type SESSION_FAMILIES } from "./forgery.ts";
import { expectedOf, headerOf } from "./honest.ts";
import { FROM_SYSCALL, INET_LISTEN, INSTRUCTOR, LISTEN, LISTEN_WRAPPER, Scenario } from "./scenario.ts";

/**
 * Sessions that a cell records truly and signs, in which somebody makes the machine look as if the work were done.
 * Each is told twice: with the deed and what came of it, and without; the first may not earn more.
 */
type SessionFamily = (typeof SESSION_FAMILIES)[number];
type Story = (scenario: Scenario) => Scenario;

interface Plot {
  readonly what: string;
  /** Before anything else. */
  readonly header?: { readonly from?: "state" };
  readonly deed: Story;
  /** What the deed makes look like work. */
  readonly gain: Story;
  readonly answers?: readonly Answer[];
}

interface Hand {
  readonly backlog: bigint;
  readonly draw: Draw;
}

const hex = (value: bigint): string => value.toString(16);
/** A register's value as packets have it. */
const littleEndian = (value: bigint): string => (hex(value).padStart(16, "0").match(/../g) ?? []).reverse().join("");
const stopping =
  ({ backlog, draw }: Hand): Story =>
  (scenario) =>
    scenario.stop({ backlog, fd: BigInt(3 + draw(5)), frames: FROM_SYSCALL }).prompt();

/** One forgery of a family, and the points of its honest part, which `grade` finds out. */
export async function forgeSession(
  family: SessionFamily,
  student: number,
  draw: Draw,
  grade: (bytes: Buffer, honest: Scenario) => Promise<number>,
): Promise<Forgery> {
  const header = headerOf(student);
  const hand: Hand = { backlog: BigInt(header.parameters.backlog ?? 0), draw };
  const plot = PLOTS[family](hand);
  const begin = BEGINNINGS[draw(BEGINNINGS.length)] ?? ((scenario: Scenario) => scenario);
  const told = (story: Story) => {
    const scenario = begin(new Scenario(header, plot.header));
    const done = story(scenario);
    done.trace.seal();
    return done;
  };
  const after: Story = draw(2) === 0 ? (scenario) => scenario.detach() : (scenario) => scenario;
  const honest = told((scenario) => after(plot.deed(scenario)));
  const forged = told((scenario) => after(plot.gain(plot.deed(scenario))));
  return {
    family,
    what: plot.what,
    bytes: forged.trace.bytes,
    expected: expectedOf(forged),
    ...(plot.answers !== undefined && { answers: plot.answers }),
    earned: await grade(honest.trace.bytes, honest),
  };
}

/** What is honest about it. */
const BEGINNINGS: readonly Story[] = [
  (scenario) => scenario.attach(),
  (scenario) => scenario.attach().breakpoint(),
  (scenario) => scenario.attach().breakpoint().resume().type("help"),
  (scenario) => scenario.attach().breakpoint(INET_LISTEN).resume().stop({ pc: INET_LISTEN, backlog: 1n }).prompt(),
];

/** A packet, and what came back: an answer, none before the next, or one that does not say that nothing was done. */
const ANSWERS = ["OK", null, "OK", "E14"] as const;

function write(packet: string, { draw }: Hand): Story {
  const answer = pick(ANSWERS, draw);
  // An error alone says that nothing was done: behind a packet without an answer it says nothing.
  if (answer === "E14") return (scenario) => scenario.packet("g", null).packet(packet, "E14").packet("?", "T05");
  return (scenario) => scenario.packet(packet, answer);
}

const letRun: Story = (scenario) => scenario.resume();
/** The machine sleeps and wakes, the recorder dies, the debugger goes and comes: none of it washes a write away. */
const WASHINGS: readonly Story[] = [
  (scenario) => scenario,
  (scenario) => scenario,
  (scenario) => {
    scenario.trace.add(
      { type: "machine.hibernated", epoch: 1 },
      { type: "machine.found", epoch: 1, qemu: "QEMU 7.2", from: "hibernated" },
    );
    return scenario;
  },
  (scenario) => {
    scenario.trace.add({ type: "machine.found", epoch: 1, qemu: "QEMU 7.2" });
    return scenario;
  },
  (scenario) => {
    scenario.trace.add({ type: "trace.resumed", wall: "2026-03-02T09:00:00.000Z", cutBytes: 0 });
    return scenario.attach();
  },
  (scenario) => scenario.leave().attach(),
  (scenario) => {
    scenario.trace.add({ type: "machine.saved", epoch: 1, as: "clean" });
    return scenario;
  },
];

const PLOTS: Readonly<Record<SessionFamily, (hand: Hand) => Plot>> = {
  jumped: (hand) => {
    const { draw } = hand;
    const to = hex(pick([LISTEN, LISTEN_WRAPPER, LISTEN - 8n], draw));
    const way = pick([`c${to}`, `s${to}`, `C05;${to}`, `S05;${to}`, `c${to.toUpperCase()}`], draw);
    const action = /^[sS]/.test(way) ? "step" : "continue";
    const deed: Story = (scenario) => {
      scenario.packet(way, null).trace.add({ type: "machine.resumed", connection: 1, action });
      return scenario;
    };
    return { what: way, deed, gain: stopping(hand) };
  },
  "registers written": (hand) => {
    const rip = littleEndian(LISTEN);
    const packet = pick(
      [
        `P10=${rip}`,
        `P0010=${rip}`,
        `P4=${littleEndian(hand.backlog)}`,
        `G${"00".repeat(608)}`,
        `P5=${littleEndian(3n)}`,
      ],
      hand.draw,
    );
    const wash = pick(WASHINGS, hand.draw);
    const writing = write(packet, hand);
    return { what: packet, deed: (s) => letRun(wash(writing(s))), gain: stopping(hand) };
  },
  "memory written": (hand) => {
    const place = hex(pick([0xffffffff82000000n, 0xffff888000400f00n, LISTEN, 0x401000n], hand.draw));
    const packet = pick([`M${place},4:90909090`, `X${place},2:\x90\x90`, `M${place},1:c3`], hand.draw);
    const wash = pick(WASHINGS, hand.draw);
    const writing = write(packet, hand);
    return { what: packet, deed: (s) => letRun(wash(writing(s))), gain: stopping(hand) };
  },
  "hidden writes": (hand) => {
    const { draw } = hand;
    const rip = `P10=${littleEndian(LISTEN)}`;
    const plots: readonly (readonly [string, Story])[] = [
      ["no answer, then a refusal of another", (s) => s.packet(rip, null).packet("X0,0:", "")],
      ["two at once, the second refused", (s) => s.packet(rip, null).packet("vFile:open:00", "F-1").packet("g", "OK")],
      ["an error across two pages", (s) => s.packet("Mffffffff82000ffe,4:90909090", "E14")],
      [
        "by an instructor's gdb",
        (s) => {
          const opened = { connection: 7, kind: "gdb", via: "tcp", user: INSTRUCTOR, role: "instructor" } as const;
          s.trace.add({ type: "connection.opened", ...opened });
          s.trace.packet(7, rip, "OK");
          s.trace.add({ type: "connection.closed", connection: 7, why: "client" });
          return s;
        },
      ],
      ["before the debugger left", (s) => s.packet(rip, null).leave().attach()],
      ["in the middle of a resume", (s) => s.packet("vCont;c", null).packet(rip, "OK")],
    ];
    const [what, deed] = pick(plots, draw);
    const wash = pick(WASHINGS, draw);
    return { what, deed: (s) => letRun(wash(deed(s))), gain: stopping(hand) };
  },
  "unknown past": (hand) => {
    const gain = stopping(hand);
    return { what: "of a saved state", header: { from: "state" }, deed: letRun, gain };
  },
  "somebody else's hand": (hand) => {
    const { draw } = hand;
    const deed: Story = (s) => s.leave();
    const gain: Story = (s) => {
      const connection = 5 + draw(3);
      s.trace.add({
        type: "connection.opened",
        connection,
        kind: "gdb",
        via: "tcp",
        user: INSTRUCTOR,
        role: "instructor",
      });
      s.trace.packet(connection, `Z0,${hex(LISTEN)},1`, "OK");
      s.trace.packet(connection, "vCont;c", null);
      s.trace.add({ type: "machine.resumed", connection, action: "continue" });
      if (draw(2) === 0) s.type("replyhi", INSTRUCTOR);
      return stopping(hand)(s);
    };
    return { what: "an instructor does it", deed, gain };
  },
  "somebody else's values": (hand) => {
    const { draw, backlog } = hand;
    const other = backlog + pick([1n, -1n, 0x1_0000_0000n, 100n + BigInt(draw(1_000))], draw);
    // The stop itself is real, and earns what any backlog earns, as does going on.
    const honest: Story = (s) => letRun(letRun(s).stop({ backlog: 99_999n }).prompt());
    const isSame = BigInt.asIntN(32, other) === backlog;
    const more: Story = isSame ? (s) => s : (s) => s.stop({ backlog: other }).prompt();
    return { what: `backlog ${other}`, deed: honest, gain: more };
  },
  "console imitated": (hand) => {
    const { draw } = hand;
    const text = pick(
      [
        "MenuOS>>replyhi",
        "MenuOS>> replyhi\r\n",
        "replyhi",
        "\x1b[2J\x1b[HMenuOS>>replyhi",
        "Breakpoint 1, __sys_listen (fd=3, backlog=17) at net/socket.c:1850",
        "__sys_listen",
        "T05thread:01;",
        "stopped at __sys_listen",
        "reply hi",
        "xreplyhi",
        "replyhi\x7f",
        "replyhi\x15",
        "repl\x03yhi",
      ],
      draw,
    );
    const printedOnly: Story = (s) => s.print(text);
    const typed = pick(["printf 'said hello'", 'echo sa""id hello', "echo SAID HELLO", "x said-hello"], draw);
    const echoed: Story = (s) => s.type(typed).print("said hello");
    const other: Story = (s) => s.type(text.replaceAll("\r\n", ""), INSTRUCTOR).print(text);
    const nobody: Story = (s) => {
      for (const data of `${text}\r`) s.trace.add({ type: "console.input", connection: 900, data });
      return s;
    };
    const gain = pick([printedOnly, echoed, other, nobody], draw);
    return { what: JSON.stringify(text), deed: (s) => s, gain };
  },
  "packets replayed": (hand) => {
    const { draw, backlog } = hand;
    const addresses = [LISTEN, LISTEN_WRAPPER].map(hex);
    const noted = pick([...addresses.map((at) => `Z0,${at},1`), "T05thread:01;", "vCont;c", "qfThreadInfo", "g"], draw);
    const stories: readonly (readonly [string, Story])[] = [
      ["a stop that the client sends", (s) => s.packet("T05thread:01;", "").packet("T05thread:01;", null)],
      [`told by the near agent: ${noted}`, (s) => s.noted(noted, noted)],
      ["a breakpoint that was not let in", (s) => s.packet(`Z0,${hex(0x1234n + BigInt(draw(99)))},1`, "OK")],
      [
        "answers of another session's packets",
        (s) => {
          const reply = `T05thread:01;10:${littleEndian(LISTEN)};04:${littleEndian(backlog)};`;
          s.trace.add({ type: "gdb.reply", connection: 1, data: reply });
          return s;
        },
      ],
      ["resumes without a machine that runs", (s) => s.packet("vCont;c", null).packet("?", "T05thread:01;")],
      [
        "of a connection that was never opened",
        (s) => {
          s.trace.packet(77, `Z0,${hex(LISTEN)},1`, "OK");
          s.trace.packet(77, "vCont;c", "T05thread:01;");
          return s;
        },
      ],
    ];
    const [what, gain] = pick(stories, draw);
    return { what, deed: (s) => s, gain: (s) => gain(s) };
  },
  "answers guessed": ({ draw, backlog }) => {
    // Nothing stopped, so that the recording has no right answer.
    const value = String(draw(2) === 0 ? backlog : BigInt(draw(1_000)));
    const question = "backlog";
    const isLate = draw(2) === 0;
    const gain: Story = isLate ? (s) => s : (s) => s.answer(question, value);
    return { what: `${question} ${value}`, deed: (s) => s, gain, answers: isLate ? [{ question, value }] : [] };
  },
};
