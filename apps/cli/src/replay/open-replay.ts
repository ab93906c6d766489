import { randomInt } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Confinement, MachinePlace } from "@ringside/emulator";
import { newId, RingsideError } from "@ringside/shared";
import type { ReplayScript } from "@ringside/trace";
import type { Api } from "../api/calls.ts";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { REPLAY_USER_ID_MIN, REPLAY_USER_IDS_COUNT } from "../limits.ts";
import { isMet, REQUIREMENTS } from "../setup/requirements.ts";
import { fetchLog, fetchTemplate, type RecordedSession } from "./materials.ts";
import { type Directions, ReplayedSession } from "./replayed-session.ts";

export interface OpenReplayOptions {
  readonly api: Api;
  readonly submission: string;
  readonly session: RecordedSession;
  readonly script: ReplayScript;
  readonly directions: Directions;
}

/** Programs without which no machine runs here. */
const NEEDED = ["qemu-system-x86", "bubblewrap", "gcc"] as const;

/**
 * Fetches what a recorded machine needs and starts it here, in a jail, before its first instruction.
 * @throws CliError that says what is missing and what to do
 */
export async function openReplay(context: Context, options: OpenReplayOptions): Promise<ReplayedSession> {
  const { api, submission, session, script, directions } = options;
  await assertTools(context);
  await using made = new AsyncDisposableStack();
  // The jail's user must get through to the machine's own folder in it.
  const work = await mkdtemp(join(tmpdir(), "rs-replay-"));
  made.defer(() => rm(work, { recursive: true, force: true }));
  await chmod(work, 0o711);
  const log = join(work, "log");
  await fetchLog(api, submission, script, log);
  const template = await fetchTemplate(context, api, script.template);
  made.defer(() => template.memory.close());
  const { parameters } = session.opened;
  const { signal } = context;
  const place = placeIn(work, context.isRoot);
  try {
    const replayed = await ReplayedSession.open(script, { place, template, parameters, log, signal, directions });
    const kept = made.move();
    replayed.atEnd(() => kept.disposeAsync());
    return replayed;
  } catch (cause) {
    context.signal.throwIfAborted();
    if (!(cause instanceof RingsideError) || cause.code !== "trace_damaged") throw cause;
    throw new CliError(
      "failed",
      `The recorded machine cannot be started here: ${cause.message}.\n` +
        `  It was recorded with ${template.qemuVersion}: this machine must have the same.`,
      { cause },
    );
  }
}

function placeIn(folder: string, isRoot: boolean): MachinePlace {
  const name = newId("mch");
  const userId = isRoot ? REPLAY_USER_ID_MIN + randomInt(REPLAY_USER_IDS_COUNT) : undefined;
  const confinement: Confinement = { kind: "jail", userId };
  return { name, folder: join(folder, name), confinement, group: null };
}

async function assertTools(context: Context): Promise<void> {
  const missing: string[] = [];
  for (const requirement of REQUIREMENTS) {
    const needed = (NEEDED as readonly string[]).includes(requirement.package);
    if (needed && !(await isMet(requirement, context.environment.PATH))) missing.push(requirement.package);
  }
  if (missing.length === 0) return;
  throw new CliError(
    "failed",
    `A recording runs on this machine, which lacks ${missing.join(", ")}: install it ` +
      `(Debian: apt-get install ${missing.join(" ")})`,
  );
}

/**
 * The recorded machine to run: of the event, or of the epoch, or the last one.
 * @throws CliError where there is none
 */
export function chooseScript(
  session: RecordedSession,
  choice: { readonly epoch?: number | undefined; readonly event?: number | undefined },
): ReplayScript {
  const { scripts } = session;
  if (scripts.length === 0) {
    throw new CliError("failed", "This session was not recorded: only labs with `record: true` can be run again");
  }
  const matching = scripts.filter(
    ({ epoch, from, to }) =>
      (choice.epoch === undefined || choice.epoch === epoch) &&
      (choice.event === undefined || (choice.event >= from && choice.event <= to)),
  );
  const script = matching.at(-1);
  if (script !== undefined) return script;
  const known = scripts.map(({ epoch, from, to }) => `machine ${epoch}: events ${from} to ${to}`);
  throw new CliError("not_found", `No recorded machine has that event. There are: ${known.join("; ")}`);
}
