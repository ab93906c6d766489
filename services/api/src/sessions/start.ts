import { parametersSchema } from "@ringside/shared";
import type { Transaction } from "../database/database.ts";
import type { Session } from "../generated/client.ts";
import { putStartJob } from "../outbox/outbox.ts";

/** Leaves the job in the outbox that gives a session's present epoch a machine, for the cell that it names, if any. */
export async function putSessionStart(tx: Transaction, session: Session): Promise<void> {
  await putStartJob(tx, session.startCell, {
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
    state: session.startState,
    notAfterMs: session.notAfter.getTime(),
  });
}
