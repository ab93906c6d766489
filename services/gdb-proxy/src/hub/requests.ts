import { parseConditions, parsePacket } from "@ringside/rsp";
import { NOTED_PACKET_CHARS_MAX, NOTED_PACKETS_MAX } from "@ringside/trace";
import { BREAKPOINTS_MAX, NOTED_CHARS_MAX } from "../limits.ts";
import type { Decision, PolicyView } from "../policy/decision.ts";
import { monitorReply } from "../policy/monitor.ts";
import { decide } from "../policy/table.ts";
import type { AheadWish } from "./ahead/log.ts";
import type { StepsBack } from "./ahead/steps-back.ts";
import { type AttachedDebugger, RUN_ON, type Run } from "./attached-debugger.ts";
import type { Conversation } from "./conversation.ts";
import type { AttachedBefore } from "./debugger.ts";
import { journalled } from "./journal.ts";
import type { Leaving } from "./leaving.ts";
import type { Orders } from "./orders.ts";
import type { HubParts, Telling } from "./telling.ts";

export interface RequestsParts extends HubParts {
  readonly leaving: Leaving;
  readonly orders: Orders;
  readonly telling: Telling;
  readonly stepsBack: StepsBack;
  isPaused(): boolean;
  /** What was asked may let the machine run, or stop it. */
  settle(): void;
  /** The stub has been asked, and the machine stands. */
  stands(): void;
  takeHold(): void;
}

/** What debuggers ask: decided by the policy, carried out one after the other, in turns. */
export class Requests {
  readonly #parts: RequestsParts;
  readonly #sinceMs: number;
  #waking: "no" | "yes" | "again" = "no";

  constructor(parts: RequestsParts) {
    this.#parts = parts;
    this.#sinceMs = parts.ports.nowMs();
  }

  /** True where a debugger's packet can be carried out or answered now. */
  takes(one: AttachedDebugger): boolean {
    const { seats, stub } = this.#parts;
    if (!seats.has(one) || one.isArriving || one.awaitsStop) return false;
    switch (stub.state.kind) {
      case "stopped":
        return true;
      case "running":
      case "interrupting":
      case "stepping":
      case "parked":
        // It runs without this one, whose questions are answered without the stub.
        return one.detached || seats.driver !== one;
      default:
        return false;
    }
  }

  /** Lets those who wait be served, the one who was served last coming last. */
  wake(takes: (one: AttachedDebugger) => boolean): void {
    if (this.#waking !== "no") {
      this.#waking = "again";
      return;
    }
    try {
      do {
        this.#waking = "yes";
        for (const one of this.#parts.seats.all) if (takes(one)) one.debugger.wake();
      } while (this.#hasMore);
    } finally {
      this.#waking = "no";
    }
  }

  get #hasMore(): boolean {
    return this.#waking === "again";
  }

  packet(one: AttachedDebugger, payload: string, ahead?: AheadWish): void {
    const { ports, seats, glances } = this.#parts;
    ports.record({ type: "gdb.packet", connection: one.connection, data: payload });
    glances.asked(one);
    seats.served(one);
    this.#carryOut(one, decide(payload, this.#view(one)), ahead);
  }

  read(one: AttachedDebugger, talk: Conversation<void>, done: () => void): void {
    const { seats, glances, stub, stands } = this.#parts;
    glances.asked(one);
    seats.served(one);
    if (stub.state.kind !== "stopped") {
      done();
      return;
    }
    stub.talk(talk, () => {
      done();
      stands();
    });
  }

  noted({ connection }: AttachedDebugger, payloads: readonly string[]): void {
    const { record } = this.#parts.ports;
    let packets: string[] = [];
    let chars = 0;
    const put = () => {
      if (packets.length > 0) record({ type: "gdb.noted", connection, packets });
      packets = [];
      chars = 0;
    };
    for (const payload of payloads) {
      const packet = payload.slice(0, NOTED_PACKET_CHARS_MAX);
      if (packets.length >= NOTED_PACKETS_MAX || chars + packet.length > NOTED_CHARS_MAX) put();
      packets.push(packet);
      chars += packet.length;
    }
    put();
  }

  /**
   * A debugger that was attached before goes on: with its breakpoints, and with the stop that it waits for.
   * @param isThere the machine stands where it has stopped meanwhile
   */
  carryOn(one: AttachedDebugger, { inserted, awaits }: AttachedBefore, isThere: boolean): void {
    for (const payload of inserted.slice(0, BREAKPOINTS_MAX)) this.#insertAgain(one, payload);
    if (awaits === null) return;
    const { ports, seats } = this.#parts;
    ports.record({ type: "gdb.packet", connection: one.connection, data: awaits });
    const decision = decide(awaits, this.#view(one));
    const run = decision.kind === "resume" ? runOf(decision) : RUN_ON;
    one.waitsAgain(seats.driver === one ? withoutAddress(run) : null);
    one.isBehind = isThere;
  }

  /** Recorded as what it is: a stop there is at a breakpoint of this connection. */
  #insertAgain(one: AttachedDebugger, payload: string): void {
    const packet = parsePacket(payload);
    const conditions = packet.kind === "Z" ? parseConditions(packet.extra) : null;
    if (packet.kind !== "Z" || conditions === null) return;
    const { connection } = one;
    const { record } = this.#parts.ports;
    one.breakpoints.want(packet, conditions);
    record({ type: "gdb.packet", connection, data: payload });
    record({ type: "gdb.reply", connection, data: "OK" });
  }

  #view(one: AttachedDebugger): PolicyView {
    const { known, seats, stub, ports, isPaused } = this.#parts;
    const { role, language, detached } = one;
    const asker = { role, language, detached, drives: seats.driver === one };
    return known.view(one, asker, stub.state.kind !== "stopped", () => ({
      session: known.machine.session,
      servedMs: ports.nowMs() - this.#sinceMs,
      isPaused: isPaused(),
      debuggers: seats.all.map((other) => ({
        ...{ user: other.user, role: other.role },
        ...{ drives: other === seats.driver, isAsker: other === one },
      })),
    }));
  }

