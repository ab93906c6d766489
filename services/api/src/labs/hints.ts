import { HINT_CHARS_MAX, HINTS_MAX, type Hint } from "@ringside/shared";
import type { LabDefinition } from "./lab-folder.ts";

/**
 * What `monitor hint` says in gdb, one after the other: the lab's own hints, else those of the rubric's checks, as
 * short as a hint may be and in one line.
 */
export function hintsOf({ file, rubric }: Pick<LabDefinition, "file" | "rubric">): readonly Hint[] {
  if (file.hints !== undefined) {
    return file.hints;
  }
  const hints = rubric.hints.map(({ en, zh }) => ({ en: shortened(en), zh: shortened(zh) }));
  return hints.filter(({ en, zh }) => en !== "" && zh !== "").slice(0, HINTS_MAX);
}

function shortened(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  // Nothing is cut in the middle of a character.
  return line.length <= HINT_CHARS_MAX ? line : `${line.slice(0, HINT_CHARS_MAX - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
