import { type Ahead, type BundleHead, type NearMessage, type Page, TEXT_CHARS_MAX } from "@ringside/link";
import { bytesOfHex, parsePacket } from "@ringside/rsp";
import type { RingsideError } from "@ringside/shared";
import type { AheadWish, StepsTaken } from "../hub/ahead/log.ts";
import type { Conversation } from "../hub/conversation.ts";
import type { Debugger, DebuggerSeat, StoppedView } from "../hub/debugger.ts";
import {
  AHEAD_PAGES_MAX,
  BUNDLE_MS,
  BUNDLE_MS_MAX,
  BUNDLE_PAGES_MAX,
  CHASE_PAGES_MAX,
  LINK_PACKETS_PER_TURN_MAX,
  LINK_RTT_SMALL_MS,
} from "../limits.ts";
import { listAll } from "../policy/threads.ts";
import { aheadOf, asGiven, gatherAhead } from "./ahead-pages.ts";
import { Budget } from "./budget.ts";
import { type BundleView, gatherBundle } from "./bundle.ts";
import { ClientReads } from "./client-reads.ts";
import { isMemory } from "./guest-memory.ts";
import type { LinkPort } from "./link-port.ts";
import { chaseList } from "./list-chase.ts";
import { addressesAt, placeRegisters } from "./place-registers.ts";
import { ReadAhead } from "./read-ahead.ts";
import { StopPages } from "./stop-pages.ts";

/** What the near agent waits for. */
type Request =
  | { readonly kind: "attach"; readonly id: number; readonly awaits: boolean }
  | {
      readonly kind: "packets";
      readonly id: number;
      readonly packets: readonly string[];
      /** The last is a step, and more of the same are likely to follow. */
      readonly ahead: AheadWish | null;
      readonly done: number;
      /** Whether the hub has the packet after those. */
      readonly asked: boolean;
      readonly said: readonly string[];
    }
  | { readonly kind: "read"; readonly id: number; readonly pages: readonly string[]; readonly asked: boolean };

interface Bundle {
  readonly registers: string | null;
  readonly threads: string | null;
  readonly pages: readonly Page[];
  /** Steps that were taken ahead. */
  readonly ahead: Ahead | null;
}

const SAID_MAX = 64;
const NO_BUNDLE: Bundle = { registers: null, threads: null, pages: [], ahead: null };
const LETS_RUN: ReadonlySet<string> = new Set(["resume", "vCont", "reverse", "vAttach"]);

/**
 * One gdb behind a near agent, as the hub's debugger: carries out the link's requests one after the other, and sends
 * with each stop what gdb will ask for next.
 */
export class LinkedGdb implements Debugger {
  readonly #seat: DebuggerSeat;
  readonly #port: LinkPort;
  readonly #reads = new ClientReads();
  readonly #ahead = new ReadAhead();
  /** The machine's CPUs do not change. */
  readonly #threads: { list: string | null } = { list: null };
  #request: Request | null;
  #stopReply = "";
  #stackPointer: bigint | null = null;
  #addresses: "linux" | "physical" = "linux";
  #pages: StopPages;
  /** Registers after each of the steps ahead. */
  #standings: readonly string[] = [];
  /** Read for the answer that follows. */
  #bundle: Bundle | null = null;
  /** Whether the near agent holds anything that may become untrue. */
  #gave = false;
  #pump: "idle" | "busy" = "idle";

  /** @param attach the request that is answered once the machine stands */
  constructor(seat: DebuggerSeat, port: LinkPort, attach: { readonly id: number; readonly awaits: boolean }) {
    this.#seat = seat;
    this.#port = port;
    this.#request = { kind: "attach", ...attach };
    this.#pages = this.#nothingKnown();
  }

  /** True where the next request may come. */
  get isFree(): boolean {
    return this.#request === null;
  }

  /** Takes a request; only where isFree. */
  take(message: Extract<NearMessage, { readonly type: "packets" | "read" }>): void {
    this.noted(message.noted);
    const { id } = message;
    if (message.type === "read") this.#request = { kind: "read", id, pages: message.pages, asked: false };
    else {
      const packets = [...message.first, message.last];
      const ahead = message.ahead ?? null;
      this.#request = { kind: "packets", id, packets, ahead, done: 0, asked: false, said: [] };
    }
    this.#goOn();
  }

  /** gdb has taken only so many of the steps ahead; only where isFree. */
  back(taken: StepsTaken, noted: readonly string[]): void {
    this.noted(noted);
    const registers = this.#standings[taken.took - 1];
    if (registers !== undefined) this.#stackPointer = placeRegisters(this.#seat.arch, registers).sp;
    this.#standings = [];
    this.#pages = this.#nothingKnown();
    this.#ahead.reset();
    this.#seat.back(taken);
  }

  noted(payloads: readonly string[]): void {
    if (payloads.length === 0) return;
    this.#reads.noted(payloads);
    this.#seat.noted(payloads);
  }

