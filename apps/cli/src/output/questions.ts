import type { Bilingual, Question } from "@ringside/shared";

/** A lab's questions as lines for a student, and how they are answered; none where it asks nothing. */
export function questionLines(questions: readonly Question[], language: keyof Bilingual): readonly string[] {
  if (questions.length === 0) return [];
  return [
    "It asks (answer with `ringside answer QUESTION VALUE`, or `monitor answer QUESTION VALUE` in gdb):",
    ...questions.map(({ question, kind, title }) => `  ${question} (a ${kind})  ${title[language]}`),
  ];
}
