import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GradeResult, Submission } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aGrade, anUngradable } from "../../../../packages/grading/src/testing/graded.ts";
import { readAsciicast } from "../../../../packages/trace/src/testing/asciicast-validator.ts";
import { readCtfStream } from "../../../../packages/trace/src/testing/ctf-reader.ts";
import { gReply } from "../../../../packages/trace/src/testing/registers.ts";
import { TEST_SIGNER, TEST_USER, TraceBuilder } from "../../../../packages/trace/src/testing/trace-builder.ts";
import { aSession, type CommandBed, SESSION, startCommandBed } from "../testing/command-bed.ts";

const SUBMISSION = "sub_00000000000000000001";
const LISTEN = 0xffffffff81200bc0n;
const AT = "2026-03-02T08:00:00.000Z";

/** A short session: gdb sets a breakpoint, looks, writes; the guest prints an escape sequence. */
function recorded(): TraceBuilder {
  const trace = new TraceBuilder();
  trace.add(
    { type: "machine.found", epoch: 1, qemu: "QEMU 7.2" },
    { type: "connection.opened", connection: 1, kind: "gdb", via: "link", user: TEST_USER, role: "driver" },
  );
  trace.packet(1, `Z0,${LISTEN.toString(16)},1`, "OK");
  trace.packet(1, "g", "00");
  trace.packet(1, "vCont;c", null);
  trace.add(
    { type: "machine.resumed", connection: 1, action: "continue" },
    { type: "console.output", data: "\x1b]0;owned\x07Menu\x9b31mOS\r\n" },
    { type: "machine.stopped", reply: "T05thread:01;", registers: gReply({ rip: LISTEN }), frames: [] },
    { type: "gdb.refused", connection: 1, why: "\x1b[2J" },
  );
  trace.packet(1, "P10=0000000000000000", "OK");
  return trace;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-trace-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

function aSubmission(trace: TraceBuilder, grade: GradeResult | null, differing: Partial<Submission> = {}): Submission {
  const seal = trace.expectedSeal;
  return {
    ...{ id: SUBMISSION, session: SESSION, user: TEST_USER, course: "os", lab: "net-listen" },
    ...{ traceDigest: seal.digest, traceEvents: seal.events, traceBytes: seal.bytes, createdAt: AT, recordings: [] },
    grade: grade === null ? null : { ...grade, submission: SUBMISSION, version: 1, createdAt: AT },
    ...differing,
  };
}

const routesOf = (trace: TraceBuilder, submission: Submission) => ({
  [`GET /v1/sessions/${SESSION}`]: { value: aSession({ submission: SUBMISSION }) },
  [`GET /v1/submissions/${SUBMISSION}`]: { value: submission },
  [`GET /v1/submissions/${SUBMISSION}/trace`]: { bytes: trace.bytes },
});
const served = (trace: TraceBuilder, submission: Submission) => startCommandBed(routesOf(trace, submission));

const run = (bed: CommandBed, ...args: readonly string[]) =>
  bed.run(["trace", ...args], { variables: { RINGSIDE_CACHE: join(folder, "cache"), LANG: "C.UTF-8" } });

describe("ringside trace show", () => {
  test("tells what happened, line by line, and nothing that a terminal would obey", async () => {
    await using bed = await startCommandBed({});
    const path = await file("show.jsonl", recorded().seal().bytes);
    const { stdout, stderr, error } = await run(bed, "show", path);
    expect(error).toBeUndefined();
    expect(stdout.split("\n")).toEqual([
      "    0.001 s       1                machine 1 is there",
      "    0.002 s       2  1 driver      gdb attached as driver (link)",
      "    0.003 s       3  1 driver      set a breakpoint at 0xffffffff81200bc0",
      "    0.008 s       8  1 driver      let it run",
      "    0.009 s       9                console: Menu\ufffd31mOS",
      "    0.010 s      10  1 driver      stopped at 0xffffffff81200bc0, by a breakpoint",
      expect.stringMatching(/^ {4}0\.012 s {6}12 {2}1 driver {6}WROTE rip/),
      "",
    ]);
    expect(stderr).toContain("places are shown as addresses");
    expect(stderr).toContain("1 reads of registers and memory are not shown");
  });

  test("in Chinese, of some groups, of some moments", async () => {
    await using bed = await startCommandBed({});
    const path = await file("show-zh.jsonl", recorded().seal().bytes);
    const chinese = await run(bed, "show", path, "--lang", "zh", "--only", "stops,reads");
    expect(chinese.stdout).toContain("停在 0xffffffff81200bc0,断点");
    expect(chinese.stdout).toContain("读取");
    expect(chinese.stdout).not.toContain("控制台");
    const late = await run(bed, "show", path, "--since", "0.009", "--until", "0.010");
    expect(late.stdout.split("\n")).toHaveLength(3);
    expect((await run(bed, "show", path, "--only", "stop")).error).toMatchObject({ code: "commander.invalidArgument" });
    expect((await run(bed, "show", path, "--since", "-1")).error).toMatchObject({ code: "commander.invalidArgument" });
  });

  test("as JSON lines: facts with hex addresses, or the events themselves", async () => {
    await using bed = await startCommandBed({});
    const path = await file("show-json.jsonl", recorded().seal().bytes);
    const facts = (await run(bed, "show", path, "--json")).stdout.trimEnd().split("\n");
    const stop = facts.map((line) => JSON.parse(line)).find(({ kind }) => kind === "stopped");
    expect(stop).toMatchObject({ event: 10, pc: "0xffffffff81200bc0", registers: { rip: "0xffffffff81200bc0" } });
    const events = (await run(bed, "show", path, "--json", "--events")).stdout.trimEnd().split("\n");
    expect(JSON.parse(events[0] ?? "")).toMatchObject({ seq: 0, type: "trace.opened" });
    const shown = (await run(bed, "show", path, "--events")).stdout;
    expect(shown).toContain("machine.stopped");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(shown).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  test("of a damaged recording: what is good of it, and where it ends", async () => {
    await using bed = await startCommandBed({});
    const lines = recorded()
      .seal()
      .lines.map((line, index) => (index === 9 ? line.replace("Menu", "Nemu") : line));
    const { stdout, error } = await run(bed, "show", await file("bad.jsonl", Buffer.from(lines.join(""))));
    expect(stdout).toContain("let it run");
    expect(stdout).not.toContain("console");
    expect(error).toMatchObject({ exit: "failed", message: expect.stringContaining("line 10") });
  });

  test("of a session that was handed in, and of one that was not", async () => {
    const trace = recorded().seal();
    await using bed = await served(trace, aSubmission(trace, null));
    expect((await run(bed, "show", SESSION)).stdout).toContain("machine 1 is there");
    await using other = await startCommandBed({ [`GET /v1/sessions/${SESSION}`]: { value: aSession() } });
    expect((await run(other, "show", SESSION)).error).toMatchObject({ exit: "not_found" });
    expect((await run(other, "show", join(folder, "nothing"))).error).toMatchObject({ exit: "not_found" });
  });
});

describe("ringside trace verify", () => {
  const checksOf = (stdout: string) =>
    Object.fromEntries(JSON.parse(stdout).checks.map((one: never) => Object.values(one)));

  test("finds a recording right that is what was handed in", async () => {
    const trace = recorded().seal();
    await using bed = await served(trace, aSubmission(trace, null));
    const { stdout, error } = await run(bed, "verify", SUBMISSION, "--json");
    expect(error).toBeUndefined();
    expect(JSON.parse(stdout)).toMatchObject({ status: "intact", damage: null, seal: trace.expectedSeal });
    expect(checksOf(stdout)).toEqual({
      ...{ form: "good", version: "good", chain: "good", order: "good", seal: "good", digest: "good" },
      signature: "unknown",
    });
    expect((await run(bed, "verify", SUBMISSION)).stdout).toMatch(/chain +ok +15 events[\s\S]*Intact: 15 events\./);
  });

  const { key, publicKey } = TEST_SIGNER;
  const cellKey = { cell: "cell-1", key, publicKey, firstSeen: AT, revokedFrom: null };
  const signatureOf = async (keys: readonly unknown[], trace: TraceBuilder, submission?: Submission) => {
    const known = { "GET /v1/seal-keys": { value: { keys } } };
    await using bed = await startCommandBed({ ...routesOf(trace, submission ?? aSubmission(trace, null)), ...known });
    const { stdout, error } = await run(bed, "verify", SUBMISSION, "--json");
    return [checksOf(stdout).signature, error === undefined];
  };

  test("looks at the signature with the keys of the server's cells", async () => {
    const trace = recorded().seal();
    expect(await signatureOf([cellKey], trace)).toEqual(["good", true]);
    expect(await signatureOf([], trace)).toEqual(["bad", false]);
    expect(await signatureOf([{ ...cellKey, cell: "cell-2" }], trace)).toEqual(["bad", false]);
    expect(await signatureOf([cellKey], recorded().seal(null))).toEqual(["bad", false]);
    const revoked = [{ ...cellKey, revokedFrom: "2026-03-02T09:00:00.000Z" }];
    expect(await signatureOf(revoked, trace)).toEqual(["good", true]);
    const late = aSubmission(trace, null, { createdAt: "2026-03-02T09:00:01.000Z" });
    expect(await signatureOf(revoked, trace, late)).toEqual(["bad", false]);
  });

  test("takes the keys from a file, as `keys list` prints them", async () => {
    const path = await file("signed.jsonl", recorded().seal().bytes);
    await using bed = await startCommandBed({ "GET /v1/seal-keys": { value: { keys: [cellKey] } } });
    const { stdout: list } = await bed.run(["keys", "list", "--json"]);
    const keys = await file("keys.json", Buffer.from(list));
    await using away = await startCommandBed({});
    const { stdout, error } = await run(away, "verify", path, "--keys", keys, "--json");
    expect(error).toBeUndefined();
    expect(checksOf(stdout).signature).toBe("good");
    // A file says nothing of when the server had it: a revoked key is not good then.
    const revoked = { keys: [{ ...cellKey, revokedFrom: AT }] };
    const others = await file("revoked.json", Buffer.from(JSON.stringify(revoked)));
    expect((await run(away, "verify", path, "--keys", others)).error).toMatchObject({ exit: "failed" });
    expect((await run(away, "verify", path, "--keys", path)).error).toMatchObject({ exit: "usage" });
  });

  test("finds another recording than was handed in, or than was asked for", async () => {
    const trace = recorded().seal();
    await using bed = await served(trace, aSubmission(trace, null, { traceDigest: "0".repeat(64) }));
    const { stdout, error } = await run(bed, "verify", SUBMISSION, "--json");
    expect(checksOf(stdout)).toMatchObject({ chain: "good", digest: "bad" });
    expect(error).toMatchObject({ exit: "failed" });
    const path = await file("good.jsonl", trace.bytes);
    expect((await run(bed, "verify", path, "--digest", trace.expectedSeal.digest)).error).toBeUndefined();
    expect((await run(bed, "verify", path, "--digest", "1".repeat(64))).error).toMatchObject({ exit: "failed" });
    expect((await run(bed, "verify", path, "--digest", "1")).error).toMatchObject({
      code: "commander.invalidArgument",
    });
  });

  test("says what is damaged, and where", async () => {
    await using bed = await startCommandBed({});
    const lines = recorded().seal().lines;
    const cases = [
      ["wrong_hash", "chain", lines.map((line, index) => (index === 4 ? line.replace("OK", "KO") : line)).join("")],
      ["torn_line", "form", lines.join("").slice(0, -5)],
      ["after_seal", "seal", `${lines.join("")}${lines[0]}`],
      ["future_version", "version", lines.join("").replace('"version":1', '"version":9')],
      ["empty", "form", ""],
    ] as const;
    for (const [kind, check, text] of cases) {
      const { stdout, error } = await run(bed, "verify", await file(`${kind}.jsonl`, Buffer.from(text)), "--json");
      expect(JSON.parse(stdout)).toMatchObject({ status: "damaged", damage: { kind, line: expect.any(Number) } });
      expect(checksOf(stdout)[check]).toBe("bad");
      expect(Object.values(checksOf(stdout)).filter((state) => state === "good")).toEqual([]);
      expect(error).toMatchObject({ exit: "failed" });
    }
    const text = (await run(bed, "verify", join(folder, "wrong_hash.jsonl"))).stdout;
    expect(text).toMatch(/chain +BAD +a line's hash does not follow.*\(line 5, byte \d+\)/);
  });

  test("takes a recording without a seal for cut off, unless it is told that it goes on", async () => {
    await using bed = await startCommandBed({});
    const path = await file("open.jsonl", recorded().bytes);
    expect((await run(bed, "verify", path)).error).toMatchObject({ exit: "failed" });
    expect((await run(bed, "verify", path, "--unsealed")).error).toBeUndefined();
  });
});

describe("ringside trace export", () => {
  test("writes the console as asciicast v3, to stdout or a file", async () => {
    await using bed = await startCommandBed({});
    const path = await file("cast.jsonl", recorded().seal().bytes);
    const { stdout, error } = await run(bed, "export", path, "--format", "asciicast", "--idle", "2.5");
    expect(error).toBeUndefined();
    const cast = readAsciicast(stdout);
    expect(cast.header).toMatchObject({ version: 3, idle_time_limit: 2.5 });
    expect(cast.lines.map(({ code }) => code)).toEqual(["o", "m"]);
    const target = join(folder, "out.cast");
    const { stderr } = await run(bed, "export", path, "--format", "asciicast", "-o", target);
    expect(stderr).toContain(target);
    expect(readAsciicast(await readFile(target, "utf8")).lines).toEqual(cast.lines);
  });

  test("writes the Common Trace Format into a folder of its own", async () => {
    await using bed = await startCommandBed({});
    const path = await file("ctf.jsonl", recorded().seal().bytes);
    expect((await run(bed, "export", path, "--format", "ctf")).error).toMatchObject({ exit: "usage" });
    const target = join(folder, "ctf");
    expect((await run(bed, "export", path, "--format", "ctf", "-o", target)).error).toBeUndefined();
    expect(await readFile(join(target, "metadata"), "utf8")).toMatch(/^\/\* CTF 1\.8 \*\//);
    const packets = readCtfStream(await readFile(join(target, "stream")));
    expect(packets.flatMap(({ events }) => events)).toHaveLength(15);
    const again = await run(bed, "export", path, "--format", "ctf", "-o", target);
    expect(again.error).toMatchObject({ exit: "failed", message: expect.stringContaining("not empty") });
  });

  test("writes a grade for PrairieLearn, Gradescope and Autolab", async () => {
    const trace = recorded().seal();
    await using bed = await served(trace, aSubmission(trace, aGrade()));
    const prairie = await run(bed, "export", SESSION, "--format", "prairielearn", "--lang", "zh");
    expect(JSON.parse(prairie.stdout)).toMatchObject({ gradable: true, score: 17.5 / 40, message: "17.5/40 分" });
    const scope = await run(bed, "export", SUBMISSION, "--format", "gradescope", "--visibility", "after_published");
    expect(JSON.parse(scope.stdout)).toMatchObject({ score: 17.5, visibility: "after_published" });
    const autolab = await run(bed, "export", SUBMISSION, "--format", "autolab");
    expect(JSON.parse(autolab.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ scores: { attached: 10 } });
  });

  test("writes nothing of what is damaged, not graded, or has no word in the format", async () => {
    const trace = recorded().seal();
    await using bed = await served(trace, aSubmission(trace, null));
    const bad = await file("cut.jsonl", trace.bytes.subarray(0, -3));
    expect((await run(bed, "export", bad, "--format", "ctf", "-o", join(folder, "no"))).error).toMatchObject({
      exit: "failed",
    });
    expect((await run(bed, "export", SUBMISSION, "--format", "autolab")).error).toMatchObject({ exit: "try_later" });
    expect((await run(bed, "export", bad, "--format", "autolab")).error).toMatchObject({ exit: "usage" });
    await using ungradable = await served(trace, aSubmission(trace, anUngradable()));
    expect((await run(ungradable, "export", SUBMISSION, "--format", "gradescope")).error).toMatchObject({
      exit: "failed",
      message: expect.stringContaining("The trace is damaged."),
    });
    expect((await run(bed, "export", bad, "--format", "xml")).error).toMatchObject({
      code: "commander.invalidArgument",
    });
  });
});

test("ringside course grades --csv writes a table for spreadsheets", async () => {
  const trace = recorded();
  const row = { user: TEST_USER, name: "=1+1", studentNumber: "7", submission: aSubmission(trace, aGrade()) };
  await using bed = await startCommandBed({ "GET /v1/courses/os/labs/net-listen/grades": { value: { rows: [row] } } });
  const { stdout } = await bed.run(["course", "grades", "os", "net-listen", "--csv"]);
  expect(stdout).toMatch(/^\ufeffstudent number,name,[\s\S]*\r\n7,"'=1\+1",graded,17\.5,40,/);
});
