import { GLANCE_IDLE_MS, GLANCE_MS } from "../limits.ts";
import type { AttachedDebugger } from "./attached-debugger.ts";
import type { HubPorts } from "./ports.ts";

/**
 * A machine that runs for its driver stands for a moment where somebody else must be told a stop: gdb asks for
 * registers and memory then, and cannot do without. The moment ends when it has asked for nothing for a while.
 */
export class Glances {
  readonly #ports: Pick<HubPorts, "nowMs" | "after">;
  readonly #over: () => void;
  readonly #until = new Map<AttachedDebugger, { readonly beganMs: number; askedMs: number }>();
  #timer: { cancel(): void } | null = null;

  /** @param over a glance has ended */
  constructor(ports: HubPorts, over: () => void) {
    this.#ports = ports;
    this.#over = over;
  }

  get isOn(): boolean {
    return this.#until.size > 0;
  }

  begin(one: AttachedDebugger): void {
    const nowMs = this.#ports.nowMs();
    this.#until.set(one, { beganMs: nowMs, askedMs: nowMs });
    this.#timer ??= this.#ports.after(GLANCE_IDLE_MS, () => this.#look());
  }

  /** It has asked for something. */
  asked(one: AttachedDebugger): void {
    const glance = this.#until.get(one);
    if (glance !== undefined) glance.askedMs = this.#ports.nowMs();
  }

  /** It waits for a stop again, or has gone. */
  end(one: AttachedDebugger): void {
    this.#until.delete(one);
    if (!this.isOn) this.#stop();
  }

  clear(): void {
    this.#until.clear();
    this.#stop();
  }

  #look(): void {
    this.#timer = null;
    const nowMs = this.#ports.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [one, { beganMs, askedMs }] of this.#until) {
      const endMs = Math.min(beganMs + GLANCE_MS, askedMs + GLANCE_IDLE_MS);
      if (endMs <= nowMs) this.#until.delete(one);
      else nextMs = Math.min(nextMs, endMs);
    }
    if (this.isOn) this.#timer = this.#ports.after(Math.ceil(nextMs - nowMs), () => this.#look());
    else this.#over();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
