import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { repoRoot } from "../support/repo-root.ts";

// The rules of the house that no linter knows.
const root = repoRoot;
const FILE_LINES_MAX = 400;
const FILE_BYTES_MAX = 512 * 1024;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(path.join(root, file)));
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const source = files.filter((file) => /^(packages|services|apps|tests)\/.*\.ts$/.test(file));

describe("the house", () => {
  it("has sources to look at", () => {
    expect(source.length).toBeGreaterThan(50);
  });

  it(`keeps every source file within ${FILE_LINES_MAX} lines`, () => {
    const long = source.filter((file) => read(file).split("\n").length > FILE_LINES_MAX + 1);
    expect(long).toEqual([]);
  });

  it("has no file or folder named for nothing in particular", () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\.[a-z]+)?(\/|$)/i.test(file))).toEqual([]);
  });

  it("holds no test that does not run", () => {
    const marks = new RegExp(`\\b(it|test|describe)\\.(${["skip", "only", "todo"].join("|")})\\b`);
    expect(source.filter((file) => marks.test(read(file)))).toEqual([]);
  });

  it("tracks nothing that is built", () => {
    const built = files.filter((file) =>
      /(^|\/)(vmlinux|bzImage|System\.map)$|\.(o|ko|img|qcow2|gz|xz|zst)$/.test(file),
    );
    expect(built).toEqual([]);
    const large = files.filter((file) => readFileSync(path.join(root, file)).byteLength > FILE_BYTES_MAX);
    expect(large.filter((file) => file !== "package-lock.json")).toEqual([]);
  });

  it("reads the environment, handles signals and exits only in a main.ts", () => {
    const inMainOnly = /\bprocess\.(env\b|exit\(|on\(\s*["']SIG)/;
    const strangers = source.filter(
      (file) =>
        /^(packages|services|apps)\//.test(file) &&
        !/(\.test\.ts|\/main\.ts)$/.test(file) &&
        inMainOnly.test(read(file)),
    );
    expect(strangers).toEqual([]);
  });

  it("gives every bound in a limits file a unit", () => {
    const unit =
      /(_BYTES|_MS|_SECONDS|_MINUTES|_COUNT|_CHARS|_LINES|_ROWS|_MIB|_KIB|_DEPTH|_PER_SECOND|_PERCENT|_DAYS|_MAX|_MIN)/;
    const nameless = files
      .filter((file) => /\/limits\.ts$/.test(file))
      .flatMap((file) =>
        [...read(file).matchAll(/^export const ([A-Z0-9_]+)/gm)].map((match) => `${file}: ${match[1]}`),
      )
      .filter((line) => !unit.test(line));
    expect(nameless).toEqual([]);
  });

  it("lists every decision in the index of decisions", () => {
    const index = read("docs/decisions/README.md");
    const pages = files.filter((file) => /^docs\/decisions\/\d{4}-.*\.md$/.test(file));
    expect(pages.length).toBeGreaterThan(5);
    expect(pages.filter((page) => !index.includes(`(${path.basename(page)})`))).toEqual([]);
  });

  it("links only to files that exist", () => {
    const broken = files
      .filter((file) => file.endsWith(".md"))
      .flatMap((file) =>
        [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
          .map((match) => match[1] ?? "")
          .filter((target) => !existsSync(path.resolve(root, path.dirname(file), target)))
          .map((target) => `${file} → ${target}`),
      );
    expect(broken).toEqual([]);
  });

  it("numbers every promise of the specification and says what holds it", () => {
    const rows = read("SPECIFICATION.md")
      .split("\n")
      .filter((line) => /^\| [A-Z]+\d+ \|/.test(line));
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const holder = row.split("|").at(-2)?.trim() ?? "";
      const named = [...holder.matchAll(/`([^`]+\.(?:ts|sh))`/g)].map((match) => match[1] ?? "");
      expect(named.length > 0 || /not yet held|bench/.test(holder), row).toBe(true);
      for (const file of named) expect(existsSync(path.join(root, file)), `${row}: ${file}`).toBe(true);
    }
  });
});
