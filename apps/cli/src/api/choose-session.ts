import { type Session, sessionIdSchema, sessionIsFinal } from "@ringside/shared";
import { CliError } from "../exit-codes.ts";
import type { Api } from "./calls.ts";

/**
 * The session that a command is about: the one given, else the user's one live session. A copy is meant only
 * where there is nothing else, so that copying one's machine changes no command's meaning.
 * @throws CliError where there is none, or more than one
 */
export async function chooseSession(api: Api, given: string | undefined): Promise<Session> {
  if (given !== undefined) {
    if (!sessionIdSchema.safeParse(given).success) {
      throw new CliError("usage", `${given} is no session id: \`ringside sessions\` lists yours`);
    }
    return api.session(given);
  }
  const [me, all] = await Promise.all([api.me(), api.sessions({ state: "live" })]);
  const own = all.filter((session) => session.user === me.user.id);
  const originals = own.filter((session) => session.forkedFrom === null);
  const live = originals.length > 0 ? originals : own;
  const [first, ...others] = live;
  if (!first) throw new CliError("not_found", "You have no live session: start one with `ringside start LAB`");
  if (others.length > 0) {
    const list = live.map((session) => `  ${session.id}  ${session.lab}  ${session.state}`).join("\n");
    throw new CliError("usage", `You have ${live.length} live sessions, say which one:\n${list}`);
  }
  return first;
}

/** @throws CliError where the session has no machine to connect to; a hibernated one is woken by whoever connects */
export function assertConnectable(session: Session): void {
  if (session.state === "ready" || session.state === "attached" || session.state === "hibernated") return;
  const why = session.message ?? session.reason ?? "";
  if (sessionIsFinal(session.state)) {
    throw new CliError(
      "failed",
      `The session ${session.id} is over (${session.state}). ${why}\n  Start again: \`ringside start ${session.lab}\``,
    );
  }
  throw new CliError(
    "try_later",
    `The session ${session.id} is ${session.state}: wait for it with \`ringside start ${session.lab}\``,
  );
}