  #carryOut(one: AttachedDebugger, decision: Decision, ahead?: AheadWish): void {
    const { ports, known, seats, stub, glances, leaving, orders, settle, takeHold } = this.#parts;
    switch (decision.kind) {
      case "answer":
        one.reply(decision.reply, decision.registers);
        break;
      case "refuse":
        ports.record({ type: "gdb.refused", connection: one.connection, why: decision.why });
        one.reply(decision.reply);
        break;
      case "ask":
        this.#ask(one, decision);
        break;
      case "resume":
        leaving.driverGoesOn();
        one.waitForStop(runOf(decision, ahead));
        settle();
        break;
      case "wait":
        one.waitForStop(null);
        one.isBehind = stub.state.kind === "stopped" && one.stopSeen !== known.stops;
        glances.end(one);
        settle();
        break;
      case "leave":
        this.#letGo(one, decision);
        break;
      case "attach":
        if (one.detached) one.holdAgain(seats.driver === one ? RUN_ON : null);
        else one.reply(known.stopReply, stub.state.kind === "stopped" ? known.stopRegisters : null);
        takeHold();
        break;
      case "order":
        one.reply(monitorReply(orders.carryOut(one, decision.order)));
        if (seats.driver === one) glances.end(one);
        settle();
        break;
      default:
        decision satisfies never;
    }
  }

  #letGo(one: AttachedDebugger, { reply, kills }: Extract<Decision, { kind: "leave" }>): void {
    const { known, seats, glances, leaving, orders, settle } = this.#parts;
    if (kills) orders.resetWanted(one);
    known.ledger.unwantAll(one.connection);
    glances.end(one);
    one.letGo(reply);
    if (seats.driver === one) {
      leaving.driverGoesOn();
      leaving.runOn();
    } else {
      one.sayFarewell();
    }
    settle();
  }

  #ask(one: AttachedDebugger, { talk, writes }: Extract<Decision, { kind: "ask" }>): void {
    const { known, stub, seats, telling, stepsBack, ports, stands } = this.#parts;
    const { machine, icount } = known;
    if (writes) stepsBack.drop();
    const asked = writes && machine.recording ? journalled(talk, icount, (event) => ports.record(event)) : talk;
    stub.talk(known.inThreadOf(one, asked), (reply) => {
      const answer = () => {
        // It may have gone meanwhile, and another may have come.
        if (seats.has(one)) one.reply(reply);
        stands();
      };
      if (writes) {
        known.ledger.memoryWritten();
        telling.changed(one.connection);
        telling.afterWrite(one, answer);
      } else {
        answer();
      }
    });
  }
}

const runOf = (decision: Extract<Decision, { kind: "resume" }>, ahead?: AheadWish): Run => {
  const { action, payload } = decision;
  const more = ahead === undefined ? {} : { ahead };
  if (action === "range") return { action, payload, start: decision.start, end: decision.end, ...more };
  return action === "step" ? { action, payload, ...more } : { action, payload };
};

/** It has gone there already. */
const withoutAddress = (run: Run): Run =>
  run.action === "range" ? run : { ...run, payload: run.payload.replace(/^([cs])[0-9a-f]+$/, "$1") };
