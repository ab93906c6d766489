import {
  encodeFrame,
  type FarMessage,
  FrameError,
  type NearMessage,
  type Page,
  type PageHead,
  PageSender,
  readNear,
} from "@ringside/link";
import { RingsideError } from "@ringside/shared";
import type { AttachedBefore, Debugger, DebuggerSeat } from "../hub/debugger.ts";
import {
  LINK_ATTACHES_WAITING_MAX,
  LINK_HELD_BYTES_MAX,
  LINK_HELD_MESSAGES_MAX,
  LINK_RTT_SMALL_MS,
  LINK_UNSENT_BYTES_MAX,
} from "../limits.ts";
import type { Answer, LinkPort, LinkTransport } from "./link-port.ts";
import { LinkedGdb } from "./linked-gdb.ts";

export type Hello = Extract<FarMessage, { readonly type: "hello" }>;

export interface NearLinkOptions {
  readonly hello: Hello;
  /**
   * Gives the session's machine to a gdb, waking it if it sleeps.
   * @throws RingsideError what the near agent is refused with
   */
  readonly attach: (debuggerOf: (seat: DebuggerSeat) => Debugger, again: AttachedBefore | null) => Promise<void>;
  readonly closed: () => void;
  readonly nowMs?: () => number;
}

/** The gdb that a link serves now: none, one that is about to be attached, or one that is. */
interface Attaching {
  gdb: LinkedGdb | null;
  interrupted: boolean;
  /** It hung up before it was attached. */
  left: { readonly why: string; readonly how: "hung up" | "broke off" } | null;
}

/**
 * A near agent's WebSocket. Serves one gdb after another; takes one request at a time. What is held for a peer is
 * bounded: its messages by the WebSocket's limits and LINK_HELD_BYTES_MAX, what it does not read by
 * LINK_UNSENT_BYTES_MAX and one message, the pages that it was sent by PAGES_KEPT_MAX.
 */
export class NearLink {
  readonly #transport: LinkTransport;
  readonly #options: NearLinkOptions;
  readonly #sender = new PageSender();
  readonly #port: LinkPort;
  #current: Attaching | null = null;
  #attaches: Promise<void> = Promise.resolve();
  #attachesWaiting = 0;
  #lastId = 0;
  /** Came while the near agent had not read what it was sent. */
  #held: Array<{ readonly message: NearMessage; readonly bytes: number }> = [];
  #heldBytes = 0;
  #reading: "on" | "paused" | "over" = "on";

  constructor(transport: LinkTransport, options: NearLinkOptions) {
    this.#transport = transport;
    this.#options = options;
    const nowMs = options.nowMs ?? (() => performance.now());
    this.#port = {
      get roundTripMs() {
        return transport.roundTripMs;
      },
      nowMs,
      answer: (message, pages) => this.#answer(message, pages),
      tell: (message) => {
        if (message.type === "said" && this.#isFull) return;
        this.#send(message, []);
      },
      end: (error) => this.#close(error),
    };
  }

