/**
 * What gdb asked for, read from a recorded packet (Remote Protocol, gdb's manual, "Packets").
 * Only what facts are made of; everything else is `other`. Hostile bytes are `other` as well.
 */
export type Request =
  | {
      readonly kind: "breakpoint";
      readonly insert: boolean;
      readonly type: number;
      readonly address: bigint;
      readonly size: number;
    }
  /** Of one register its number in the stub's layout; of all of them null. */
  | { readonly kind: "read_registers" | "write_registers"; readonly register: number | null }
  | { readonly kind: "read_memory" | "write_memory"; readonly address: bigint; readonly bytes: number }
  | { readonly kind: "monitor"; readonly command: string }
  | { readonly kind: "detach" }
  /** gdb asks for the threads whenever a command of its user's is done, and only then. */
  | { readonly kind: "prompt" }
  /** Answered when the machine stops. `moves`: with an address to go on at, which sets the program counter. */
  | { readonly kind: "resume"; readonly moves: boolean }
  | { readonly kind: "other" };

const BREAKPOINT = /^([zZ])([0-4]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})(?:;|$)/;
const MEMORY = /^([mMxX])([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})(?::|$)/;
const MONITOR = /^qRcmd,((?:[0-9a-fA-F]{2})*)$/;
const RESUME = /^(?:[cCsS]|vCont;|\?$|vRun|vAttach)/;
const RESUME_AT = /^(?:[cs][0-9a-fA-F]|[CS][^;]*;)/;
const PROMPT = /^q(?:fThreadInfo$|Xfer:threads:read::0,)/;
const OTHER: Request = { kind: "other" };

const number = (hex: string | undefined): number => Number.parseInt(hex ?? "", 16);
const address = (hex: string | undefined): bigint => BigInt(`0x${hex ?? "0"}`);

/** @param data the packet's payload, one character per byte */
export function requestOf(data: string): Request {
  switch (data[0]) {
    case "Z":
    case "z": {
      const parts = BREAKPOINT.exec(data);
      if (parts === null) return OTHER;
      const [, verb, type, place, size] = parts;
      return {
        kind: "breakpoint",
        insert: verb === "Z",
        type: number(type),
        address: address(place),
        size: number(size),
      };
    }
    case "g":
    case "p":
      return { kind: "read_registers", register: registerOf(data) };
    case "G":
    case "P":
      return { kind: "write_registers", register: registerOf(data) };
    case "m":
    case "x":
    case "M":
    case "X": {
      const parts = MEMORY.exec(data);
      if (parts === null) return OTHER;
      const [, verb = "", place, length] = parts;
      const kind = verb === "m" || verb === "x" ? "read_memory" : "write_memory";
      const bytes = number(length);
      // Writing nothing is how gdb asks whether X is understood.
      return kind === "write_memory" && bytes === 0 ? OTHER : { kind, address: address(place), bytes };
    }
    case "D":
      return /^D(?:;|$)/.test(data) ? { kind: "detach" } : OTHER;
    case "q": {
      if (PROMPT.test(data)) return { kind: "prompt" };
      const parts = MONITOR.exec(data);
      return parts === null ? OTHER : { kind: "monitor", command: hexText(parts[1] ?? "") };
    }
    default:
      return RESUME.test(data) ? { kind: "resume", moves: RESUME_AT.test(data) } : OTHER;
  }
}

/** The number in `p NN` and `P NN=…`. */
function registerOf(data: string): number | null {
  const parts = /^[pP]([0-9a-fA-F]{1,8})(?:=|$)/.exec(data);
  return parts === null ? null : number(parts[1]);
}

function hexText(hex: string): string {
  return (hex.match(/../g) ?? []).map((pair) => String.fromCharCode(number(pair))).join("");
}

/** Payloads of stop replies. Memory and register values are lower-case hex and cannot be taken for one. */
const STOP_REPLY = /^[TSWXN]/;
/** Text for gdb's console, which comes before the answer proper. */
const OUTPUT = /^O(?!K$)/;

export type AnswerKind = "ok" | "data" | "error" | "empty" | "stop" | "output";

/** @param data the reply's payload */
export function answerKind(data: string): AnswerKind {
  if (data === "OK") return "ok";
  if (data === "") return "empty";
  if (data.startsWith("E")) return "error";
  if (STOP_REPLY.test(data)) return "stop";
  return OUTPUT.test(data) ? "output" : "data";
}

/** A stop reply's signal (gdb's numbers, which are Linux's for those here) and whether a watchpoint caused it. */
export function stopReply(data: string): { readonly signal: number | null; readonly watch: boolean } {
  const parts = /^[TS]([0-9a-fA-F]{2})(.*)$/s.exec(data);
  if (parts === null) return { signal: null, watch: false };
  return { signal: number(parts[1]), watch: /(?:^|;)[ra]?watch:/.test(parts[2] ?? "") };
}
