import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConditions } from "./agent-conditions.ts";
import { type AgentQuestion, evaluate } from "./agent-expression.ts";
import { Decoder } from "./decoder.ts";
import { encodePacket } from "./encoder.ts";
import { parsePacket } from "./packet.ts";
import { REGISTER_LAYOUTS } from "./registers.ts";

/**
 * gdb sends a condition's bytecode to a stub that stands still, and then prints the same expression, reading the same
 * stub. Both must come to the same value.
 */
const run = promisify(execFile);

const PROGRAM = `
struct sock { int state; unsigned char proto; short family; struct sock *next; char name[8]; unsigned flags : 3; };
enum state { CLOSED, LISTEN = 10 };
struct sock *sockets[4];
enum state now;
int listen(int fd, int backlog, unsigned long length, signed char c, unsigned short port, struct sock *sock, char *text) {
  return fd + backlog + (int)length + c + port + sock->state + text[0] + now + (sockets[0] != 0);
}
void _start(void) { listen(1, 2, 3, 4, 5, sockets[0], 0); }
`;

/** What students write, and what could go wrong. */
const CONDITIONS = [
  "backlog == 5",
  "fd == 3 && backlog > 0",
  "fd < 0 || backlog < 0",
  "fd",
  "!fd",
  "-backlog",
  "~fd & 0xff",
  "fd + backlog * 2 - 7",
  "fd / 3",
  "fd % 7",
  "length / 3",
  "length % 1000",
  "c / 2",
  "c < 0",
  "c >> 1",
  "port >> 3",
  "port == 8080",
  "(port & 0xff) << 8 | port >> 8",
  "length > 0x8000000000000000",
  "length < 10",
  "(long)length < 10",
  "(int)length",
  "(unsigned char)length",
  "(signed char)length",
  "(unsigned)c",
  "fd != backlog",
  "fd <= backlog",
  "fd >= backlog",
  "length ^ 0xffff",
  "sock->state",
  "sock->state == 7 && sock->proto != 17",
  "sock->family",
  "sock->name[2]",
  "sock->next->name[1] > 100",
  "sock->next != 0",
  "sock == 0",
  "&sock->next[3]",
  "sock->next > sock",
  "(unsigned long)sock + 16",
  "sock->flags",
  "sockets[2]->next->state",
  "(int)now == 10",
  "*text",
  "text[3] == 97",
  "*(int *)(text + 4)",
  "*(unsigned long *)$rsp",
  "$rdi == 3",
  "$rdi > $rsi",
  "(int)$rsi",
  "$rsp + 8",
  "*(short *)($rbp - 20)",
  "fd == 3 ? backlog : port",
  "(fd, backlog)",
  "sizeof(struct sock) == 40",
  "fd && sock->next && sock->next->next",
];

/** What gdb keeps to itself, and evaluates at each hit: enumerators, characters and registers that are no plain ones. */
const NOT_SENT = ["now == LISTEN", "text[3] == 'a'", "$pc == 4198432"];

/** Memory is what its address makes it; so is every register, in the same way. */
const byteAt = (address: bigint): number => Number((((address * 2_654_435_761n) >> 7n) ^ (address >> 3n)) & 0xffn);

function memoryHex(address: bigint, bytes: number): string {
  let hex = "";
  for (let i = 0n; i < bytes; i += 1n)
    hex += byteAt(address + i)
      .toString(16)
      .padStart(2, "0");
  return hex;
}

const numberOf = (hex: string): bigint => BigInt(`0x${(hex.match(/../g) ?? []).reverse().join("")}`);

/** rax to gs; the other registers of gdb's own x86-64 layout, up to mxcsr, are 0. */
const CORE_REGISTERS = 24;
const G_BYTES = 536;

