import { MONITOR_COMMAND_CHARS_MAX } from "../limits.ts";
import { answer, type Decision, type PolicyView, type Rule, refuse } from "./decision.ts";
import { COMMANDS } from "./monitor-commands.ts";
import { inWords } from "./words.ts";

/** Text as a qRcmd reply has it. */
export const monitorReply = (text: string): string => Buffer.from(`${text}\n`, "utf8").toString("hex");

/**
 * gdb's `monitor`. Behind the stub's qRcmd stands QEMU's whole monitor, which reads and writes files of the
 * host: nothing of it is ever forwarded.
 */
export const monitor: Rule<"qRcmd"> = ({ command }, view) => {
  if (command === null) return refuse("the monitor command is not valid hex", "E22");
  const line = Buffer.from(command, "latin1").toString("utf8").trim();
  const [first = "", second = ""] = line.split(/\s+/, 2);
  const name = [`${first} ${second}`, first].find((words) => Object.hasOwn(COMMANDS, words));
  if (name === undefined) return refused(line, view);
  const one = COMMANDS[name];
  const rest = name.split(" ").reduce((text, word) => text.slice(text.indexOf(word) + word.length).trim(), line);
  const { language } = view.asker;
  if (one === undefined || (rest !== "" && one.usage === null)) return refused(line, view);
  if (one.usage !== null && rest === "") return answer(monitorReply(inWords(language, "usage", { usage: one.usage })));
  const result = one.run(view, rest);
  if (result === "usage") return answer(monitorReply(inWords(language, "usage", { usage: one.usage ?? name })));
  return typeof result === "string" ? answer(monitorReply(result)) : result;
};

function refused(line: string, { asker }: PolicyView): Decision {
  const shown = line.slice(0, MONITOR_COMMAND_CHARS_MAX).replaceAll(/[^\x20-\x7e]/g, "?");
  const why = `monitor command: ${shown}`.slice(0, MONITOR_COMMAND_CHARS_MAX);
  return refuse(why, monitorReply(inWords(asker.language, "friendly")));
}
