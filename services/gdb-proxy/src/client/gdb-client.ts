import { ACK_BYTE, Decoder, encodeReply, type Frame, NAK_BYTE, ProcessIds, withRegisters } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import { GdbFiles } from "../files/gdb-files.ts";
import type { Debugger, DebuggerSeat } from "../hub/debugger.ts";
import {
  GDB_PACKET_BYTES,
  GDB_UNSENT_BYTES_MAX,
  NAKS_MAX,
  NOISE_BYTES_MAX,
  PACKETS_PER_TURN_MAX,
  PENDING_BYTES_MAX,
  PENDING_PACKETS_MAX,
} from "../limits.ts";
import type { Transport } from "./transport.ts";

/** What a gdb's connection uses of its seat. */
export type GdbPeer = Pick<DebuggerSeat, "arch" | "takesPackets" | "packet" | "packetWaits" | "interrupt" | "left">;

/** A packet's payload, or a Ctrl-C. One chunk may bring some ten thousand, so each is as small as it can be. */
type Pending = string | typeof CTRL_C;
const CTRL_C = null;

const ACK = Buffer.of(ACK_BYTE);
const NAK = Buffer.of(NAK_BYTE);

/** What is answered by a stop: until then gdb prints what `O` packets bring. */
const WAITS_FOR_STOP = /^(?:vCont;|[cCsS]|vAttach)/;

/**
 * One gdb's connection: framing, acknowledgements until QStartNoAckMode, and the packets that wait for the
 * machine. Reading stops where they are too many or where gdb does not read its answers, so that what is
 * held for a client is bounded by PENDING_BYTES_MAX and GDB_UNSENT_BYTES_MAX.
 */
export class GdbClient implements Debugger {
  readonly #transport: Transport;
  readonly #peer: GdbPeer;
  readonly #files: GdbFiles | null;
  /** A file is being read for the packet that was taken last. */
  #readsFile = false;
  readonly #decoder = new Decoder({ runLength: false, bytesMax: GDB_PACKET_BYTES });
  readonly #ids = new ProcessIds();
  #pending: Pending[] = [];
  #taken = 0;
  #pendingBytes = 0;
  #acks: "sent" | "off" = "sent";
  #acksOwed = 0;
  #naks = 0;
  #lastFrame: Uint8Array = new Uint8Array();
  /** The packet that was taken last and has no answer yet. */
  #unanswered = "";
  #pump: "idle" | "busy" | "later" = "idle";
  #reading: "on" | "off" | "closed" = "on";

  /** @param files what is answered from them does not reach the peer */
  constructor(transport: Transport, peer: GdbPeer, files: GdbFiles | null = null) {
    this.#transport = transport;
    this.#peer = peer;
    this.#files = files;
  }

