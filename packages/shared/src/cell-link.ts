import { z } from "zod";
import { epochSchema, machineIdSchema, sessionIdSchema, sha256Schema } from "./ids.ts";

/**
 * What a cell's proxy asks of its runner: HTTP on the unix socket `<run>/cell.sock`, one POST for each request.
 * The proxy owns the stub, so it begins everything that must not surprise a debugger; the runner owns QEMU.
 * The body is one of `cellLinkRequestSchema`; 200 carries the answer that belongs to it, anything else errorBodySchema.
 */
export const CELL_LINK_SOCKET = "cell.sock";
export const CELL_LINK_PATH = "/v1/machine";

/** A saved state's name: what a person calls a checkpoint. */
export const checkpointNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, { error: "must be 1 to 32 of a-z, 0-9 and '-', not starting with '-'" });

const session = sessionIdSchema;
const epoch = epochSchema;

export const cellLinkRequestSchema = z.discriminatedUnion("do", [
  /**
   * Saves the machine and ends it. The caller has stopped the guest at the stub, or let go of the stub.
   * `runOn`: the guest shall run when it is woken by `wake` with `run: "as-before"`.
   */
  z.strictObject({ do: z.literal("hibernate"), session, epoch, runOn: z.boolean() }),
  /**
   * Gives a hibernated session its machine again; one that is awake already is answered at once.
   * `run: "as-before"` lets it run if it ran; `run: "no"` leaves it stopped for a caller that resumes it itself.
   */
  z.strictObject({ do: z.literal("wake"), session, run: z.enum(["as-before", "no"]) }),
  /**
   * Saves the stopped machine under a name, in place of an older one of that name; the machine goes on.
   * `runOn`: whether a machine that starts from it runs at once (the default), or stands where this one stood.
   */
  z.strictObject({
    do: z.literal("save"),
    session,
    epoch,
    name: checkpointNameSchema,
    runOn: z.boolean().optional(),
  }),
  /**
   * Copies a saved state, or (name null) the stopped machine as it is now, for a new session to start from.
   * `runOn` is as for `save`, and of no meaning for a saved state, which has its own.
   */
  z.strictObject({
    do: z.literal("fork"),
    session,
    epoch,
    name: checkpointNameSchema.nullable(),
    into: sessionIdSchema,
    runOn: z.boolean().optional(),
  }),
  z.strictObject({ do: z.literal("forget"), session, name: checkpointNameSchema }),
  z.strictObject({ do: z.literal("list"), session }),
  /**
   * Ends the recording of all machines of the session, so that the logs are whole: their machines end with it.
   * Answers all recordings that there are. Doing so again answers the same.
   */
  z.strictObject({ do: z.literal("finish"), session }),
  /**
   * Something was typed at the recorded machine: has it look at once, also where the guest sleeps. `nudged: false`
   * where its QEMU cannot, or it does not run: then it looks within a second.
   */
  z.strictObject({ do: z.literal("nudge"), session, epoch }),
]);
export type CellLinkRequest = z.infer<typeof cellLinkRequestSchema>;

export const savedStateSchema = z.strictObject({
  name: checkpointNameSchema,
  /** On disk. */
  bytes: z.int().min(0),
  /** RFC 3339. */
  savedAt: z.iso.datetime(),
});
export type SavedState = z.infer<typeof savedStateSchema>;

/** One recorded machine's log: what QEMU needs, with the template, to run it again. */
export const recordingSchema = z.strictObject({
  epoch,
  sha256: sha256Schema,
  bytes: z.int().min(1),
  /** Contents of the template that the machine was a clone of. */
  template: sha256Schema,
  /** False where QEMU was killed and the log may lack its end. */
  whole: z.boolean(),
});
export type SessionRecording = z.infer<typeof recordingSchema>;

export const cellLinkAnswers = {
  hibernate: z.strictObject({ bytes: z.int().min(0) }),
  /** `machine`: the folder in which its machine.json stands. */
  wake: z.strictObject({ machine: machineIdSchema, awakeAlready: z.boolean() }),
  save: savedStateSchema,
  fork: z.strictObject({ bytes: z.int().min(0) }),
  forget: z.strictObject({}),
  list: z.strictObject({ states: z.array(savedStateSchema) }),
  finish: z.strictObject({ recordings: z.array(recordingSchema) }),
  nudge: z.strictObject({ nudged: z.boolean() }),
} as const satisfies Record<CellLinkRequest["do"], z.ZodType>;
export type CellLinkAnswer<D extends CellLinkRequest["do"]> = z.infer<(typeof cellLinkAnswers)[D]>;

/** Below a cell's data directory; the runner writes, the proxy reads. */
export const recordingPath = (session: string, epochNumber: number): string =>
  `recordings/${session}.${epochNumber}.rr`;
