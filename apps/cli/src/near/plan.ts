import type { FarMessage } from "@ringside/link";
import { bytesOfHex, type PacketOf, parsePacket } from "@ringside/rsp";
import { NEAR_PACKET_BYTES } from "../limits.ts";
import type { Breakpoints } from "./breakpoints.ts";
import type { Knowledge, MemoryRead } from "./knowledge.ts";

/** What a packet does at the cell, and so what becomes of it when the link breaks off before its answer. */
export type Effect =
  /** Changes nothing: it is asked again. */
  | "ask"
  /** Answered from the files of this side. */
  | "file"
  /** Inserts or removes: asking again does no harm. */
  | "insert"
  /** Changes registers or memory: whether it was carried out is not known. */
  | "write"
  /** The answer is a stop. */
  | "resume"
  /** gdb lets the machine go, and expects an answer. */
  | "detach"
  /** gdb lets the machine go and expects none. */
  | "kill";

/** What becomes of a packet of gdb's. */
export type Plan =
  /** `read`: the packet that gives the same when asked of the cell; null where it is no read of the machine. */
  | { readonly kind: "answer"; readonly reply: string; readonly read: Read | null }
  | { readonly kind: "pages"; readonly pages: readonly string[] }
  /** It is about files, which this side has. */
  | { readonly kind: "file" }
  | { readonly kind: "packets"; readonly last: Read; readonly effect: Effect };

/** A packet for the cell, and how its reply is given to gdb. */
export interface Read {
  readonly payload: string;
  /** `x` is asked as `m`: hex becomes bytes. */
  readonly as: "itself" | "binary";
}

type Hello = Extract<FarMessage, { type: "hello" }>;

/** What plans are made from. */
export interface PlanView {
  readonly hello: Hello;
  readonly features: Readonly<Record<string, string>>;
  readonly knowledge: Knowledge;
  readonly breakpoints: Breakpoints;
  /** What this side's files add to the offer; null where there are none. */
  readonly files: string | null;
  /** gdb has let the machine go: nothing is answered here. */
  readonly detached: boolean;
  /** False for a `read` that has been answered with pages too often: then the cell gets the packet. */
  readonly pagesMayBeAsked: boolean;
}

const local = (reply: string): Plan => ({ kind: "answer", reply, read: null });
const packets = (payload: string, effect: Effect = "ask"): Plan => ({
  kind: "packets",
  last: { payload, as: "itself" },
  effect,
});

/** What is told without asking where it is known. */
const known = (reply: string | null, payload: string): Plan => (reply === null ? packets(payload) : local(reply));

function readPlan(reply: string | null, payload: string): Plan {
  if (reply === null) return packets(payload);
  return { kind: "answer", reply, read: { payload, as: "itself" } };
}

/**
 * Asked by every gdb when it attaches, and about what no machine has: tracepoints, an offset of the program, a wish for
 * symbols. The cell says the same, and each would cost a round trip.
 */
const ABSENT: ReadonlySet<string> = new Set(["qTStatus", "qOffsets", "qSymbol::"]);

/** Decides about a packet's payload. Whatever is not known here goes to the cell, whose policy answers. */
export function planOf(payload: string, view: PlanView): Plan {
  const plan = planHere(payload, view);
  return view.detached && plan.kind !== "packets" && plan.kind !== "file" ? packets(payload) : plan;
}

function planHere(payload: string, view: PlanView): Plan {
  const packet = parsePacket(payload);
  const { knowledge } = view;
  switch (packet.kind) {
    case "g":
      return readPlan(knowledge.registers, payload);
    case "p":
      return readPlan(knowledge.register(packet.register), payload);
    case "m":
    case "x":
      return memoryPlan(packet, view);
    case "G":
    case "P":
    case "M":
    case "X":
    case "qRcmd":
    case "vKill":
    case "R":
    case "vRun":
      return packets(payload, "write");
    case "Z":
    case "z":
      // Whoever may not insert must be told so at once.
      return mayBeTaken(packet, view) && view.breakpoints.take(packet, payload)
        ? local("OK")
        : packets(payload, "insert");
    case "resume":
    case "vCont":
    case "reverse":
    case "vAttach":
      return packets(payload, "resume");
    case "D":
      return packets(payload, "detach");
    case "k":
      return packets(payload, "kill");
    case "vFile":
      return view.files === null ? packets(payload) : { kind: "file" };
    case "unknown":
      return ABSENT.has(payload) ? local("") : packets(payload);
    case "F":
    case "qemu":
      return packets(payload);
    default:
      return sessionPlan(packet, payload, view);
  }
}

