import assert from "node:assert/strict";
import { type Back, type FarMessage, FIRST_PACKETS_MAX, type NearMessage, READ_PAGES_MAX } from "@ringside/link";
import { parsePacket, parseStopReply } from "@ringside/rsp";
import { NEAR_PAGE_ROUNDS_MAX } from "../limits.ts";
import { Breakpoints } from "./breakpoints.ts";
import { hexLine, Knowledge } from "./knowledge.ts";
import { Noted } from "./noted.ts";
import type { Pages } from "./page-cache.ts";
import { type Effect, type Plan, planOf, type Read, replyAs } from "./plan.ts";
import { isAskedWhileStepping, StepsAhead } from "./steps-ahead.ts";
import type { Verification } from "./verification.ts";

/** Where the agent's words go. None of them may call back before it returns, but for `wake`. */
export interface AgentPorts {
  /** A packet's payload for gdb. */
  toGdb(payload: string): void;
  toCell(message: NearMessage): void;
  /** A line for the person at the terminal. */
  say(line: string): void;
  /** gdb's next packet may be taken. */
  wake(): void;
  /** gdb is to be let go. */
  hangUp(): void;
  /** A request's number, greater than all before it over the same link. */
  nextId(): number;
  /** Where files are served from this side. */
  readonly files: AgentFiles | null;
}

interface AgentFiles {
  /** What it adds to the answer to qSupported. */
  readonly offer: string;
  /** Answers `vFile` and `qXfer:exec-file` by fileAnswered(), in its own time. */
  ask(payload: string): void;
}

/** A packet of gdb's that is not answered yet. */
interface Pending {
  readonly payload: string;
  readonly effect: Effect;
  /** What was asked of the cell; null while only pages are. */
  readonly last: Read | null;
  /** Of the request on the way; 0 where none is. */
  readonly id: number;
  /** What went before it. */
  readonly first: readonly string[];
  /** Times that its pages were asked for. */
  readonly rounds: number;
  /** --verify-reads: what gdb will be told. */
  readonly local: string | null;
}

/**
 *   down ──opened──► attaching ──attached──► up ──lost──► down
 *                        └─refused─► over ◄── giveUp, gdb has let go and the link breaks off
 */
type LinkState =
  | { readonly kind: "down" }
  | { readonly kind: "attaching"; readonly id: number }
  | { readonly kind: "up" }
  | { readonly kind: "over"; readonly why: string };

type Hello = Extract<FarMessage, { type: "hello" }>;

const FATE_UNKNOWN = "E.the link broke off: whether this was carried out is not known";

/**
 * The near agent for one gdb, between its packets and the link's messages: answers what is known of this stop, asks
 * the cell for the rest, one request at a time, and outlives the link. Knows nothing of sockets.
 */
export class NearAgent {
  readonly #ports: AgentPorts;
  readonly #verification: Verification | null;
  readonly #breakpoints = new Breakpoints();
  readonly #noted: Noted;
  readonly #steps = new StepsAhead();
  /** What a new link must tell of them. */
  #back: readonly Back[] = [];
  #hello: Hello | null = null;
  #knowledge = new Knowledge("x86_64");
  #features: Readonly<Record<string, string>> = {};
  #link: LinkState = { kind: "down" };
  #pending: Pending | null = null;
  /** `attached` has been heard for this gdb. */
  #wasAttached = false;
  /** gdb has sent `D` and has not attached again. */
  #detached = false;
  /** A Ctrl-C has been sent since the last packet. */
  #interrupted = false;
  /** The registers when the link broke off, where gdb did not wait for a stop. */
  #before: string | null = null;
  /** The `Hg` that a new link's stub has not heard yet. */
  #chooseAgain: string | null = null;

  /** @param verification where every read that is answered here is asked of the cell, too */
  constructor(ports: AgentPorts, verification: Verification | null) {
    this.#ports = ports;
    this.#verification = verification;
    this.#noted = new Noted((noted) => ports.toCell({ type: "noted", noted: [...noted] }));
  }

