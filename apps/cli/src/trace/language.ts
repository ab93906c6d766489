import type { Bilingual } from "@ringside/shared";
import { Option } from "commander";
import type { Context } from "../context.ts";

type Language = keyof Bilingual;
const LANGUAGES: readonly Language[] = ["en", "zh"];

/** `--lang`: the language of what is shown or written. */
export function languageOption(): Option {
  return new Option("--lang <language>", "en or zh; default: as LANG says").choices(LANGUAGES);
}

/** The language that was asked for, else that of the environment. */
export function languageOf(context: Context, given: Language | undefined): Language {
  return given ?? (context.environment.LANG.startsWith("zh") ? "zh" : "en");
}