/** Conditions are of use only where the cell takes them. */
function mayBeTaken(packet: PacketOf<"Z"> | PacketOf<"z">, { hello, detached }: PlanView): boolean {
  if (hello.role !== "driver" || detached) return false;
  if (packet.extra === "") return true;
  return packet.kind === "Z" && hello.offer.split(";").includes("ConditionalBreakpoints+");
}

/** Threads, the handshake and documents. */
function sessionPlan(
  packet: PacketOf<
    | ("?" | "H" | "T" | "qC" | "qfThreadInfo" | "qsThreadInfo" | "qThreadExtraInfo" | "qSupported")
    | ("QStartNoAckMode" | "!" | "qAttached" | "vMustReplyEmpty" | "vCont?" | "qXfer")
  >,
  payload: string,
  { knowledge, hello, features, files }: PlanView,
): Plan {
  switch (packet.kind) {
    case "?":
      return known(knowledge.stop, payload);
    case "H":
      return knowledge.isChosen(packet.operation, packet.thread) ? local("OK") : packets(payload);
    case "T":
      return knowledge.hasThread(packet.thread) ? local("OK") : packets(payload);
    case "qC":
      return known(knowledge.firstThread(), payload);
    case "qfThreadInfo":
      return known(knowledge.threadList(), payload);
    case "qsThreadInfo":
      return local("l");
    case "qThreadExtraInfo":
      return packets(payload);
    case "qSupported":
      return local(supported(files === null ? hello.offer : `${hello.offer};${files}`));
    case "QStartNoAckMode":
    case "!":
      return local("OK");
    case "qAttached":
      return local("1");
    case "vMustReplyEmpty":
      return local("");
    case "vCont?":
      return local(hello.resumes);
    case "qXfer":
      if (packet.object === "exec-file" && files !== null) return { kind: "file" };
      return featurePlan(packet, payload, features);
    default:
      return packet satisfies never;
  }
}

function memoryPlan(packet: PacketOf<"m"> | PacketOf<"x">, view: PlanView): Plan {
  const { kind, address, length } = packet;
  const asked = {
    payload: `m${address.toString(16)},${length.toString(16)}`,
    as: kind === "x" ? "binary" : "itself",
  } as const;
  const read: MemoryRead = view.knowledge.memory(address, length);
  switch (read.kind) {
    case "bytes":
      return { kind: "answer", reply: replyAs(asked.as, read.hex), read: asked };
    case "pages":
      if (view.pagesMayBeAsked) return read;
      return { kind: "packets", last: asked, effect: "ask" };
    case "unknown":
      return { kind: "packets", last: asked, effect: "ask" };
    default:
      return read satisfies never;
  }
}

/** The reply to `m` as gdb asked for it. Errors are the same for both. */
export function replyAs(as: Read["as"], reply: string): string {
  const bytes = as === "binary" ? bytesOfHex(reply) : null;
  return bytes === null ? reply : `b${bytes}`;
}

function supported(offer: string): string {
  const features = offer.split(";").filter((feature) => feature !== "" && !feature.startsWith("PacketSize="));
  const own = [`PacketSize=${NEAR_PACKET_BYTES.toString(16)}`, "QStartNoAckMode+"];
  return [...new Set([...own, ...features])].join(";");
}

/** A piece with every byte escaped must still fit into gdb's packet. */
const PIECE_BYTES_MAX = NEAR_PACKET_BYTES / 2 - 1;

function featurePlan(packet: PacketOf<"qXfer">, payload: string, features: Readonly<Record<string, string>>): Plan {
  const { object, operation, annex, offset, length } = packet;
  if (object !== "features" || operation !== "read" || !Object.hasOwn(features, annex)) return packets(payload);
  const text = features[annex] ?? "";
  const piece = text.slice(offset, offset + Math.min(length, PIECE_BYTES_MAX));
  return local(`${offset + piece.length < text.length ? "m" : "l"}${piece}`);
}
