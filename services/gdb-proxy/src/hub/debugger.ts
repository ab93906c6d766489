import type { Arch, ConnectionRole, RingsideError } from "@ringside/shared";
import type { AheadLog, AheadWish, StepsTaken } from "./ahead/log.ts";
import type { Conversation } from "./conversation.ts";

/**
 * Between the hub and what connects debuggers to it. One is attached by
 *
 *   MachineHub.attach(
 *     debuggerOf: (seat: DebuggerSeat) => Debugger,
 *     who: AttachWho,
 *     again?: AttachedBefore,
 *   ): void      throws RingsideError debugger_busy, machine_gone, and what recording throws
 *
 * `debuggerOf` is called once, before attach() returns, and must not call the seat yet. Then:
 *   - without `again.awaits`: the machine is stopped; describe() runs on it; then wake() is called, and from the first
 *     one on seat.takesPackets may be true. The stop itself is asked for with `?`, or taken from describe()'s view.
 *   - with `again.awaits`: the stop of that resume comes as describe() and reply(), whenever the machine stops.
 * A debugger that cannot be served any more is told so with end(), once; left() must follow, now or later.
 */
export interface AttachWho {
  readonly user: string;
  readonly role: ConnectionRole;
  readonly via: "websocket" | "tcp" | "link";
}

/** The gdb was attached already, over a link that broke off. */
export interface AttachedBefore {
  /** What it had inserted, as `Z` payloads: wanted at once. Others than those are passed over. */
  readonly inserted: readonly string[];
  /** The resume whose stop it waits for, as it was sent; null: it waits for none. */
  readonly awaits: string | null;
  /** Steps ahead of which it has taken some only, as back() is told. */
  readonly back?: readonly StepsTaken[];
}

/** A connected debugger, as the hub calls it: gdb itself (GdbClient) or a near agent with its gdb (NearLink). */
export interface Debugger {
  /**
   * The answer to the packet that it sent last, or the stop that it waits for.
   * @param registers with a stop, where they are known: the `g` reply of the stop's thread
   */
  reply(payload: string, registers?: string | null): void;
  /** Its next packet may be taken now. */
  wake(): void;
  /** Registers, memory or the run state have changed by somebody else's doing: nothing that it read is true any more. */
  changed(): void;
  /** A line for its user, without a line end: to gdb it may go only while that waits for a stop. */
  say(text: string): void;
  /** Answers what it waits for with the error, as far as it can, and closes. */
  end(error: RingsideError): void;
  /**
   * Where present: reads what the debugger will ask next. The hub runs it on the stopped machine once it is attached,
   * before each stop that it tells this debugger, and after each write of its own, before the reply.
   */
  describe?(view: StoppedView): Conversation<void>;
}

/** How the machine stands. */
export interface StoppedView {
  readonly stopReply: string;
  /** The `g` reply. */
  readonly registers: string | null;
  /** Whether the stop ended a single step, or a range of them, of this debugger. */
  readonly stepped: boolean;
  /** Steps that were taken with the one that it has asked for; it is told the first one's stop. */
  readonly ahead?: AheadLog | null;
}

/** The hub, as one debugger sees it. */
export interface DebuggerSeat {
  /** Its number in the trace. */
  readonly connection: number;
  readonly arch: Arch;
  /** Of the guest's memory; null where it is not known. */
  readonly memoryMib: number | null;
  /** The target description: file name → text; known once the debugger was woken. */
  readonly features: ReadonlyMap<string, string>;
  /** True where packet() and read() may be called. */
  readonly takesPackets: boolean;
  /**
   * Takes a packet's payload; reply() follows, once (never for `k`).
   * @param ahead of a step: how many of the same are likely to follow
   */
  packet(payload: string, ahead?: AheadWish): void;
  /** Of steps ahead only some were asked for: the machine is taken back to those before anything else is done. */
  back(taken: StepsTaken): void;
  /**
   * Asks the stopped machine's stub what changes nothing; `done` is called when it has been asked. Where the machine
   * runs on without this debugger (an observer's view), the talk is not run and `done` is called at once.
   */
  read(talk: Conversation<void>, done: () => void): void;
  /** Something waits for takesPackets. */
  packetWaits(): void;
  interrupt(): void;
  /** Packets that were answered at the near side, for the trace. */
  noted(payloads: readonly string[]): void;
  /**
   * The connection has closed, or the link's gdb has hung up.
   * @param how "broke off": its gdb may still be there and come back with `again`; a machine that stands for it
   *   stands on for a while. Default "hung up".
   */
  left(why: string, how?: "hung up" | "broke off"): void;
}
