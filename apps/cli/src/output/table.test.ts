import { expect, test } from "vitest";
import { plain, table, textWidth } from "./table.ts";

test("columns line up by width, wide characters included", () => {
  expect(
    table(
      ["name", "n"],
      [
        ["王小明", "1"],
        ["Ada", "22"],
      ],
    ),
  ).toBe("name    n\n王小明  1\nAda     22");
  expect(textWidth("王a")).toBe(3);
});

test("nothing that a server or guest says can move the cursor", () => {
  expect(plain("a\u001b[2Jb\r\n\u009bc")).toBe("a?[2Jb???c");
  expect(table(["x"], [["\u001b]0;title\u0007"]])).toBe("x\n?]0;title?");
});
