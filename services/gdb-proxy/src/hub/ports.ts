import type { NewTraceEvent } from "@ringside/trace";

/** What the Hub acts through. A port that throws leaves the Hub to reset(). */
export interface HubPorts {
  /** Opens the stub's socket; then connected() or reset() and the client's end follow. */
  connectStub(): void;
  dropStub(): void;
  toStub(payload: string): void;
  interruptStub(): void;
  toGdb(payload: string): void;
  /** The machine has gone. */
  closeGdb(): void;
  /** gdb's next packet may be taken now. */
  wake(): void;
  /** What standStill() asked for has come about. Nothing is sent to the stub until goOn() or sleep(). */
  stoodStill(): void;
  /** gdb wants the machine that sleeps: rejoin() or the client's end follow. */
  wakeMachine(): void;
  /** @throws RingsideError trace_full, storage_full */
  record(event: NewTraceEvent): void;
  nowMs(): number;
}
