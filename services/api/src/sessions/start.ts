import { hintsSchema, parametersSchema, type StartJob } from "@ringside/shared";
import type { Transaction } from "../database/database.ts";
import type { Session } from "../generated/client.ts";
import { putStartJob } from "../outbox/outbox.ts";

type Startable = Pick<
  Session,
  | "id"
  | "epoch"
  | "userId"
  | "lab"
  | "image"
  | "memoryMib"
  | "parameters"
  | "record"
  | "cpuPercent"
  | "idleMinutes"
  | "onDisconnect"
  | "machineStart"
  | "startCell"
  | "startState"
  | "notAfter"
> & { readonly hints: unknown };

/** The job that gives a session's present epoch a machine. */
export function startJobOf(session: Startable): StartJob {
  return {
    session: session.id,
    epoch: session.epoch,
    user: session.userId,
    lab: session.lab,
    image: session.image,
    memoryMib: session.memoryMib,
    parameters: parametersSchema.parse(session.parameters),
    record: session.record,
    cpuPercent: session.cpuPercent,
    idleMinutes: session.idleMinutes,
    onDisconnect: session.onDisconnect,
    start: session.machineStart,
    hints: hintsSchema.parse(session.hints),
    state: session.startState,
    notAfterMs: session.notAfter.getTime(),
  };
}

/** Leaves that job in the outbox, for the cell that the session names, if any. */
export async function putSessionStart(tx: Transaction, session: Startable): Promise<void> {
  await putStartJob(tx, session.startCell, startJobOf(session));
}
