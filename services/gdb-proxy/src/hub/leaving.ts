import type { OnDisconnect } from "@ringside/shared";
import { RECONNECT_MS } from "../limits.ts";
import type { AttachedDebugger } from "./attached-debugger.ts";
import type { BreakpointLedger } from "./ledger.ts";
import type { HubPorts } from "./ports.ts";

/** Why a machine stands that nobody drives. */
type StandsFor = "the lab's policy" | "who may come back" | "a breakpoint" | "its first driver";

/**
 * What a driver leaves behind who hung up without a word (gdb's `disconnect`, a crash, a line that broke off): the
 * breakpoints, for RECONNECT_MS, and a machine that runs on or stands by the lab's policy. Where one of those
 * breakpoints is hit meanwhile, the machine stands there. The next driver takes over; after the time is up the
 * breakpoints are removed, and a machine that stood at one runs on.
 */
export class Leaving {
  readonly #ports: Pick<HubPorts, "after">;
  readonly #ledger: BreakpointLedger;
  readonly #policy: OnDisconnect;
  readonly #over: () => void;
  /** Connections whose breakpoints are still wanted. */
  readonly #left = new Map<number, { cancel(): void }>();
  /** The new driver has come: what was left is removed when it first lets the machine run. */
  readonly #takenOver = new Set<number>();
  #standsFor: StandsFor | null = null;
  #keeps = true;

  /** @param over the time of one who left is up */
  constructor(ports: HubPorts, ledger: BreakpointLedger, policy: OnDisconnect, over: () => void) {
    this.#ports = ports;
    this.#ledger = ledger;
    this.#policy = policy;
    this.#over = over;
  }

  /** True where a machine that nobody drives stands. */
  get stands(): boolean {
    return this.#standsFor !== null;
  }

  /** True where breakpoints of one who left are wanted still, and nobody has taken them over. */
  get waits(): boolean {
    return this.#left.size > 0;
  }

  /**
   * A debugger has hung up.
   * @param stood the machine stood for it, and nobody else drives
   */
  left(one: AttachedDebugger, { stood, mayReturn }: { readonly stood: boolean; readonly mayReturn: boolean }): void {
    const { connection } = one;
    const keeps = this.#keeps && one.role === "driver" && !one.detached;
    if (keeps) {
      const timer = this.#ports.after(RECONNECT_MS, () => this.#timeIsUp(connection));
      this.#left.set(connection, timer);
    } else {
      this.#ledger.unwantAll(connection);
    }
    if (!stood) return;
    if (this.#policy === "stay") this.#standsFor = "the lab's policy";
    else if (mayReturn && keeps) this.#standsFor = "who may come back";
  }

  /** A stop with nobody to drive: at a breakpoint that was left. */
  stoppedThere(): void {
    this.#standsFor ??= "a breakpoint";
  }

  /** It has not executed anything since power-on, and nobody drives it yet. */
  waitsAtPowerOn(): void {
    this.#standsFor ??= "its first driver";
  }

  /** A driver has come. @returns whether the machine stands at a breakpoint that was left */
  driverCame(): boolean {
    for (const [connection, timer] of this.#left) {
      timer.cancel();
      this.#takenOver.add(connection);
    }
    this.#left.clear();
    this.#keeps = true;
    const isThere = this.#standsFor === "a breakpoint";
    this.#standsFor = null;
    return isThere;
  }

  /** The new driver lets the machine run, or goes. */
  driverGoesOn(): void {
    for (const connection of this.#takenOver) this.#ledger.unwantAll(connection);
    this.#takenOver.clear();
  }

  /** Somebody has let the machine run. */
  ran(): void {
    if (this.#standsFor === "its first driver") this.#standsFor = null;
  }

  /** The machine shall run, whatever was left. One that waits for its first driver was not left. */
  runOn(): void {
    if (this.#standsFor !== "its first driver") this.#standsFor = null;
  }

  /** Nothing is left behind any more: neither now nor, where `forGood`, until another driver has come. */
  forget(forGood: boolean): void {
    if (forGood) this.#keeps = false;
    for (const [connection, timer] of this.#left) {
      timer.cancel();
      this.#ledger.unwantAll(connection);
    }
    this.#left.clear();
    this.driverGoesOn();
    this.#nobodyMayComeBack();
  }

  #timeIsUp(connection: number): void {
    this.#left.delete(connection);
    this.#ledger.unwantAll(connection);
    this.#nobodyMayComeBack();
    this.#over();
  }

  #nobodyMayComeBack(): void {
    if (this.#standsFor === "who may come back" || this.#standsFor === "a breakpoint") this.#standsFor = null;
  }
}
