import { bilingualSchema, HINT_CHARS_MAX, HINTS_MAX, hintsSchema, labFileSchema } from "@ringside/shared";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hintsOf } from "./hints.ts";

const title = { en: "A lab", zh: "实验" };
const lab = (hints?: unknown) => labFileSchema.parse({ title, summary: title, image: "linux-x86_64", hints });
const rubric = (hints: readonly { readonly en: string; readonly zh: string }[]) => ({
  ...{ file: "rubric.yaml", text: "", digest: "", pointsMax: 0, questions: [], checks: [] },
  hints,
});

describe("a lab's hints", () => {
  it("are its own, else those of the rubric's checks", () => {
    const own = { en: "Look at rax.", zh: "看 rax。" };
    const checks = [{ en: "Run\n  `ringside gdb`.", zh: "请运行 `ringside gdb`。" }];
    expect(hintsOf({ file: lab([own]), rubric: rubric(checks) })).toEqual([own]);
    expect(hintsOf({ file: lab([]), rubric: rubric(checks) })).toEqual([]);
    expect(hintsOf({ file: lab(), rubric: rubric(checks) })).toEqual([
      { en: "Run `ringside gdb`.", zh: "请运行 `ringside gdb`。" },
    ]);
  });

  it("are always such as a machine's file takes, whatever the rubric says", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(fc.array(fc.record({ en: text, zh: text }), { maxLength: 2 * HINTS_MAX }), (hints) => {
        fc.pre(hints.every((hint) => bilingualSchema.safeParse(hint).success));
        expect(hintsSchema.safeParse(hintsOf({ file: lab(), rubric: rubric(hints) })).success).toBe(true);
      }),
    );
  });

  it("are refused in a lab's file where they are too long, too many, or would move gdb's cursor", () => {
    const hint = (en: string) => ({ en, zh: "好" });
    const refused = [
      [hint("x".repeat(HINT_CHARS_MAX + 1))],
      Array.from({ length: HINTS_MAX + 1 }, () => hint("x")),
      [hint("\x1b[2J")],
      [hint("two\nlines")],
      [{ en: "only one language" }],
    ];
    for (const hints of refused) {
      expect(labFileSchema.safeParse({ title, summary: title, image: "linux-x86_64", hints }).success).toBe(false);
    }
  });
});
