import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Session } from "@ringside/shared";
import { type NewTraceEvent, readTraceBytes, type SealSigner, TraceWriter } from "@ringside/trace";
import { type Bed, type Person, startSession, until } from "./bed.ts";
import type { FakeCell } from "./fake-cell.ts";
import { TEST_SIGNER } from "./signer.ts";

/** Sessions as a cell would have recorded them. */

export interface Recorded {
  /** What happened, behind gdb's coming; each a second after the one before. */
  readonly events?: readonly NewTraceEvent[];
  /** Whether gdb came at all. */
  readonly attached?: boolean;
  readonly sealed?: boolean;
  /** Whose key signs the seal; null: nobody's. */
  readonly signer?: SealSigner | null;
}

/** The bytes of a recording of a session: of a student who attached gdb, unless told otherwise. */
export async function recordSession(session: Session, recorded: Recorded = {}): Promise<Buffer> {
  const { events = [], attached = true, sealed = true, signer = TEST_SIGNER } = recorded;
  const directory = await mkdtemp(join(tmpdir(), "rs-trace-"));
  const { id, user, lab, image, parameters } = session;
  const header = { session: id, user, lab, image, parameters, arch: "x86_64", cell: "cell-a" } as const;
  let seconds = 0;
  const clocks = { wall: () => new Date(0), monotonicMs: () => 1_000 * seconds };
  {
    const sign = signer === null ? {} : { sign: signer };
    await using writer = await TraceWriter.open({ directory, header, ...clocks, ...sign });
    const opened = { connection: 1, kind: "gdb", via: "websocket", user, role: "driver" } as const;
    const coming: readonly NewTraceEvent[] = [
      { type: "connection.opened", ...opened },
      { type: "gdb.packet", connection: 1, data: "qSupported" },
      { type: "gdb.reply", connection: 1, data: "PacketSize=1000" },
    ];
    for (const event of [...(attached ? coming : []), ...events]) {
      seconds += 1;
      await writer.append(event);
    }
    if (sealed) {
      await writer.seal();
    }
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of readTraceBytes(directory)) {
    chunks.push(chunk);
  }
  await rm(directory, { recursive: true });
  return Buffer.concat(chunks);
}

/** A session of somebody, with a machine and this recording on the cell. */
export async function recordedSession(
  bed: Bed,
  cell: FakeCell,
  person: Person,
  make: string | ((session: Session) => Promise<Buffer>),
): Promise<Session> {
  const session = await startSession(person);
  const { id } = session;
  await bed.lease(id);
  await bed.report({ kind: "ready", session: id, epoch: 1, cell: "cell-a", atMs: 1, how: "cold", startMs: 5 });
  const { body } = await until(
    () => person.call("GET", `/v1/sessions/${id}`),
    (reply) => reply.body.state === "ready",
  );
  cell.traces.set(id, typeof make === "string" ? Buffer.from(make) : await make(session));
  return body;
}

/** Such a session, handed in and graded. @returns the submission's id */
export async function gradedSubmission(
  bed: Bed,
  cell: FakeCell,
  person: Person,
  make: string | ((session: Session) => Promise<Buffer>) = recordSession,
): Promise<string> {
  const session = await recordedSession(bed, cell, person, make);
  const { status, body, text } = await person.call("POST", `/v1/sessions/${session.id}/submit`);
  if (status !== 202) {
    throw new Error(`handing in was answered ${status}: ${text}`);
  }
  await until(
    () => person.call("GET", `/v1/submissions/${body.id}?wait_ms=20000`),
    (reply) => reply.body.grade !== null,
  );
  return body.id;
}
