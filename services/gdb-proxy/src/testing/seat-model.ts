import type { StepsTaken } from "../hub/ahead/log.ts";
import type { Debugger, DebuggerSeat } from "../hub/debugger.ts";
import type { GuestModel } from "./guest-model.ts";

/** The hub as one debugger of a link sees it, over a guest that stands still or runs as the test says. */
export class SeatModel implements DebuggerSeat {
  readonly connection = 1;
  readonly arch: GuestModel["arch"];
  readonly memoryMib = null;
  readonly features = new Map([["target.xml", "<target/>"]]);
  readonly guest: GuestModel;
  readonly packets: string[] = [];
  readonly notes: string[] = [];
  readonly calls: string[] = [];
  readonly faults: string[] = [];
  /** An observer's machine that somebody else runs: talks are not run. */
  runsElsewhere = false;
  /** The hub is busy: packets wait. */
  busy = false;
  #debugger: Debugger | null = null;
  #state: "attaching" | "stopped" | "running" = "attaching";

  constructor(guest: GuestModel) {
    this.guest = guest;
    this.arch = guest.arch;
  }

  get debugger(): Debugger {
    if (this.#debugger === null) throw new Error("no debugger was attached");
    return this.#debugger;
  }

  /** As MachineHub.attach: the machine stands at once. */
  attach(debuggerOf: (seat: DebuggerSeat) => Debugger, awaits = false): void {
    this.#debugger = debuggerOf(this);
    this.#state = awaits ? "running" : "stopped";
    if (awaits) return;
    this.describe("T05thread:01;", false);
    this.debugger.wake();
  }

  get takesPackets(): boolean {
    return this.#state === "stopped" && !this.busy;
  }

  packet(payload: string): void {
    if (!this.takesPackets) this.faults.push(`out of turn: ${payload}`);
    this.packets.push(payload);
    if (/^(?:vCont;|[cs])/.test(payload)) this.#state = "running";
    else if (payload.startsWith("M")) this.#write(payload);
    else if (payload !== "k") this.debugger.reply(this.#answer(payload));
  }

  back({ took }: StepsTaken): void {
    this.calls.push(`back: ${took}`);
  }

  read(...[talk, done]: Parameters<DebuggerSeat["read"]>): void {
    if (!this.takesPackets) this.faults.push("a read out of turn");
    this.calls.push("read");
    if (!this.runsElsewhere) this.guest.run(talk);
    done();
  }

  packetWaits(): void {
    this.calls.push("packetWaits");
  }

  interrupt(): void {
    this.calls.push("interrupt");
    this.stop("T02thread:01;");
  }

  noted(payloads: readonly string[]): void {
    this.notes.push(...payloads);
  }

  left(why: string, how = "hung up"): void {
    this.calls.push(`left: ${how}: ${why}`);
  }

  /** The machine stops. */
  stop(reply = "T05thread:01;", stepped = false): void {
    if (this.#state !== "running") return;
    this.#state = "stopped";
    this.describe(reply, stepped);
    this.debugger.reply(reply);
  }

  describe(stopReply: string, stepped: boolean): void {
    const talk = this.debugger.describe?.({ stopReply, registers: this.guest.g, stepped });
    if (talk !== undefined) this.guest.run(talk);
  }

  #write(payload: string): void {
    const [, address = "0", data = ""] = /^M([0-9a-f]+),[0-9a-f]+:([0-9a-f]*)$/.exec(payload) ?? [];
    const at = BigInt(`0x${address}`);
    this.guest.pages.get(at & ~0xfffn)?.write(data, Number(at & 0xfffn), "hex");
    this.describe("T05thread:01;", false);
    this.debugger.reply("OK");
  }

  #answer(payload: string): string {
    if (/^[ZzHDv]/.test(payload)) return payload.includes("bad") ? "E22" : "OK";
    return this.guest.answer(payload);
  }
}