  /** Says hello and begins to read. */
  start(): void {
    this.#transport.start({
      data: (bytes) => this.#data(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      drained: () => this.#drained(),
      closed: (why) => {
        this.#reading = "over";
        this.#leave(why, "broke off");
        this.#options.closed();
      },
    });
    this.#send(this.#options.hello, []);
  }

  /** Answers what waits with the error, and closes. */
  end(error: RingsideError): void {
    const gdb = this.#current?.gdb;
    if (gdb == null) this.#close(error);
    else gdb.end(error);
  }

  #close(error: RingsideError): void {
    this.#reading = "over";
    this.#held = [];
    this.#transport.end(error);
  }

  get #isFull(): boolean {
    return this.#transport.unsentBytes > LINK_UNSENT_BYTES_MAX;
  }

  #data(bytes: Buffer): void {
    if (this.#reading === "over") return;
    try {
      const message = readNear(bytes);
      if (this.#held.length === 0 && !this.#isFull) this.#take(message);
      else this.#hold(message, bytes.length);
    } catch (cause) {
      if (cause instanceof FrameError) this.#wrong(cause.message);
      else this.#close(cause instanceof RingsideError ? cause : new RingsideError("internal", { cause }));
    }
  }

  #wrong(why: string): void {
    this.#close(new RingsideError("bad_request", { message: `This does not speak the link's protocol: ${why}` }));
  }

  #hold(message: NearMessage, bytes: number): void {
    this.#held.push({ message, bytes });
    this.#heldBytes += bytes;
    if (this.#held.length > LINK_HELD_MESSAGES_MAX || this.#heldBytes > LINK_HELD_BYTES_MAX) {
      this.#wrong("too many messages at once");
    }
    if (this.#reading !== "on") return;
    this.#reading = "paused";
    this.#transport.pause();
  }

  #drained(): void {
    while (this.#reading !== "over" && !this.#isFull) {
      const next = this.#held.shift();
      if (next === undefined) break;
      this.#heldBytes -= next.bytes;
      this.#take(next.message);
    }
    if (this.#reading !== "paused" || this.#held.length > 0) return;
    this.#reading = "on";
    this.#transport.resume();
  }

  #take(message: NearMessage): void {
    switch (message.type) {
      case "attach":
        this.#attach(message);
        break;
      case "packets":
      case "read":
        this.#request(message);
        break;
      case "interrupt":
        this.#interrupt();
        break;
      case "back":
        this.#back(message);
        break;
      // What crosses an end on the way is nobody's any more.
      case "noted":
        this.#current?.gdb?.noted(message.noted);
        break;
      case "left":
        this.#current?.gdb?.noted(message.noted);
        this.#leave("gdb hung up", "hung up");
        break;
      default:
        message satisfies never;
    }
  }

  #request(message: Extract<NearMessage, { readonly type: "packets" | "read" }>): void {
    const gdb = this.#current?.gdb;
    if (gdb == null) this.#wrong("a request before it was attached");
    else if (!gdb.isFree) this.#wrong("a request before the last was answered");
    else if (this.#isNext(message.id)) gdb.take(message);
  }

  #back({ name, took, noted }: Extract<NearMessage, { readonly type: "back" }>): void {
    const gdb = this.#current?.gdb;
    if (gdb == null) return;
    if (gdb.isFree) gdb.back({ name, took }, noted);
    else this.#wrong("a step back before the last request was answered");
  }

  #isNext(id: number): boolean {
    const isNext = id > this.#lastId;
    if (isNext) this.#lastId = id;
    else this.#wrong("a request's id is not greater than the last");
    return isNext;
  }

  #interrupt(): void {
    if (this.#current === null) return;
    if (this.#current.gdb === null) this.#current.interrupted = true;
    else this.#current.gdb.interrupt();
  }

  #leave(why: string, how: "hung up" | "broke off"): void {
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    if (current.gdb === null) current.left = { why, how };
    else current.gdb.left(why, how);
  }

  #attach({ id, again }: Extract<NearMessage, { readonly type: "attach" }>): void {
    if (this.#current !== null) {
      this.#wrong("a gdb is attached already");
      return;
    }
    if (!this.#isNext(id)) return;
    this.#attachesWaiting += 1;
    if (this.#attachesWaiting > LINK_ATTACHES_WAITING_MAX) {
      this.#wrong("too many gdbs at once");
      return;
    }
    const before = again === null ? null : attachedBefore(again);
    const current: Attaching = { gdb: null, interrupted: false, left: null };
    this.#current = current;
    this.#attaches = this.#attaches.then(async () => {
      try {
        if (current.left === null) await this.#attachNow(current, id, before);
      } finally {
        this.#attachesWaiting -= 1;
      }
    });
  }

  async #attachNow(current: Attaching, id: number, again: AttachedBefore | null): Promise<void> {
    const awaits = again !== null && again.awaits !== null;
    let attached: LinkedGdb | null = null;
    try {
      await this.#options.attach((seat) => {
        attached = new LinkedGdb(seat, this.#port, { id, awaits });
        current.gdb = attached;
        return attached;
      }, again);
    } catch (cause) {
      this.#refuse(current, id, cause);
      return;
    }
    if (current.left !== null) (attached as LinkedGdb | null)?.left(current.left.why, current.left.how);
    else if (current.interrupted) (attached as LinkedGdb | null)?.interrupt();
  }

  #refuse(current: Attaching, id: number, cause: unknown): void {
    const error = cause instanceof RingsideError ? cause : new RingsideError("internal", { cause });
    if (this.#current !== current) return;
    this.#current = null;
    this.#answer({ type: "refused", id, code: error.code, message: error.message }, []);
  }

  #answer(message: Answer, pages: readonly Page[]): void {
    this.#send(message, pages);
  }

  #send(message: FarMessage, pages: readonly Page[]): void {
    if (this.#reading === "over") return;
    const { heads, bytes } = this.#sender.encode(pages);
    const { roundTripMs } = this.#transport;
    const compress = roundTripMs === null || roundTripMs > LINK_RTT_SMALL_MS;
    try {
      this.#transport.send(encodeFrame(withPages(message, heads), bytes), compress);
    } catch (cause) {
      // It is not the other debuggers' fault, nor the hub's.
      this.#close(new RingsideError("internal", { cause }));
    }
  }
}

function attachedBefore({
  inserted,
  awaits,
  back,
}: NonNullable<Extract<NearMessage, { type: "attach" }>["again"]>): AttachedBefore {
  return { inserted, awaits, ...(back === undefined ? {} : { back }) };
}

function withPages(message: FarMessage, heads: readonly PageHead[]): FarMessage {
  switch (message.type) {
    case "attached":
      return { ...message, bundle: { ...message.bundle, pages: [...heads] } };
    case "answer":
      return { ...message, bundle: message.bundle === null ? null : { ...message.bundle, pages: [...heads] } };
    case "pages":
      return { ...message, pages: [...heads] };
    case "hello":
    case "refused":
    case "changed":
    case "said":
      return message;
    default:
      return message satisfies never;
  }
}