  /** Begins to read; the peer must be attached. */
  start(): void {
    this.#transport.start({
      data: (bytes) => this.#data(bytes),
      drained: () => this.wake(),
      closed: (why) => {
        this.#reading = "closed";
        this.#files?.close();
        this.#peer.left(why);
      },
    });
  }

  /** Sends a reply's payload; with a stop go its registers, which gdb would ask for next. */
  reply(payload: string, registers: string | null = null): void {
    const offers = this.#files !== null && this.#unanswered.startsWith("qSupported");
    this.#unanswered = "";
    const more = offers ? `${payload};${GdbFiles.OFFER}` : payload;
    this.#send(registers === null ? more : withRegisters(more, this.#peer.arch, registers));
  }

  /** Says a line, where gdb can hear it. */
  say(text: string): void {
    if (WAITS_FOR_STOP.test(this.#unanswered)) this.#send(`O${Buffer.from(`${text}\n`, "utf8").toString("hex")}`);
  }

  /** gdb has no packet for that: what it asks again, it is told again. */
  changed(): void {}

  #send(payload: string): void {
    this.#lastFrame = encodeReply(this.#ids.toGdb(payload));
    if (this.#acksOwed === 0) {
      this.#transport.send(this.#lastFrame);
      return;
    }
    const acks = Buffer.alloc(this.#acksOwed, ACK_BYTE);
    this.#acksOwed = 0;
    this.#transport.send(Buffer.concat([acks, this.#lastFrame]));
  }

  /** Answers the packet that waits with the error, which gdb shows, and ends. */
  end(error: RingsideError): void {
    const waits = this.#pending.slice(this.#taken).some((next) => next !== CTRL_C);
    if (waits && this.#reading !== "closed") this.reply(`E.${error.code}: ${error.message}`);
    this.#close(error);
  }

  #close(error: RingsideError): void {
    this.#reading = "closed";
    this.#transport.end(error);
  }

  /** Takes packets for as long as the machine takes them. */
  wake(): void {
    if (this.#pump !== "idle") return;
    this.#pump = "busy";
    try {
      this.#takePending();
    } finally {
      if (this.#pump === "busy") this.#pump = "idle";
    }
    this.#readOrPause();
  }

  #data(bytes: Uint8Array): void {
    if (this.#reading === "closed") return;
    this.#decoder.push(bytes, (frame) => this.#frame(frame));
    if (this.#decoder.ignoredBytes > NOISE_BYTES_MAX) {
      this.#close(new RingsideError("bad_request", { message: "This does not speak gdb's remote protocol" }));
      return;
    }
    this.wake();
    if (this.#acksOwed > 0) {
      const owed = this.#acksOwed;
      this.#acksOwed = 0;
      this.#transport.send(owed === 1 ? ACK : Buffer.alloc(owed, ACK_BYTE));
    }
  }

  #frame(frame: Frame): void {
    switch (frame.kind) {
      case "packet":
        if (this.#acks === "sent") this.#acksOwed += 1;
        if (frame.payload === "QStartNoAckMode") this.#acks = "off";
        this.#keep(frame.payload);
        break;
      case "interrupt":
        this.#keepInterrupt();
        break;
      case "nak":
        this.#sendAgain();
        break;
      case "damaged":
        this.#damaged(frame.why === "too_long" ? "frame_too_large" : "bad_request", frame.why);
        break;
      case "ack":
      case "notification":
        break;
      default:
        frame satisfies never;
    }
  }

  #keep(payload: string): void {
    this.#pending.push(payload);
    this.#pendingBytes += payload.length;
    if (this.#pendingBytes > PENDING_BYTES_MAX) this.#close(new RingsideError("frame_too_large"));
  }

  /** Ctrl-C after Ctrl-C says nothing new. */
  #keepInterrupt(): void {
    const waits = this.#pending.length > this.#taken;
    if (!waits || this.#pending.at(-1) !== CTRL_C) this.#pending.push(CTRL_C);
  }

  #sendAgain(): void {
    this.#naks += 1;
    if (this.#naks > NAKS_MAX)
      this.#close(new RingsideError("bad_request", { message: "Too many packets were damaged" }));
    else if (this.#lastFrame.length > 0) this.#transport.send(this.#lastFrame);
  }

  #damaged(code: "frame_too_large" | "bad_request", why: string): void {
    if (this.#acks === "sent" && code === "bad_request") this.#transport.send(NAK);
    else this.#close(new RingsideError(code, { message: `A packet is damaged: ${why}` }));
  }

  #takePending(): void {
    for (let turn = 0; this.#taken < this.#pending.length && this.#reading !== "closed"; turn += 1) {
      const next = this.#pending[this.#taken];
      if (next === undefined) break;
      if (!this.#mayTake(next)) {
        this.#peer.packetWaits();
        break;
      }
      if (turn >= PACKETS_PER_TURN_MAX) {
        this.#pump = "later";
        setImmediate(() => {
          this.#pump = "idle";
          this.wake();
        });
        break;
      }
      this.#taken += 1;
      this.#pendingBytes -= next === CTRL_C ? 0 : next.length;
      if (next === CTRL_C) this.#peer.interrupt();
      else this.#take(next);
    }
    // A client that always sends on may never see its queue empty.
    if (this.#taken >= PENDING_PACKETS_MAX || this.#taken === this.#pending.length) {
      this.#pending.splice(0, this.#taken);
      this.#taken = 0;
    }
  }

  #take(sent: string): void {
    const payload = this.#ids.fromGdb(sent);
    this.#unanswered = payload;
    const answer = this.#files?.answer(payload) ?? null;
    if (answer === null) this.#peer.packet(payload);
    else void this.#replyLater(answer);
  }

  async #replyLater(answer: Promise<string>): Promise<void> {
    this.#readsFile = true;
    const payload = await answer;
    this.#readsFile = false;
    if (this.#reading === "closed") return;
    this.reply(payload);
    this.wake();
  }

  #mayTake(next: Pending): boolean {
    if (next === CTRL_C) return true;
    if (this.#readsFile) return false;
    return this.#peer.takesPackets && this.#transport.unsentBytes <= GDB_UNSENT_BYTES_MAX;
  }

  #readOrPause(): void {
    const waiting = this.#pending.length - this.#taken;
    if (this.#reading === "on" && waiting >= PENDING_PACKETS_MAX) {
      this.#reading = "off";
      this.#transport.pause();
    } else if (this.#reading === "off" && waiting < PENDING_PACKETS_MAX / 2) {
      this.#reading = "on";
      this.#transport.resume();
    }
  }
}