  interrupt(): void {
    this.#seat.interrupt();
  }

  /** gdb has hung up, or the link has broken off: nothing is answered any more. */
  left(why: string, how: "hung up" | "broke off"): void {
    this.#request = null;
    this.#seat.left(why, how);
  }

  reply(payload: string): void {
    const request = this.#request;
    if (request?.kind === "attach") {
      this.#stopReply = payload;
      this.#attached(request.id);
    } else if (request?.kind === "packets" && request.asked) {
      this.#replied(request, payload);
      this.#goOn();
    }
  }

  wake(): void {
    const request = this.#request;
    if (request?.kind === "attach" && !request.awaits && this.#stopReply !== "") this.#attached(request.id);
    else this.#goOn();
  }

  changed(): void {
    this.#stackPointer = null;
    this.#pages = this.#nothingKnown();
    this.#ahead.reset();
    this.#bundle = null;
    if (!this.#gave) return;
    this.#gave = false;
    this.#port.tell({ type: "changed" });
  }

  say(text: string): void {
    this.#port.tell({ type: "said", text: text.slice(0, TEXT_CHARS_MAX) });
  }

  end(error: RingsideError): void {
    const request = this.#request;
    this.#request = null;
    if (request !== null) this.#answerWithError(request, error);
    this.#port.end(error);
  }

  *describe(view: StoppedView): Conversation<void> {
    const request = this.#request;
    const wrote = request?.kind === "packets" && !letsRun(request.packets[request.done] ?? "");
    if (!wrote) {
      this.#reads.stopped(view.stepped);
      this.#stopReply = view.stopReply;
    }
    this.#ahead.reset();
    const { arch } = this.#seat;
    this.#stackPointer = placeRegisters(arch, view.registers).sp;
    this.#addresses = addressesAt(arch, view.registers);
    const pages = this.#nothingKnown();
    this.#pages = pages;
    this.#standings = view.ahead?.steps.map(({ registers }) => registers) ?? [];
    if (this.#threads.list === null) yield* listAll(this.#threads);
    if (view.ahead != null) {
      const placed = yield* gatherAhead(view.ahead, this.#reads.lastStop, pages);
      const { registers } = view;
      const ahead = aheadOf(view.ahead, placed);
      this.#bundle = { registers, threads: this.#threads.list, pages: asGiven(placed), ahead };
      return;
    }
    const kind = this.#isNearby
      ? wrote
        ? "nearby write"
        : "nearby"
      : wrote
        ? "write"
        : view.stepped
          ? "step"
          : "stop";
    const bundle: BundleView = {
      ...{ arch, kind, pages },
      stop: view,
      reads: this.#reads,
      budget: this.#budget(BUNDLE_PAGES_MAX),
    };
    yield* gatherBundle(bundle);
    const { registers } = view;
    this.#bundle = { registers, threads: this.#threads.list, pages: asPages(pages.takeFresh()), ahead: null };
  }

  /** Others would run beside a thread that steps. */
  get #hasOneThread(): boolean {
    return this.#threads.list !== null && !this.#threads.list.includes(",");
  }

  get #isNearby(): boolean {
    const { roundTripMs } = this.#port;
    return roundTripMs !== null && roundTripMs <= LINK_RTT_SMALL_MS;
  }

  /** Guesses may take a part of what a wrong one costs. */
  #budget(pages: number): Budget {
    const roundTripMs = this.#port.roundTripMs ?? 2 * BUNDLE_MS_MAX;
    const ms = Math.max(BUNDLE_MS, Math.min(roundTripMs / 2, BUNDLE_MS_MAX));
    return new Budget(pages, ms, () => this.#port.nowMs());
  }

  #nothingKnown(): StopPages {
    return new StopPages((page) => isMemory(this.#seat, page, this.#stackPointer, this.#addresses));
  }

  #goOn(): void {
    if (this.#pump === "busy") return;
    this.#pump = "busy";
    let turns = 0;
    while (turns < LINK_PACKETS_PER_TURN_MAX && this.#askNext()) turns += 1;
    this.#pump = "idle";
    if (turns === LINK_PACKETS_PER_TURN_MAX) setImmediate(() => this.#goOn());
  }

  /** Gives the hub what comes next of the request. @returns whether something was given */
  #askNext(): boolean {
    const request = this.#request;
    if (request === null || request.kind === "attach" || request.asked) return false;
    if (!this.#seat.takesPackets) {
      this.#seat.packetWaits();
      return false;
    }
    if (request.kind === "packets") this.#askPacket(request);
    else this.#askPages(request);
    return true;
  }

  #askPacket(request: Extract<Request, { readonly kind: "packets" }>): void {
    const payload = request.packets[request.done] ?? "";
    const asked = { ...request, asked: true };
    this.#request = asked;
    this.#bundle = null;
    const isLast = request.done === request.packets.length - 1;
    this.#seat.packet(payload, isLast && this.#hasOneThread && request.ahead !== null ? request.ahead : undefined);
    // gdb waits for no answer to `k`; the near agent waits for one to everything.
    if (payload === "k" && this.#request === asked) this.#replied(asked, "");
  }

  #replied(request: Extract<Request, { readonly kind: "packets" }>, payload: string): void {
    const line = /^O(?:[0-9a-f]{2})+$/.test(payload) ? bytesOfHex(payload.slice(1)) : null;
    const done = request.done + 1;
    if (line !== null) {
      const said = [...request.said, Buffer.from(line, "latin1").toString("utf8").slice(0, TEXT_CHARS_MAX)];
      this.#request = { ...request, said: said.slice(-SAID_MAX) };
    } else if (payload === "OK" && done < request.packets.length) {
      this.#request = { ...request, done, asked: false };
    } else {
      this.#request = null;
      const bundle = this.#takeBundle();
      const { id, said } = request;
      const ahead = bundle?.ahead == null ? {} : { ahead: bundle.ahead };
      const bundleHead = headOf(bundle);
      this.#port.answer(
        { type: "answer", id, payload, said: [...said], bundle: bundleHead, ...ahead },
        bundle?.pages ?? [],
      );
    }
  }

  #askPages(request: Extract<Request, { readonly kind: "read" }>): void {
    const asked = { ...request, asked: true };
    this.#request = asked;
    const pages = this.#pages;
    this.#seat.read(this.#readPages(asked.pages, pages), () => {
      if (this.#request !== asked) return;
      this.#request = null;
      // What the machine has run over, or did not run for, is not given.
      this.#gavePages(asked, pages === this.#pages ? pages : this.#nothingKnown());
      this.#goOn();
    });
  }

