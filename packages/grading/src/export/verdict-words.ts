import type { Bilingual, Verdict } from "@ringside/shared";
import { EXPORTED_TEXT_CHARS_MAX } from "../limits.ts";

/** The language of an exported grade. */
export type Language = keyof Bilingual;

export const VERDICT_WORDS = {
  pass: { en: "passed", zh: "通过" },
  partial: { en: "partly passed", zh: "部分通过" },
  fail: { en: "not passed", zh: "未通过" },
  not_reached: { en: "not reached", zh: "未到达" },
} as const satisfies Record<Verdict["verdict"], Bilingual>;

export const WORDS = {
  events: { en: "Events of the recording", zh: "记录中的事件" },
  seconds: { en: "s", zh: "秒" },
  judged: { en: "Judged by an instructor.", zh: "由教师评定。" },
  damaged: { en: "The recording cannot be graded.", zh: "记录无法评分。" },
  points: { en: "points", zh: "分" },
} as const satisfies Record<string, Bilingual>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Text as other systems can show it: without control characters, and no longer than they are made for. */
export function shown(text: string): string {
  const clean = text.replace(CONTROLS, "\ufffd").toWellFormed();
  return clean.length <= EXPORTED_TEXT_CHARS_MAX
    ? clean
    : `${clean.slice(0, EXPORTED_TEXT_CHARS_MAX - 1)}…`.toWellFormed();
}

/** A verdict's reason, and that it is a person's where it is. */
export function reasonOf(verdict: Verdict, language: Language): string {
  const reason = shown(verdict.reason[language]);
  return verdict.override === undefined ? reason : `${reason} (${WORDS.judged[language]})`;
}

/** The moments that earned a verdict: `Events of the recording: 47 (12.345 s), 56 (14.002 s)`; empty where there are none. */
export function momentsOf({ evidence, times }: Verdict, language: Language): string {
  if (evidence.length === 0) return "";
  const moments = evidence.map((event, index) => {
    const t = times?.[index];
    return t === undefined ? String(event) : `${event} (${(t / 1_000).toFixed(3)} ${WORDS.seconds[language]})`;
  });
  return `${WORDS.events[language]}: ${moments.join(", ")}`;
}
