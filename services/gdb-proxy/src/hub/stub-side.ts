import { parseStopReply, type ResumeAction } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import { STUB_STRAY_PACKETS_MAX } from "../limits.ts";
import type { Conversation, Cut, Journey, Saying, Stride } from "./conversation.ts";
import type { HubPorts } from "./ports.ts";

export type StubState =
  | { readonly kind: "unconnected" }
  | { readonly kind: "connecting" }
  | { readonly kind: "talking"; readonly step: (reply?: string) => void }
  | { readonly kind: "stopped" }
  | { readonly kind: "running"; readonly action: ResumeAction }
  | { readonly kind: "stepping"; readonly travel: Travel }
  | { readonly kind: "interrupting"; readonly action: ResumeAction }
  | { readonly kind: "parked" }
  | { readonly kind: "asleep" }
  | { readonly kind: "gone" };

/** A journey under way: it waits for an answer, for a step to end (0x03 may have been sent), or for its turn. */
interface Travel {
  readonly advance: (reply: string) => void;
  readonly cut: Cut;
  waitsFor: "answer" | "step" | "interrupted step" | "turn";
}

/** How the machine came to stop: by itself, after one step, or while an interrupt of ours was under way. */
export type StoppedHow = "by itself" | "stepped" | "interrupted";

interface StubListener {
  stopped(reply: string, how: StoppedHow): void;
  /** The stub's error to a resume: the machine has not run. */
  didNotRun(error: string): void;
  exited(): void;
}

const isError = (payload: string): boolean => /^E..$/.test(payload);

/**
 * The Hub's side towards the stub. What is written keeps to QEMU's rules: while the machine runs nothing but
 * one 0x03, since any other byte would stop it and be swallowed. What lets it run is sent when all answers are there;
 * questions may be several under way, as conversations say.
 */
export class StubSide {
  readonly #ports: Pick<HubPorts, "connectStub" | "dropStub" | "toStub" | "interruptStub" | "soon">;
  readonly #listener: StubListener;
  #state: StubState = { kind: "unconnected" };
  #strays = 0;

  constructor(ports: HubPorts, listener: StubListener) {
    this.#ports = ports;
    this.#listener = listener;
  }

  get state(): StubState {
    return this.#state;
  }

  /** True while an answer of the stub is due at once. */
  get owesAnswer(): boolean {
    const state = this.#state;
    if (state.kind !== "stepping") return state.kind === "talking" || state.kind === "interrupting";
    return state.travel.waitsFor === "answer" || state.travel.waitsFor === "interrupted step";
  }

  connect(): void {
    this.drop();
    this.#state = { kind: "connecting" };
    this.#ports.connectStub();
  }

  /** Lets go of the stub, if there is a link. */
  drop(): void {
    this.#ports.dropStub();
    this.become("unconnected");
  }

  become(kind: "unconnected" | "stopped" | "parked" | "asleep" | "gone"): void {
    this.#state = { kind };
    if (kind === "unconnected") this.#strays = 0;
  }

  /** Runs a conversation with the stopped stub; `done` must leave the state for another. */
  talk<T>(conversation: Conversation<T>, done: (result: T) => void): void {
    const step = (reply = "") => {
      let next = conversation.next(reply);
      while (!next.done && this.#saysAhead(next.value)) next = conversation.next("");
      if (next.done) done(next.value);
    };
    this.#state = { kind: "talking", step };
    step();
  }

  /** Says what a conversation yields. @returns true where it is to go on without an answer */
  #saysAhead(saying: Saying): boolean {
    if (saying === null) return false;
    const isAhead = typeof saying !== "string";
    this.#ports.toStub(isAhead ? saying.ahead : saying);
    return isAhead;
  }

  /** Sends the machine on a journey; `done` must leave the state for another. */
  travel<T>(journeyOf: (cut: Cut) => Journey<T>, done: (result: T) => void): void {
    const cut: Cut = { wanted: false };
    const journey = journeyOf(cut);
    const advance = (reply: string) => {
      for (let given = reply; ; given = "") {
        const next = journey.next(given);
        if (next.done) {
          done(next.value);
          return;
        }
        if (!this.#strides(next.value, travel)) return;
      }
    };
    const travel: Travel = { advance, cut, waitsFor: "answer" };
    this.#state = { kind: "stepping", travel };
    advance("");
  }

  /** Does what a journey yields. @returns true where it is to go on at once */
  #strides(stride: Stride, travel: Travel): boolean {
    switch (stride.kind) {
      case "ask":
        travel.waitsFor = "answer";
        return this.#saysAhead(stride.payload);
      case "step":
        travel.waitsFor = "step";
        this.#ports.toStub(stride.payload);
        return false;
      case "rest":
        travel.waitsFor = "turn";
        this.#ports.soon(() => {
          if (this.#state.kind === "stepping" && this.#state.travel === travel) travel.advance("");
        });
        return false;
      default:
        return stride satisfies never;
    }
  }

  /** Ends the journey that is under way, after the step that is being taken. */
  cut({ cut, waitsFor }: Travel): void {
    cut.wanted = true;
    if (this.#state.kind !== "stepping" || waitsFor !== "step") return;
    this.#state.travel.waitsFor = "interrupted step";
    this.#ports.interruptStub();
  }

  resume(payload: string, action: ResumeAction): void {
    this.#state = { kind: "running", action };
    this.#ports.toStub(payload);
  }

  /** Stops the running machine. */
  interrupt(action: ResumeAction): void {
    this.#state = { kind: "interrupting", action };
    this.#ports.interruptStub();
  }

  /** A packet's payload from the stub. */
  packet(payload: string): void {
    const state = this.#state;
    if (state.kind === "talking") state.step(payload);
    else if (state.kind === "stepping") this.#whileStepping(state.travel, payload);
    else if (state.kind === "running" || state.kind === "interrupting") this.#whileRunning(state, payload);
    else this.stray();
  }

  stray(): void {
    this.#strays += 1;
    if (this.#strays > STUB_STRAY_PACKETS_MAX) {
      throw new RingsideError("machine_unresponsive", { message: "The machine's stub sends what nobody asked for" });
    }
  }

  #whileStepping({ advance, waitsFor }: Travel, payload: string): void {
    if (waitsFor === "turn") {
      this.stray();
      return;
    }
    if (waitsFor === "answer") {
      advance(payload);
      return;
    }
    const stop = parseStopReply(payload);
    if (stop !== null && stop.kind !== "signal") this.#listener.exited();
    else if (stop === null && !isError(payload)) this.stray();
    else advance(payload);
  }

  #whileRunning({ kind, action }: { readonly kind: string; readonly action: ResumeAction }, payload: string): void {
    const stop = parseStopReply(payload);
    if (stop === null && isError(payload)) this.#listener.didNotRun(payload);
    else if (stop === null) this.stray();
    else if (stop.kind !== "signal") this.#listener.exited();
    else if (kind === "interrupting") this.#listener.stopped(payload, "interrupted");
    else this.#listener.stopped(payload, action === "step" ? "stepped" : "by itself");
  }
}
