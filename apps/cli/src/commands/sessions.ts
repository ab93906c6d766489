import type { Session } from "@ringside/shared";
import type { Command } from "commander";
import { becomeReady, startText, stateText } from "../api/await-machine.ts";
import { chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { table } from "../output/table.ts";

/** `ringside sessions`, `stop` and `reset`. */
export function addSessions(program: Command, context: Context): void {
  program
    .command("sessions")
    .description("your sessions; an instructor's course's")
    .option("--all", "those that are over, too")
    .option("--course <course>", "only of this course")
    .option("--lab <lab>", "only of this lab")
    .action((options: { all?: boolean; course?: string; lab?: string }) => list(context, options));
  program
    .command("stop")
    .argument("[session]", "default: your one live session")
    .description("end a session without handing in")
    .action(async (given?: string) => {
      const api = await loggedInApi(context);
      const session = await api.stopSession((await chooseSession(api, given)).id);
      printResult(context, session, () => `Session ${session.id} ends.`);
    });
  program
    .command("reset")
    .argument("[session]", "default: your one live session")
    .description("give a session a fresh machine; its recording goes on")
    .action(async (given?: string) => {
      const api = await loggedInApi(context);
      const session = await api.resetSession((await chooseSession(api, given)).id);
      const ready = await becomeReady(context, api, session);
      printResult(context, ready, () => `Session ${ready.id} has a fresh machine; gdb connects anew.`);
    });
}

async function list(context: Context, options: { all?: boolean; course?: string; lab?: string }): Promise<void> {
  const api = await loggedInApi(context);
  const sessions = await api.sessions({
    ...(!options.all && { state: "live" as const }),
    ...(options.course !== undefined && { course: options.course }),
    ...(options.lab !== undefined && { lab: options.lab }),
  });
  printResult(context, sessions, () =>
    sessions.length === 0
      ? `No ${options.all ? "" : "live "}session. \`ringside start LAB\` starts one.`
      : table(["session", "lab", "course", "state", "machine", "since", "submission"], sessions.map(row)),
  );
}

function row(session: Session): string[] {
  const machine = [
    ...startText(session),
    ...(session.record ? ["recorded"] : []),
    ...(session.forkedFrom === null ? [] : [`copy of ${session.forkedFrom}`]),
  ];
  return [
    session.id,
    session.lab,
    session.course,
    stateText(session),
    machine.join(", "),
    session.createdAt,
    session.submission ?? "",
  ];
}