/** A stub whose machine is interrupted behind each breakpoint at once. */
class StandingStub {
  /** The conditions of a breakpoint, by the number of the expression that \`monitor\` has named. */
  readonly sent = new Map<number, string>();
  #expression = -1;
  readonly #registers: string[] = REGISTER_LAYOUTS.x86_64.map(({ bytes }, number) =>
    memoryHex(BigInt(number) * 64n, bytes),
  );
  #breakpoint = 0n;

  register(number: number): bigint {
    return numberOf(this.#registers[number] ?? "");
  }

  reply(payload: string): string {
    const packet = parsePacket(payload);
    switch (packet.kind) {
      case "qSupported":
        return "PacketSize=4000;ConditionalBreakpoints+;vContSupported+;qXfer:features:read+";
      case "qXfer":
        return "l<target><architecture>i386:x86-64</architecture></target>";
      case "?":
        return "T05thread:01;";
      case "vCont?":
        return "vCont;c;C;s;S";
      case "vCont":
        // An interrupt beside the breakpoint: at one whose condition does not hold, gdb would run on for ever.
        this.#goTo(this.#breakpoint + 1n);
        return "T02thread:01;";
      case "g":
        return this.#registers
          .slice(0, CORE_REGISTERS)
          .join("")
          .padEnd(2 * G_BYTES, "0");
      case "p":
        return this.#registers[packet.register] ?? "E01";
      case "m":
        return memoryHex(packet.address, packet.length);
      case "Z":
        this.#breakpoint = packet.address;
        this.sent.set(this.#expression, packet.extra);
        return "OK";
      case "qRcmd":
        this.#expression = Number(packet.command);
        return "OK";
      case "z":
      case "H":
      case "T":
      case "D":
        return "OK";
      case "qAttached":
        return "1";
      case "qC":
        return "QC01";
      case "qfThreadInfo":
        return "m01";
      case "qsThreadInfo":
        return "l";
      default:
        return "";
    }
  }

  answer(question: AgentQuestion): bigint {
    if ("register" in question) return this.register(question.register);
    return numberOf(memoryHex(question.memory.address, question.memory.bytes));
  }

  #goTo(address: bigint): void {
    this.#registers[16] = (address.toString(16).padStart(16, "0").match(/../g) ?? []).reverse().join("");
  }
}

function evaluated(code: Uint8Array, stub: StandingStub): bigint | null {
  const running = evaluate(code);
  let next = running.next();
  while (next.done !== true) next = running.next(stub.answer(next.value));
  return next.value;
}

describe("conditions that gdb sends", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ringside-agent-"));
    await writeFile(join(folder, "program.c"), PROGRAM);
    const flags = ["-g", "-O0", "-static", "-no-pie", "-nostdlib", "-fno-stack-protector", "-w"];
    await run("gcc", [...flags, "-o", join(folder, "program"), join(folder, "program.c")]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("have the value that gdb prints for them", async () => {
    const stub = new StandingStub();
    await using server = createServer((socket) => {
      const decoder = new Decoder({ runLength: false });
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk) =>
        decoder.push(chunk, (frame) => {
          if (frame.kind === "packet")
            socket.write(Buffer.concat([Buffer.from("+"), encodePacket(stub.reply(frame.payload))]));
        }),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const commands = [
      "set confirm off",
      "set trust-readonly-sections on",
      `target remote 127.0.0.1:${(server.address() as AddressInfo).port}`,
      "set breakpoint condition-evaluation target",
      "break listen",
      "continue",
      ...[...CONDITIONS, ...NOT_SENT].flatMap((condition, at) => [
        "delete",
        `monitor ${at}`,
        `break listen if ${condition}`,
        "continue",
        `output/x (unsigned long)(${condition})`,
        "echo \\n",
      ]),
    ];
    const script = join(folder, "commands.gdb");
    await writeFile(script, `${commands.join("\n")}\n`);
    const { stdout } = await run("gdb", ["-nx", "-batch", "-x", script, join(folder, "program")], { timeout: 60_000 });
    const printed = stdout.split("\n").filter((line) => /^0x[0-9a-f]+$/.test(line));
    const rows = [...CONDITIONS, ...NOT_SENT].map((condition, at) => {
      const code = parseConditions(stub.sent.get(at) ?? "none")?.[0];
      return [condition, code === undefined ? "not sent" : `0x${evaluated(code, stub)?.toString(16)}`];
    });
    expect(rows).toEqual([
      ...CONDITIONS.map((condition, at) => [condition, printed[at]]),
      ...NOT_SENT.map((condition) => [condition, "not sent"]),
    ]);
  });
});
