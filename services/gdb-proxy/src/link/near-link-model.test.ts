import {
  encodeFrame,
  type FarMessage,
  type NearMessage,
  PAGE_BYTES,
  PageReceiver,
  pageHeadsOf,
  readFar,
} from "@ringside/link";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TransportEvents } from "../client/transport.ts";
import { GuestModel } from "../testing/guest-model.ts";
import { SeatModel } from "../testing/seat-model.ts";
import type { LinkTransport } from "./link-port.ts";
import { type Hello, NearLink } from "./near-link.ts";

const PAGE = BigInt(PAGE_BYTES);
const RAM = 0xffff_8880_0100_0000n;
const CODE = 0xffff_ffff_8100_0000n;
const hello: Hello = {
  ...{ type: "hello", session: "s", user: "u", role: "driver", arch: "x86_64" },
  ...{ offer: "", resumes: "vCont;c" },
};

/** What a test does to find out whether it would notice. */
type Fault = "none" | "not read anew after a stop" | "not told of another's write";

/** A link without a WebSocket, and the pages that a near agent holds because of it. */
class Held {
  readonly guest = new GuestModel();
  readonly seat: SeatModel;
  readonly pages = new Map<string, Uint8Array>();
  /** Bytes that the near agent would give to gdb and that are not the guest's. */
  wrong = 0;
  readonly #receiver = new PageReceiver();
  readonly #fault: Fault;
  #events: TransportEvents | null = null;
  #nextId = 1;
  answers = 0;

  constructor(roundTripMs: number, fault: Fault = "none") {
    this.#fault = fault;
    this.guest.map(RAM, 24);
    this.guest.map(CODE, 4);
    this.guest.registers.set("rip", CODE + 0x800n).set("rsp", RAM + 0x100n);
    this.seat = new SeatModel(this.guest);
    const transport: LinkTransport = {
      via: "websocket",
      unsentBytes: 0,
      roundTripMs,
      start: (events) => {
        this.#events = events;
      },
      send: (bytes) => this.#arrives(Buffer.from(bytes)),
      pause: () => undefined,
      resume: () => undefined,
      end: (error) => {
        throw error;
      },
    };
    const attach = async (debuggerOf: Parameters<SeatModel["attach"]>[0]) => this.seat.attach(debuggerOf);
    new NearLink(transport, { hello, attach, closed: () => undefined, nowMs: () => 0 }).start();
  }

  async attach(): Promise<void> {
    this.#send({ type: "attach", id: this.#id(), again: null });
    await new Promise((resolve) => setImmediate(resolve));
  }

  read(pages: readonly number[], noted: readonly string[]): void {
    const named = pages.map((n) => (RAM + BigInt(n) * PAGE).toString(16));
    this.#send({ type: "read", id: this.#id(), noted: [...noted], pages: named });
  }

  /** The guest runs, and its memory changes; then it stops. */
  run(changes: readonly Change[], stepped: boolean): void {
    this.pages.clear();
    this.#send({ type: "packets", id: this.#id(), noted: [], first: [], last: stepped ? "s" : "vCont;c" });
    if (this.#fault === "not read anew after a stop") {
      this.seat.stop("T05thread:01;", stepped);
      this.#change(changes);
      return;
    }
    this.#change(changes);
    this.seat.stop("T05thread:01;", stepped);
  }

  write(page: number, offset: number, value: number): void {
    this.pages.clear();
    const at = RAM + BigInt(page) * PAGE + BigInt(offset);
    const last = `M${at.toString(16)},1:${value.toString(16).padStart(2, "0")}`;
    this.#send({ type: "packets", id: this.#id(), noted: [], first: [], last });
  }

  /** Somebody else writes. */
  othersWrite(changes: readonly Change[]): void {
    this.#change(changes);
    if (this.#fault !== "not told of another's write") this.seat.debugger.changed();
  }

  /** Compares all that is held with the guest's memory. */
  check(): void {
    for (const [at, bytes] of this.pages) {
      const truth = this.guest.pages.get(BigInt(`0x${at}`));
      if (truth === undefined || Buffer.compare(truth, bytes) !== 0) this.wrong += 1;
    }
  }

  #change(changes: readonly Change[]): void {
    for (const { page, offset, value } of changes) {
      const bytes = this.guest.pages.get(RAM + BigInt(page) * PAGE);
      if (bytes !== undefined) bytes[offset] = value;
    }
  }

  #id(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  #send(message: NearMessage): void {
    this.#events?.data(encodeFrame(message));
  }

  #arrives(data: Buffer): void {
    const { message, bytes } = readFar(data);
    const pages = this.#receiver.take(pageHeadsOf(message), bytes);
    if (forgets(message)) this.pages.clear();
    for (const page of pages) this.pages.set(page.at, page.bytes);
    if ("id" in message) this.answers += 1;
  }
}

/** Whether nothing that was known before is true after a message. */
const forgets = (message: FarMessage): boolean =>
  message.type === "changed" || (message.type === "answer" && message.bundle !== null);

interface Change {
  readonly page: number;
  readonly offset: number;
  readonly value: number;
}

const page = fc.nat({ max: 23 });
const change = fc.record({
  page,
  offset: fc.nat({ max: PAGE_BYTES - 1 }),
  value: fc.integer({ min: 1, max: 255 }),
});
const changes = fc.array(change, { maxLength: 6 });
const noted = fc.array(
  page.map((n) => `m${(RAM + BigInt(n) * PAGE + 8n).toString(16)},8`),
  { maxLength: 4 },
);
const action = fc.oneof(
  fc.record({
    do: fc.constant("read" as const),
    pages: fc.uniqueArray(page, { minLength: 1, maxLength: 4 }),
    noted,
  }),
  fc.record({ do: fc.constant("run" as const), changes, stepped: fc.boolean() }),
  fc.record({ do: fc.constant("write" as const), change }),
  fc.record({ do: fc.constant("others write" as const), changes }),
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function perform(held: Held, one: Action): void {
  switch (one.do) {
    case "read":
      held.read(one.pages, one.noted);
      break;
    case "run":
      held.run(one.changes, one.stepped);
      break;
    case "write":
      held.write(one.change.page, one.change.offset, one.change.value);
      break;
    case "others write":
      held.othersWrite(one.changes);
      break;
    default:
      one satisfies never;
  }
}

async function play(held: Held, actions: readonly Action[]): Promise<void> {
  await held.attach();
  held.check();
  for (const one of actions) {
    perform(held, one);
    held.check();
  }
}

/** An action that is sure to show a fault. */
const revealing: readonly Action[] = [
  { do: "read", pages: [3], noted: [] },
  { do: "run", stepped: false, changes: [] },
  { do: "run", stepped: false, changes: [{ page: 3, offset: 9, value: 250 }] },
  { do: "read", pages: [5], noted: [] },
  { do: "others write", changes: [{ page: 5, offset: 9, value: 251 }] },
];

describe("what a near agent holds", () => {
  it.each([100, 0.2])("is the guest's memory, whatever was done, at a round trip of %s ms", async (roundTripMs) => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const held = new Held(roundTripMs);
        await play(held, actions);
        expect(held.wrong).toBe(0);
        expect(held.seat.faults).toEqual([]);
        const asked = actions.filter((one) => one.do !== "others write").length;
        expect(held.answers).toBe(asked + 1);
      }),
      { numRuns: 60 },
    );
  });

  it.each(["not read anew after a stop", "not told of another's write"] as const)(
    "is found to be wrong where it was %s",
    async (fault) => {
      const held = new Held(100, fault);
      await play(held, revealing);
      expect(held.wrong).toBeGreaterThan(0);
    },
  );
});
