import {
  type BundleHead,
  type FarMessage,
  farMessageSchema,
  type NearMessage,
  nearMessageSchema,
  PAGE_BYTES,
} from "@ringside/link";
import { parsePacket, parseStopReply } from "@ringside/rsp";
import type { Pages } from "../page-cache.ts";
import { AHEAD_FAULTS, type AheadFault, ModelAhead } from "./model-ahead.ts";
import type { ModelStub } from "./model-stub.ts";

/** What a test plants to see whether its check would find it. */
export type Fault =
  | "none"
  /** A page of the bundle is as it was before the resume. */
  | "stale page"
  /** A page lacks its last change: one byte is wrong. */
  | "wrong byte"
  /** Registers are those of the stop before. */
  | "stale registers"
  /** Nothing is said of a write that another debugger has made. */
  | "silent write"
  | AheadFault;

type Sent = { readonly message: FarMessage; readonly pages: Pages };
type Role = Extract<FarMessage, { type: "hello" }>["role"];

const PAGE = BigInt(PAGE_BYTES);

/** A cell's end of the link over a ModelStub, whose packets' answers it gives like the policy would. */
export class ModelCell {
  readonly stub: ModelStub;
  /** Every message of the near agent. */
  readonly heard: NearMessage[] = [];
  /** Everything that was noted. */
  readonly noted: string[] = [];
  readonly #fault: Fault;
  readonly #ahead: ModelAhead;
  /** No other debugger is attached. */
  isAlone = true;
  readonly #before = new Map<string, Uint8Array>();
  #registersBefore: string;
  /** Held back until let(). */
  #held: Sent[] = [];

  constructor(stub: ModelStub, fault: Fault = "none") {
    this.stub = stub;
    this.#fault = fault;
    const planted = AHEAD_FAULTS.find((one) => one === fault);
    this.#ahead = new ModelAhead(stub, planted ?? null);
    this.#registersBefore = stub.registers();
  }

  hello(role: Role = "driver"): Extract<FarMessage, { type: "hello" }> {
    return {
      ...{ type: "hello", session: "ses_00000000000000000001", user: "usr_00000000000000000001", role, arch: "x86_64" },
      offer: "QStartNoAckMode+;qXfer:features:read+;vContSupported+;ConditionalBreakpoints+",
      resumes: "vCont;c;C;s;S;r",
    };
  }

  /** Takes a message; its answer is held until let(). */
  hear(near: NearMessage): void {
    const message = nearMessageSchema.parse(near);
    this.heard.push(message);
    if ("noted" in message) this.noted.push(...message.noted);
    switch (message.type) {
      case "attach":
        this.#attach(message.id, message.again);
        break;
      case "packets":
        this.#packets(message);
        break;
      case "read":
        this.#read(message.id, message.pages);
        break;
      case "back":
        this.#ahead.back(message);
        break;
      case "interrupt":
      case "noted":
      case "left":
        break;
      default:
        message satisfies never;
    }
  }

  /** The answers that are ready, in order. */
  let(): readonly Sent[] {
    const sent = this.#held;
    this.#held = [];
    return sent;
  }

  /** The link has broken off: what was on the way is lost. */
  cut(): void {
    this.#held = [];
  }

  /** Another debugger writes to memory. */
  otherWrites(): void {
    this.stub.packet("M2ff8,2:abcd");
    if (this.#fault !== "silent write") this.#send({ type: "changed" });
  }

  #attach(id: number, again: Extract<NearMessage, { type: "attach" }>["again"]): void {
    for (const back of again?.back ?? []) this.#ahead.back(back);
    for (const payload of again?.inserted ?? []) this.stub.packet(payload);
    const [bundle, pages] = this.#bundle();
    const stop = this.stub.stopReply;
    this.#send({ type: "attached", id, stop, features: { "target.xml": "<target/>" }, bundle }, pages);
  }

  #packets({ id, first, last, ahead }: Extract<NearMessage, { type: "packets" }>): void {
    for (const payload of first) {
      const { reply } = this.stub.packet(payload);
      if (reply !== "OK") {
        this.#send({ type: "answer", id, payload: reply, said: [], bundle: null });
        return;
      }
    }
    this.#remember();
    const { said, reply } = this.stub.packet(last);
    const changes = parseStopReply(reply) !== null || /^(?:[GPMX]|qRcmd)/.test(last);
    if (changes && parsePacket(last).kind !== "?") this.#ahead.drop();
    const mayGoOn = ahead !== undefined && this.isAlone && !this.stub.packet("qfThreadInfo").reply.includes(",");
    const gone =
      mayGoOn && parseStopReply(reply) !== null ? this.#ahead.goOn(ahead, () => this.#pageAddresses()) : null;
    const described = changes && !reply.startsWith("E") && parsePacket(last).kind !== "?";
    const [bundle, pages] = described ? this.#bundle() : [null, new Map<string, Uint8Array>()];
    const more = gone === null ? {} : { ahead: gone };
    this.#send({ type: "answer", id, payload: reply, said: [...said], bundle, ...more }, pages);
  }

  #read(id: number, wanted: readonly string[]): void {
    const pages = new Map<string, Uint8Array>();
    const missing: string[] = [];
    for (const at of wanted) {
      const page = this.stub.page(BigInt(`0x${at}`));
      if (page === null) missing.push(at);
      else pages.set(at, page);
    }
    const heads = [...pages.keys()].map((at) => ({ as: "full" as const, at }));
    this.#send({ type: "pages", id, pages: heads, missing }, pages);
  }

  /** How the machine stood before a packet that may change it. */
  #remember(): void {
    this.#registersBefore = this.stub.registers();
    for (const at of this.#pageAddresses()) {
      const page = this.stub.page(at);
      if (page !== null) this.#before.set(at.toString(16), page);
    }
  }

  #bundle(): [BundleHead, Pages] {
    const pages = new Map<string, Uint8Array>();
    for (const at of this.#pageAddresses()) {
      const name = at.toString(16);
      const page = this.stub.page(at);
      if (page === null) continue;
      const stale = this.#fault === "stale page" ? this.#before.get(name) : undefined;
      const wrong = this.#fault === "wrong byte" ? page.with(0xff8, (page[0xff8] ?? 0) ^ 1) : undefined;
      pages.set(name, stale ?? wrong ?? page);
    }
    const registers = this.#fault === "stale registers" ? this.#registersBefore : this.stub.registers();
    const threads = this.stub.packet("qfThreadInfo").reply;
    const heads = [...pages.keys()].map((at) => ({ as: "full" as const, at }));
    return [{ registers, threads: threads.startsWith("m") ? threads : null, pages: heads }, pages];
  }

  #pageAddresses(): readonly bigint[] {
    const { pc, sp } = this.stub;
    return [...new Set([pc - (pc % PAGE), sp - (sp % PAGE), 0x2000n])];
  }

  #send(message: FarMessage, pages: Pages = new Map()): void {
    this.#held.push({ message: farMessageSchema.parse(message), pages });
  }
}
