import { ReplayMachine, type ReplayOptions, TemplateFault, within } from "@ringside/emulator";
import { parsePacket, registersOf } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import type { ReplayScript, ReplayStep } from "@ringside/trace";
import { REPLAY_RUN_MS, REPLAY_SNAPSHOTS_MAX, REPLAY_STUB_MS, REPLAY_WAYPOINTS_COUNT } from "../limits.ts";
import { StubLink } from "./stub-link.ts";
import { type JournalWrite, WriteJournal } from "./write-journal.ts";

/** Whether going backwards shall work: it costs a snapshot at each place where the debugger wrote. */
export type Directions = "forward" | "both";

export interface OpenOptions extends ReplayOptions {
  readonly directions: Directions;
}

/** What gdb is told where it can go no further. */
const STOPPED = "T05thread:01;";
/** The snapshot before a restless place, taken anew for each. */
const WAY = "way";
const INTERRUPTED = "T02";

/**
 * A recorded machine that runs again, its writes with it: at each place where the recorded debugger wrote registers
 * or memory, the same packet is sent to the stub before the machine runs on.
 */
export class ReplayedSession implements AsyncDisposable {
  readonly machine: ReplayMachine;
  readonly link: StubLink;
  readonly #journal: WriteJournal;
  readonly #directions: Directions;
  /** The last event that the trace knows a place of: nobody goes further. */
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  /** Program counters of the recorded stops at a place, in order: hex. */
  readonly #counters = new Map<number, string[]>();
  #interrupted = false;
  /** It stands at a restless place, only to be looked at: to run on it goes back to before that. */
  #glance: Glance | null = null;
  #afterwards: () => Promise<void> = async () => undefined;

  private constructor(machine: ReplayMachine, link: StubLink, script: ReplayScript, options: OpenOptions) {
    this.machine = machine;
    this.link = link;
    this.#journal = new WriteJournal(script.steps.filter((step) => step.kind === "write"));
    this.#directions = options.directions;
    this.#end = script.steps.at(-1)?.icount ?? 0;
    const { arch } = options.template;
    for (const step of script.steps) {
      const pc =
        step.kind === "stop" ? registersOf(arch, step.registers).get(arch === "x86_64" ? "rip" : "eip") : undefined;
      if (pc === undefined) continue;
      this.#counters.set(step.icount, [...(this.#counters.get(step.icount) ?? []), pc.toString(16)]);
    }
    this.#signal = options.signal;
  }

  /**
   * Starts the machine; it stands before its first instruction.
   * @throws RingsideError `trace_damaged` where QEMU takes the log or the template not
   */
  static async open(script: ReplayScript, options: OpenOptions): Promise<ReplayedSession> {
    try {
      return await ReplayedSession.#start(script, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const refused =
        error instanceof TemplateFault || (error instanceof RingsideError && error.code === "machine_gone");
      if (!refused) throw error;
      const message = `QEMU does not start from the log and its template: ${error.message}`;
      throw new RingsideError("trace_damaged", { message, cause: error });
    }
  }