  /** True where packet() may be called. */
  get takesPackets(): boolean {
    return this.#pending === null && (this.#link.kind === "up" || this.#link.kind === "over");
  }

  /** gdb waits for the machine to stop: only then, and in monitor commands, may it be told lines. */
  get waitsForStop(): boolean {
    return this.#pending?.effect === "resume";
  }

  /** A packet's payload from gdb. One reply follows, but for `k`. */
  packet(payload: string): void {
    assert(this.takesPackets, "one packet at a time");
    if (this.#link.kind === "over") {
      this.#ports.toGdb(`E.${this.#link.why}`);
      this.#ports.hangUp();
      return;
    }
    this.#interrupted = false;
    this.#steps.heard(payload);
    const steps = this.#steps.take(payload, this.#breakpoints);
    const last = steps?.at(-1);
    if (steps && last) {
      for (const step of steps) this.#knowledge.stepped(step);
      this.#noted.add(payload);
      this.#answer(last.stop);
      return;
    }
    if (!isAskedWhileStepping(payload)) this.#goBack();
    this.#work(payload, 0);
  }

  /** gdb's Ctrl-C. The cell keeps one that finds the machine stopped for a moment. */
  interrupt(): void {
    if (this.#interrupted || this.#link.kind === "over") return;
    this.#interrupted = true;
    this.#goBack();
    if (this.#link.kind !== "down") this.#ports.toCell({ type: "interrupt" });
  }

  /** gdb has hung up. The link serves the next one. */
  gdbLeft(): void {
    this.#goBack();
    if (this.#link.kind === "up" || this.#link.kind === "attaching") {
      this.#ports.toCell({ type: "left", noted: this.#noted.take() });
    }
    this.#link = { kind: "over", why: "gdb has hung up" };
    this.#pending = null;
  }

  /** What a packet about files came to. @param reply null where the cell is to be asked */
  fileAnswered(payload: string, reply: string | null): void {
    if (this.#pending?.payload !== payload || this.#pending.effect !== "file") return;
    if (reply !== null) this.#answer(reply);
    else if (this.#link.kind === "up") this.#ask(payload, { payload, as: "itself" }, "ask", null);
    else this.#pending = { ...this.#pending, effect: "ask" };
  }

  /** A link is there: takes gdb to it, for the first time or again. */
  opened(hello: Hello): void {
    if (this.#link.kind === "over") return;
    assert(this.#link.kind === "down", "one link at a time");
    const again = this.#wasAttached;
    if (!again) this.#knowledge = new Knowledge(hello.arch);
    this.#hello = hello;
    const id = this.#ports.nextId();
    this.#link = { kind: "attaching", id };
    const running = this.waitsForStop;
    const awaits = running ? (this.#pending?.payload ?? null) : null;
    const inserted = [...this.#breakpoints.inserted(running)];
    const back = this.#back.length === 0 ? {} : { back: [...this.#back] };
    this.#ports.toCell({ type: "attach", id, again: again ? { inserted, awaits, ...back } : null });
    if (again && running && this.#interrupted) this.#ports.toCell({ type: "interrupt" });
  }

  /** The link has broken off. What gdb waits for is kept for the next one, but for a write. */
  lost(): void {
    if (this.#link.kind === "over" || this.#link.kind === "down") return;
    this.#link = { kind: "down" };
    this.#before ??= this.#knowledge.registers;
    this.#knowledge.drop();
    const pending = this.#pending;
    this.#back = this.#steps.broke();
    if (this.#detached || pending?.effect === "kill") this.giveUp("the link to the machine broke off");
    else if (pending?.effect === "write") this.#answer(FATE_UNKNOWN);
    else if (pending !== null) this.#pending = { ...pending, id: 0 };
  }

  /** There will be no link any more. @param why for gdb's user */
  giveUp(why: string): void {
    if (this.#link.kind === "over") return;
    this.#link = { kind: "over", why };
    if (this.#pending !== null) {
      this.#answer(`E.${why}`);
      this.#ports.hangUp();
    } else if (this.#wasAttached) {
      this.#ports.hangUp();
    } else {
      this.#ports.wake();
    }
  }

  /** A message of the cell, with the pages that its bytes held. */
  received(message: FarMessage, pages: Pages): void {
    switch (message.type) {
      case "hello":
        break;
      case "attached":
        if (this.#link.kind === "attaching" && this.#link.id === message.id) this.#attached(message, pages);
        break;
      case "refused":
        if (this.#link.kind === "attaching" && this.#link.id === message.id) {
          this.giveUp(`${message.code}: ${message.message}`);
        }
        break;
      case "answer":
        for (const line of message.said) this.#tell(line, isMonitor(this.#pending?.payload ?? ""));
        if (this.#pending?.id === message.id) this.#answered(this.#pending, message, pages);
        break;
      case "pages":
        if (this.#pending?.id !== message.id) break;
        this.#steps.answered(null);
        this.#knowledge.addPages(pages, message.missing);
        this.#work(this.#pending.payload, this.#pending.rounds);
        break;
      case "changed":
        this.#steps.drop();
        this.#knowledge.resumed();
        break;
      case "said":
        this.#tell(message.text, false);
        break;
      default:
        message satisfies never;
    }
  }

  #attached(message: Extract<FarMessage, { type: "attached" }>, pages: Pages): void {
    const running = this.waitsForStop;
    const choice = running ? null : this.#knowledge.choice;
    this.#link = { kind: "up" };
    this.#wasAttached = true;
    this.#features = message.features;
    this.#steps.drop();
    this.#back = [];
    this.#breakpoints.restored(running);
    this.#knowledge.resumed();
    this.#knowledge.set(message.bundle, pages, message.stop);
    if (choice !== null) this.#knowledge.choose(choice);
    this.#chooseAgain = choice === null ? null : `Hg${choice}`;
    if (!running && this.#before !== null && this.#before !== message.bundle.registers) {
      this.#ports.say("The machine has run while the link was broken: what gdb shows is old until the next stop.");
    }
    this.#before = null;
    const pending = this.#pending;
    if (pending === null) this.#ports.wake();
    else if (running) this.#answer(message.stop);
    else if (pending.effect !== "file") this.#work(pending.payload, pending.rounds);
  }

  /** The machine is taken back to where gdb sees it, before anything else is asked. */
  #goBack(): void {
    const back = this.#steps.back();
    if (back !== null && this.#link.kind === "up") {
      this.#ports.toCell({ type: "back", ...back, noted: this.#noted.take() });
    }
  }

  #work(payload: string, rounds: number): void {
    const plan = this.#planOf(payload, rounds);
    if (plan.kind !== "answer") this.#goBack();
    switch (plan.kind) {
      case "answer":
        if (this.#verification !== null && plan.read !== null) {
          this.#ask(payload, plan.read, "ask", plan.reply);
        } else {
          this.#noted.add(payload);
          this.#answer(plan.reply);
        }
        break;
      case "pages": {
        const id = this.#ports.nextId();
        this.#pending = { payload, id, effect: "ask", last: null, first: [], rounds: rounds + 1, local: null };
        const wanted = plan.pages.slice(0, READ_PAGES_MAX);
        this.#ports.toCell({ type: "read", id, noted: this.#noted.take(), pages: wanted });
        break;
      }
      case "packets":
        this.#ask(payload, plan.last, plan.effect, null);
        break;
      case "file":
        this.#pending = { payload, id: 0, effect: "file", last: null, first: [], rounds, local: null };
        this.#ports.files?.ask(payload);
        break;
      default:
        plan satisfies never;
    }
  }

  #planOf(payload: string, rounds: number): Plan {
    assert(this.#hello, "attached after hello");
    return planOf(payload, {
      hello: this.#hello,
      features: this.#features,
      knowledge: this.#knowledge,
      breakpoints: this.#breakpoints,
      detached: this.#detached,
      files: this.#ports.files?.offer ?? null,
      pagesMayBeAsked: rounds < NEAR_PAGE_ROUNDS_MAX,
    });
  }

  #ask(payload: string, last: Read, effect: Effect, local: string | null): void {
    // What gdb inserts or removes at the cell must find there what it believes to be there.
    const carries = effect === "resume" || effect === "insert";
    const first = carries ? [...this.#breakpoints.difference()] : [];
    if (effect !== "resume" && this.#chooseAgain !== null) first.unshift(this.#chooseAgain);
    this.#chooseAgain = null;
    if (first.length > FIRST_PACKETS_MAX) {
      this.#answer("E.too many breakpoints");
      return;
    }
    // A monitor command that has changed anything says so with a bundle.
    if (effect === "resume" || (effect === "write" && !isMonitor(payload))) this.#knowledge.drop();
    const id = this.#ports.nextId();
    // Where all reads are asked twice, each is to find the machine where it says.
    const wish = this.#verification === null ? this.#steps.ask(payload) : null;
    const ahead = wish === null ? {} : { ahead: wish };
    this.#pending = { payload, id, effect, last, first, rounds: 0, local };
    this.#ports.toCell({ type: "packets", id, noted: this.#noted.take(), first, last: last.payload, ...ahead });
  }

  #answered(pending: Pending, message: Extract<FarMessage, { type: "answer" }>, pages: Pages): void {
    const reply = message.payload;
    const stopped = pending.effect === "resume" && parseStopReply(reply) !== null;
    if (stopped || (pending.effect === "insert" && reply === "OK")) this.#breakpoints.carried();
    else if (pending.first.length > 0) this.#breakpoints.failed();
    if (stopped) {
      this.#detached = false;
      this.#knowledge.resumed();
    }
    const ahead = stopped ? (message.ahead ?? null) : null;
    this.#steps.answered(ahead);
    if (message.bundle !== null && ahead !== null) this.#knowledge.setAhead(message.bundle, pages, reply, ahead);
    else if (message.bundle !== null) this.#knowledge.set(message.bundle, pages, stopped ? reply : null);
    else if (stopped) this.#knowledge.stoppedAt(reply);
    this.#learn(pending, reply);
    if (pending.local !== null)
      this.#verification?.compare(pending.payload, pending.local, this.#asAsked(pending, reply));
    this.#answer(pending.local ?? this.#asAsked(pending, reply));
  }

  #asAsked({ last }: Pending, reply: string): string {
    return replyAs(last?.as ?? "itself", reply);
  }

  /** What the cell's answer to a packet tells of the time after it. */
  #learn({ payload }: Pending, reply: string): void {
    const packet = parsePacket(payload);
    switch (packet.kind) {
      case "Z":
      case "z":
        this.#breakpoints.told(packet, payload, reply);
        break;
      case "H":
        if (reply === "OK" && packet.operation === "g") this.#knowledge.choose(packet.thread);
        break;
      case "g":
        this.#knowledge.addRegisters(reply);
        break;
      case "D":
      case "vKill":
        if (reply !== "OK") break;
        this.#detached = true;
        this.#breakpoints.clear();
        this.#knowledge.resumed();
        break;
      default:
        break;
    }
  }

  /** gdb's packet is answered; its next one may come. */
  #answer(reply: string): void {
    const silent = this.#pending?.effect === "kill";
    this.#pending = null;
    if (!silent) this.#ports.toGdb(reply);
    this.#ports.wake();
  }

  #tell(line: string, toMonitor: boolean): void {
    if (this.waitsForStop || toMonitor) this.#ports.toGdb(`O${hexLine(line)}`);
    else this.#ports.say(line);
  }
}

const isMonitor = (payload: string): boolean => payload.startsWith("qRcmd");
