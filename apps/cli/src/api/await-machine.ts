import type { Session } from "@ringside/shared";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { QUEUE_LOOK_MS } from "../limits.ts";
import { startProgress } from "../output/progress.ts";
import { type Api, waitForSession } from "./calls.ts";

/** Failures that another try may not meet. */
const PASSING: readonly Session["reason"][] = ["no_capacity", "start_timeout", "runner_lost"];

/**
 * Waits until a session's machine is ready, showing how far it is.
 * @throws CliError where it failed or ended
 */
export async function becomeReady(context: Context, api: Api, session: Session): Promise<Session> {
  using progress = startProgress(context, `session ${session.id}`);
  const show = (now: Session) => progress.update(stateText(now));
  show(session);
  const ready = await waitForSession(api, session.id, show, QUEUE_LOOK_MS);
  if (ready.state !== "ready" && ready.state !== "attached") {
    const why = ready.reason ? ` (${ready.reason})` : "";
    throw new CliError(
      PASSING.includes(ready.reason) ? "try_later" : "failed",
      `The session ${ready.id} is ${ready.state}${why}. ${ready.message ?? ""}`,
    );
  }
  progress.done([ready.state, ...startText(ready)].join(", "));
  return ready;
}

/**
 * Wakes a hibernated session's machine, saying on stderr that this is what the person waits for; any other session is
 * given back as it is.
 * @throws CliError where its saved machine is damaged, or there is no room for it now
 */
export async function wake(context: Context, api: Api, session: Session): Promise<Session> {
  if (session.state !== "hibernated") return session;
  using progress = startProgress(context, `session ${session.id}`);
  progress.update("hibernated: waking its machine");
  const askedAt = performance.now();
  const awake = await api.wake(session.id);
  progress.done(`awake after ${Math.round(performance.now() - askedAt)} ms`);
  return awake;
}

/** A session's state for people: why it ended, its place in the queue, what its saved machine takes. */
export function stateText(session: Session): string {
  const { state, reason, queuePosition, hibernatedBytes } = session;
  if (reason !== null) return `${state} (${reason})`;
  if (queuePosition !== null) return queuePosition === 1 ? `${state} (next)` : `${state} (place ${queuePosition})`;
  return hibernatedBytes === null ? state : `${state} (${Math.ceil(hibernatedBytes / 1000)} kB)`;
}

const WAYS = { pool: "from the pool", clone: "cloned", cold: "switched on" } as const;

/** How its machine came to be, and how long that took; empty where it is not known. */
export function startText({ how, startMs }: Session): readonly string[] {
  if (how === null || startMs === null) return [];
  return [`${WAYS[how]} in ${startMs < 10 ? startMs.toFixed(1) : Math.round(startMs)} ms`];
}
