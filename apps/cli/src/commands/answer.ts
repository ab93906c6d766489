import type { Bilingual, SessionAnswers } from "@ringside/shared";
import type { Command } from "commander";
import { chooseSession } from "../api/choose-session.ts";
import { loggedInApi } from "../api/credentials.ts";
import { type Context, printResult } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { table } from "../output/table.ts";
import { languageOf, languageOption } from "../trace/language.ts";

type Questions = SessionAnswers["questions"];

/** `ringside answer`: the lab's questions, and the answers that go with the submission. */
export function addAnswer(program: Command, context: Context): void {
  program
    .command("answer")
    .argument("[question]", "which; without it, all questions are shown")
    .argument("[value]", "the answer")
    .summary("answer a question of the lab")
    .description(
      "Answers one of the lab's questions; the answer goes with the submission. The last answer stands, and comes " +
        "after those that were given in gdb with `monitor answer`.",
    )
    .option("--session <session>", "default: your one live session")
    .addOption(languageOption())
    .addHelpText("after", "\nExamples:\n  ringside answer\n  ringside answer clamp 128\n  ringside answer errno -38")
    .action(async (question: string | undefined, value: string | undefined, options: AnswerOptions) => {
      const api = await loggedInApi(context);
      const { id } = await chooseSession(api, options.session);
      if (question !== undefined && value === undefined) {
        throw new CliError("usage", `Say the answer, too: \`ringside answer ${question} VALUE\``);
      }
      const questions =
        question === undefined || value === undefined ? await api.answers(id) : await api.answer(id, question, value);
      printResult(context, { session: id, questions }, () => answersText(questions, languageOf(context, options.lang)));
    });
}

interface AnswerOptions {
  readonly session?: string;
  readonly lang?: keyof Bilingual;
}

function answersText(questions: Questions, language: keyof Bilingual): string {
  if (questions.length === 0) return "This lab asks nothing.";
  const rows = questions.map(({ question, kind, title, value }) => [question, kind, value ?? "-", title[language]]);
  return table(["question", "kind", "your answer", "it asks"], rows);
}