  *#readPages(asked: readonly string[], pages: StopPages): Conversation<void> {
    const wanted = asked.map(addressOf).toSorted((a, b) => (a < b ? -1 : 1));
    yield* pages.readAll(wanted);
    const [missed] = wanted;
    if (missed !== undefined && pages.get(missed) !== null) {
      const { reads } = this.#reads;
      const pointerBytes = this.#seat.arch === "x86_64" ? 8 : 4;
      yield* chaseList({ reads, missed, pages, pointerBytes, budget: this.#budget(CHASE_PAGES_MAX) });
      yield* this.#ahead.after(wanted, !this.#isNearby, pages, this.#budget(AHEAD_PAGES_MAX));
    }
    this.#reads.missed(wanted);
  }

  #gavePages({ id, pages: asked }: Extract<Request, { readonly kind: "read" }>, pages: StopPages): void {
    const given = new Map(asPages(pages.takeFresh()).map((page) => [page.at, page]));
    for (const at of asked) {
      const bytes = pages.get(addressOf(at));
      if (bytes !== null) given.set(at, { at, bytes });
    }
    const missing = [...new Set(asked)].filter((at) => !given.has(at));
    if (given.size > 0) this.#gave = true;
    this.#port.answer({ type: "pages", id, pages: [], missing }, [...given.values()]);
  }

  #attached(id: number): void {
    this.#request = null;
    const bundle = this.#takeBundle() ?? NO_BUNDLE;
    const features = Object.fromEntries(this.#seat.features);
    const stop = this.#stopReply;
    this.#port.answer({ type: "attached", id, stop, features, bundle: headOf(bundle) }, bundle.pages);
  }

  #takeBundle(): Bundle | null {
    const bundle = this.#bundle;
    this.#bundle = null;
    if (bundle !== null) this.#gave = true;
    return bundle;
  }

  #answerWithError(request: Request, { code, message }: RingsideError): void {
    const { kind, id } = request;
    const text = message.slice(0, TEXT_CHARS_MAX);
    switch (kind) {
      case "attach":
        this.#port.answer({ type: "refused", id, code, message: text }, []);
        break;
      case "packets":
        this.#port.answer({ type: "answer", id, payload: `E.${code}: ${text}`, said: [], bundle: null }, []);
        break;
      case "read":
        this.#port.answer({ type: "pages", id, pages: [], missing: [...new Set(request.pages)] }, []);
        break;
      default:
        kind satisfies never;
    }
  }
}

function headOf(bundle: Bundle): BundleHead;
function headOf(bundle: Bundle | null): BundleHead | null;
function headOf(bundle: Bundle | null): BundleHead | null {
  return bundle === null ? null : { registers: bundle.registers, threads: bundle.threads, pages: [] };
}

const letsRun = (payload: string): boolean => LETS_RUN.has(parsePacket(payload).kind);
const addressOf = (at: string): bigint => BigInt(`0x${at}`);

function asPages(fresh: ReturnType<StopPages["takeFresh"]>): readonly Page[] {
  return fresh.map(({ page, bytes }) => ({ at: page.toString(16), bytes }));
}
