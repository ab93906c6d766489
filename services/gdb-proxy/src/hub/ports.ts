import type { NewTraceEvent } from "@ringside/trace";

/** What the Hub acts through. A port that throws leaves the Hub to reset(). */
export interface HubPorts {
  /** Opens the stub's socket; then connected() or reset() and the debuggers' end follow. */
  connectStub(): void;
  dropStub(): void;
  toStub(payload: string): void;
  interruptStub(): void;
  /** What standStill() asked for has come about. Nothing is sent to the stub until goOn() or sleep(). */
  stoodStill(): void;
  /** Somebody wants the machine that sleeps: rejoin() or the debuggers' end follow. */
  wakeMachine(): void;
  /** @throws RingsideError trace_full, storage_full */
  record(event: NewTraceEvent): void;
  /** What was recorded is safe when this returns. @throws RingsideError storage_full */
  flush(): void;
  nowMs(): number;
  /** Calls `act` after other work of this process has had its turn. */
  soon(act: () => void): void;
  /** Calls `act` after a time, unless it is taken back. */
  after(ms: number, act: () => void): { cancel(): void };
  /** A line for those who watch the console. */
  announce(text: string): void;
  /** `user` wants a fresh machine in place of this one. */
  resetWanted(user: string): void;
  /** Types at the console; what is typed is recorded there. */
  type(connection: number, text: string): void;
}
