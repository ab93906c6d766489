import { parseStopReply, registersOf } from "@ringside/rsp";
import type { ConnectionRole } from "@ringside/shared";
import { ANSWER_CHARS_MAX, QUESTION } from "@ringside/trace";
import { MONITOR_TYPED_CHARS_MAX } from "../limits.ts";
import { type Decision, type Order, type PolicyView, refuse } from "./decision.ts";
import { inWords, LANGUAGES, WORDS, type WordKey, type WordValues } from "./words.ts";

/** A command of `monitor`: its answer's text, what is to be done, or "usage" where its argument does not fit. */
interface Command {
  /** How it is written with its argument; null: it takes none. */
  readonly usage: string | null;
  run(view: PolicyView, argument: string): string | Decision;
}

const MINUTE_MS = 60_000;

const order = (order: Order): Decision => ({ kind: "order", order });

const says = (view: PolicyView, key: WordKey, values?: WordValues): string => inWords(view.asker.language, key, values);

const refusing = (view: PolicyView, why: string, key: WordKey): Decision =>
  refuse(why, Buffer.from(`${says(view, key)}\n`, "utf8").toString("hex"));

const driving = (view: PolicyView, what: Order): Decision =>
  view.asker.drives ? order(what) : refusing(view, `monitor ${what.do}: for the driver`, "drivers only");

const teaching = (view: PolicyView, what: Order): Decision =>
  view.asker.role === "instructor"
    ? order(what)
    : refusing(view, `monitor ${what.do}: for instructors`, "instructors only");

/** One table: what is not in it is refused. gdb's scripts for Linux ask for the three `info` commands. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  help: { usage: null, run: help },
  status: { usage: null, run: status },
  who: { usage: null, run: who },
  reset: { usage: null, run: (view) => driving(view, { do: "reset" }) },
  "restart-program": { usage: null, run: (view) => driving(view, { do: "restart-program" }) },
  type: { usage: "type <text>", run: type },
  hint: { usage: null, run: () => order({ do: "hint" }) },
  answer: { usage: "answer <question> <value>", run: answered },
  lang: { usage: "lang zh|en", run: chooseLanguage },
  take: { usage: null, run: (view) => teaching(view, { do: "take" }) },
  give: { usage: null, run: (view) => teaching(view, { do: "give" }) },
  "info status": { usage: null, run: (view) => emulatorStatus(view) },
  "info version": { usage: null, run: ({ qemuVersion }) => qemuVersion },
  "info registers": { usage: null, run: registers },
};

function help(view: PolicyView): string {
  const rows = Object.entries(COMMANDS).map(([name, { usage }]) => [usage ?? name, `help.${name}`] as const);
  const width = Math.max(...rows.map(([shown]) => shown.length));
  return rows.map(([shown, key]) => `${shown.padEnd(width)}  ${isWord(key) ? says(view, key) : ""}`).join("\n");
}

const isWord = (key: string): key is WordKey => Object.hasOwn(WORDS, key);

function status(view: PolicyView): string {
  const { session, servedMs, isPaused, debuggers } = view.present();
  const stands = isPaused ? "machine paused" : isRunning(view) ? "machine runs" : "machine stands";
  return [
    says(view, stands),
    says(view, "session", { session, minutes: Math.floor(servedMs / MINUTE_MS) }),
    says(view, "debuggers", { count: debuggers.length }),
    says(view, view.asker.drives ? "you drive" : "you observe"),
  ].join("\n");
}

const isRunning = ({ runs, asker, stopReply }: PolicyView): boolean =>
  runs || asker.detached || parseStopReply(stopReply)?.kind !== "signal";

/** As QEMU's own `info status` writes it. */
function emulatorStatus(view: PolicyView): string {
  const stop = parseStopReply(view.stopReply);
  if (isRunning(view) || stop?.kind !== "signal") return "VM status: running";
  return `VM status: paused (${stop.signal === 5 ? "debug" : "interrupted"})`;
}

function who(view: PolicyView): string {
  return view
    .present()
    .debuggers.map(({ user, role, drives, isAsker }) => {
      const marks = [...(drives ? [says(view, "drives")] : []), ...(isAsker ? [says(view, "you")] : [])];
      const person = says(view, "person", { user, role: says(view, role satisfies ConnectionRole) });
      return [person, ...marks].join(", ");
    })
    .join("\n");
}

function type(view: PolicyView, text: string): string | Decision {
  // What is typed is one line of text: nothing in it may be a key of its own.
  if (text.length > MONITOR_TYPED_CHARS_MAX || /\p{Cc}/u.test(text)) return "usage";
  return driving(view, { do: "type", text });
}

function answered(view: PolicyView, argument: string): string | Decision {
  const [, question = "", value = ""] = /^(\S+)\s+(.+)$/.exec(argument) ?? [];
  if (!QUESTION.test(question) || value.length > ANSWER_CHARS_MAX || /\p{Cc}/u.test(value)) return "usage";
  if (view.asker.role === "observer") return refusing(view, "monitor answer: not for observers", "observers not");
  return order({ do: "answer", question, value });
}

function chooseLanguage(_view: PolicyView, argument: string): string | Decision {
  const language = LANGUAGES.find((one) => one === argument);
  return language === undefined ? "usage" : order({ do: "lang", language });
}

const REGISTERS_SHOWN = 24;
const REGISTERS_PER_LINE = 4;

/** The first registers of this stop, as numbers. */
function registers(view: PolicyView): string | Decision {
  if (view.runs || view.registers === null) return says(view, view.runs ? "machine runs" : "no registers");
  const shown = [...registersOf(view.arch, view.registers)].slice(0, REGISTERS_SHOWN);
  const cells = shown.map(([name, value]) => `${name.padEnd(6)}=${value.toString(16).padStart(16, "0")}`);
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += REGISTERS_PER_LINE) {
    lines.push(cells.slice(at, at + REGISTERS_PER_LINE).join(" "));
  }
  return lines.join("\n");
}