  static async #start(script: ReplayScript, options: OpenOptions): Promise<ReplayedSession> {
    const machine = await ReplayMachine.start(options);
    try {
      const link = await StubLink.open(machine.stub, options.signal);
      return new ReplayedSession(machine, link, script, options);
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Runs forward to an instruction count, writing what is due on the way but not what is due there.
   * @throws RingsideError `trace_damaged` where the recording has no such place
   */
  async goTo(icount: number): Promise<void> {
    for (;;) {
      if ((await this.#icount()) === icount) return;
      await this.#rise();
      const at = await this.#icount();
      await this.writeDue(at);
      const write = this.#journal.next();
      const restless = this.machine.restless.get(icount);
      if (write !== null && write < icount) await this.#overWrite(write, at);
      else if (restless === undefined) await this.#runTo(icount);
      else if (at < restless.before) await this.#runTo(restless.before);
      else await this.#glanceAt(icount);
    }
  }

  /** Goes nearer to the place of a write, or, where it must not stand there, over it. */
  async #overWrite(write: number, at: number): Promise<void> {
    const halt = this.#haltFor(write);
    // In a trace that makes sense it lies ahead; runTo says where it does not.
    if (at < halt || at >= write) await this.#runTo(halt);
    else {
      await this.#toItsEnd(write);
      await this.writeDue(write);
    }
  }

  /** Where to stop for what is written at a place: there, or before it where it is restless. */
  #haltFor(write: number): number {
    return this.machine.restless.get(write)?.before ?? write;
  }

  async #runTo(icount: number): Promise<void> {
    if ((await this.machine.runTo(icount, this.#patience())) === "ended") throw endsBefore(icount);
    await this.#stopReply();
  }

  /** Goes on to a restless place, for a look. */
  async #glanceAt(icount: number): Promise<void> {
    await this.machine.snapshot(WAY, this.#signal);
    this.#glance = { icount, way: this.#journal.place };
    await this.#runTo(icount);
  }

  /** Goes back to before the restless place where it stands, if it does. */
  async #rise(): Promise<void> {
    const glance = this.#glance;
    if (glance === null) return;
    this.#glance = null;
    if (glance.way === null) {
      const before = this.machine.restless.get(glance.icount)?.before ?? 0;
      await this.machine.seek(before, this.#patience());
      await this.#stopReply();
      this.#journal.wentBackTo(before);
    } else {
      await this.machine.restore(WAY, this.#signal);
      this.#journal.backTo(glance.way);
    }
  }

  /**
   * Goes to the end of a restless place: an interrupt that is due there has been taken. Where no
   * recorded stop tells how that looks, an instruction further. What is written there stays.
   * @param icount of a restless place; the machine stands before it
   */
  async #toItsEnd(icount: number): Promise<void> {
    const counters = this.#counters.get(icount) ?? [];
    const pc = this.#isInterruptedAt(icount) ? counters.find((counter) => counter !== counters[0]) : counters[0];
    if (pc === undefined) await this.#runTo(icount + 1);
    else await this.#runOnto(pc, icount + 1);
  }

  #isInterruptedAt(icount: number): boolean {
    return this.machine.restless.get(icount)?.interrupted === true;
  }

  /** Runs until `pc` (hex) is next, at most to an instruction count. */
  async #runOnto(pc: string, icount: number): Promise<void> {
    const place = `1,${pc},1`;
    await this.link.ask(`Z${place}`, this.#signal);
    await this.machine.breakAt(icount, this.#signal);
    await this.#run("c");
    await this.link.ask(`z${place}`, this.#signal);
    await this.machine.breakAt(null, this.#signal);
  }

  /**
   * Goes to an event: to the last stop at or before it, with what the debugger wrote there before the event. Without
   * such a stop it stays at the beginning. Gives the instruction count.
   */
  async goToEvent(steps: readonly ReplayStep[], seq: number): Promise<number> {
    const stop = steps.findLast((step) => step.kind === "stop" && step.seq <= seq);
    if (stop === undefined) return 0;
    for (let i = 1; i < REPLAY_WAYPOINTS_COUNT; i += 1) {
      await this.#waypoint(Math.floor((stop.icount * i) / REPLAY_WAYPOINTS_COUNT));
    }
    await this.goTo(stop.icount);
    await this.writeDue(stop.icount, seq);
    return stop.icount;
  }

  /** Runs to the recording's end, past its last known place. */
  async finish(): Promise<void> {
    await this.#rise();
    await this.writeDue(await this.#icount());
    for (let write = this.#journal.next(); write !== null; write = this.#journal.next()) {
      await this.#overWrite(write, await this.#icount());
      await this.writeDue(await this.#icount());
    }
    await this.machine.runToEnd(this.#patience());
  }

  /** Sends the writes that are due at `icount`, where the machine stands; only those before an event, where one is given. */
  async writeDue(icount: number, beforeSeq?: number): Promise<void> {
    const due = this.#journal.due(icount, beforeSeq);
    for (const write of due) await this.#write(write);
    this.#journal.done(due);
    // What is only looked at cannot run on: no way back may lead over it.
    if (due.length > 0 && this.#glance === null) await this.#keep(icount);
  }

  /** The `g` reply. */
  registers(): Promise<string> {
    return this.link.ask("g", this.#signal);
  }

  /**
   * Runs forward as a debugger says (`c`, `s`, `vCont;…`) and gives the stop reply: of a breakpoint, a step or an
   * interrupt of the debugger's own, never of a place where a recorded write was due. At the end of what the trace
   * knows it stands still.
   */
  async forward(payload: string): Promise<string> {
    this.#interrupted = false;
    const stoodAt = this.#glance?.icount ?? null;
    if (stoodAt !== null && stoodAt >= this.#end) return STOPPED;
    for (;;) {
      await this.#rise();
      const at = await this.#icount();
      await this.writeDue(at);
      if (at >= this.#end) return STOPPED;
      const write = this.#journal.next();
      // A step goes on from where gdb saw it stand, however far back it had to begin.
      const isBehind = isStep(payload) && stoodAt !== null && at < stoodAt;
      if (write !== null && this.#haltFor(write) <= at) {
        await this.#overWrite(write, at);
        const isOnTheWay = isBehind && write < stoodAt;
        if (isStep(payload) && !isOnTheWay && this.#isInterruptedAt(write)) return STOPPED;
        continue;
      }
      if (isBehind && write !== null && write < stoodAt) {
        await this.#runTo(this.#haltFor(write));
        continue;
      }
      if (isBehind) {
        if (this.#isInterruptedAt(stoodAt)) await this.#toItsEnd(stoodAt);
        else await this.#runTo(stoodAt + 1);
        return STOPPED;
      }
      const stopAt = Math.min(write === null ? this.#end : this.#haltFor(write), this.#end);
      await this.machine.breakAt(stopAt, this.#signal);
      const reply = await this.#run(payload);
      const now = await this.#icount();
      const ours = reply.startsWith(INTERRUPTED) && !this.#interrupted && now === stopAt && now < this.#end;
      // After an instruction it stands at the beginning of a place, at a breakpoint at its end.
      if (isStep(payload) && now > at) this.#glanceWhereItStands(now);
      if (!ours) return reply;
      if (isStep(payload)) return STOPPED;
    }
  }

  /**
   * Runs backward as a debugger says (`bs`, `bc`) and gives the stop reply; at the beginning it stands still.
   * @throws RingsideError `conflict` where writes cannot be gone back past
   */
  async backward(payload: string): Promise<string> {
    if (this.#glance?.way != null) this.#journal.backTo(this.#glance.way);
    if (!this.#journal.canGoBack) {
      const message = `the recorded debugger wrote at too many places: this replay cannot go back past them`;
      throw new RingsideError("conflict", { message });
    }
    if ((await this.#icount()) === 0) return STOPPED;
    this.#glance = null;
    const reply = await this.#run(payload);
    const at = await this.#icount();
    this.#journal.wentBackTo(at);
    this.#glanceWhereItStands(at);
    return reply;
  }

  /**
   * Where the machine stands, several moments have the same count of instructions: an interrupt that is taken changes
   * registers but runs no instruction. Goes on to the one at which `pc` (hex) is next, if it is still to come, with
   * what was written there before an event.
   * @returns whether there is one
   */
  async settleAt(pc: string, beforeSeq: number): Promise<boolean> {
    const at = await this.#icount();
    await this.#rise();
    await this.#runOnto(pc, at + 1);
    if ((await this.#icount()) !== at) return false;
    await this.writeDue(at, beforeSeq);
    return true;
  }

  /** Stops a forward run. */
  interrupt(): void {
    this.#interrupted = true;
    this.link.interrupt();
  }

  /** Does this, too, once the machine has ended. */
  atEnd(act: () => Promise<void>): void {
    this.#afterwards = act;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.link[Symbol.dispose]();
    await this.machine[Symbol.asyncDispose]();
    await this.#afterwards();
  }

  /** From here on the way back is short. */
  async #waypoint(icount: number): Promise<void> {
    const place = this.machine.restless.get(icount)?.before ?? icount;
    if ((await this.#icount()) > place) return;
    await this.goTo(place);
    await this.#keep(place);
  }

  /** Takes a snapshot of the machine, which stands at `icount`; too many are not taken, and none twice: that is slow. */
  async #keep(icount: number): Promise<void> {
    const what = this.#journal.snapshotAt(icount);
    if (this.#directions === "forward" || what === "known") return;
    if (what === "new" && this.#journal.snapshots >= REPLAY_SNAPSHOTS_MAX) return;
    await this.machine.snapshot(`at-${icount}`, this.#signal);
    this.#journal.kept(icount);
  }

  /** It came here without a snapshot of before. */
  #glanceWhereItStands(icount: number): void {
    if (this.machine.restless.has(icount)) this.#glance = { icount, way: null };
  }

  #icount(): Promise<number> {
    return this.machine.icount(this.#signal);
  }

  async #write(write: JournalWrite): Promise<void> {
    const answer = await this.link.ask(write.data, this.#signal);
    if (answer === "OK") return;
    const message = `the recorded write of event ${write.seq} is not taken: the stub says ${JSON.stringify(answer)}`;
    throw new RingsideError("trace_damaged", { message });
  }

  async #run(payload: string): Promise<string> {
    const patience = this.#patience();
    let stopped = false;
    this.link.send(payload);
    const reply = this.link.next().finally(() => {
      stopped = true;
    });
    reply.catch(() => undefined);
    await this.machine
      .poke(() => stopped, patience)
      .catch(async (error) => {
        // Whoever debugs sees where it stands still.
        if (!(error instanceof RingsideError) || error.code !== "trace_damaged") throw error;
        this.interrupt();
      });
    return await reply;
  }

  /** The stub tells its client of each stop, also of those that we made past it. */
  async #stopReply(): Promise<void> {
    await within(
      this.link.next(),
      { timeoutMs: REPLAY_STUB_MS, signal: this.#signal },
      "the stub",
      "machine_unresponsive",
    );
  }

  #patience(): AbortSignal {
    const limit = AbortSignal.timeout(REPLAY_RUN_MS);
    return this.#signal === undefined ? limit : AbortSignal.any([this.#signal, limit]);
  }
}

interface Glance {
  readonly icount: number;
  /** What the journal said where the snapshot WAY was taken; null where there is none and QEMU seeks one of its own. */
  readonly way: number | null;
}

/** A step that ends where we stop the machine, too, is over. */
function isStep(payload: string): boolean {
  const packet = parsePacket(payload);
  if (packet.kind === "resume") return packet.action === "step";
  return packet.kind === "vCont" && packet.actions.some(({ action }) => action === "step");
}

const endsBefore = (icount: number) =>
  new RingsideError("trace_damaged", { message: `the log ends before instruction ${icount}, where the trace goes on` });
