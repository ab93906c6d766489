import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { meSchema, sessionSchema, submissionSchema } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Running, ringside, ringsideJson, startRingside } from "../support/command.ts";
import { processesNaming } from "../support/processes.ts";
import { repoRoot } from "../support/repo-root.ts";
import { until } from "../support/test-box.ts";

// What a student does, by the handout: every step is the command that they type, against `ringside up`.
const UP = ["up", "--port", "0", "--proxy-port", "0", "--data"];
const TOKEN = /rs_[A-Za-z0-9_-]{43}/g;
const URL_LINE = /Ringside serves at (http:\/\/\S+)/;

let place: string;
let data: string;
let up: Running;
let url: string;
/** Of the first student in the table. */
let token: string;

async function serves(running: Running): Promise<string> {
  return until("ringside up to serve", () => URL_LINE.exec(running.output())?.[1]);
}

const student = () => ({ XDG_CONFIG_HOME: path.join(place, "config") });

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "rs-up-"));
  await chmod(place, 0o711);
  data = path.join(place, "data");
  up = startRingside([...UP, data]);
  url = await serves(up);
  await until("the table of tokens", () => (up.output().includes("Logs:") ? true : undefined));
  token = /^.*student\s+(rs_\S+)/m.exec(up.output())?.[1] ?? "";
});

afterAll(async () => {
  up.child.kill("SIGINT");
  const { code } = await up.finished;
  expect(code).toBe(130);
  expect(await processesNaming(place)).toEqual([]);
  await rm(place, { recursive: true, force: true });
});

describe("ringside up", () => {
  it("shows the administrator's, the instructor's and the students' tokens at its first start", () => {
    expect(up.output().match(TOKEN)?.length).toBeGreaterThanOrEqual(5);
    for (const word of ["admin", "instructor", "student"]) expect(up.output()).toContain(word);
    expect(token).toMatch(TOKEN);
  });

  it("refuses a second one on the same folder with the reason", async () => {
    const { code, stderr } = await ringside([...UP, data]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/another|already|in use/i);
  });

  it("does not show the tokens again at its next start, and leaves nothing behind in between", async () => {
    up.child.kill("SIGINT");
    expect((await up.finished).code).toBe(130);
    expect(await processesNaming(place)).toEqual([]);
    up = startRingside([...UP, data]);
    url = await serves(up);
    await until("the end of the greeting", () => (up.output().includes("Logs:") ? true : undefined));
    expect(up.output().match(TOKEN)).toBeNull();
  });
});

describe("a student", () => {
  it("is refused with words and an exit code of its own before logging in", async () => {
    const { code, stderr } = await ringside(["start", "net-listen"], student());
    expect(code).toBe(3);
    expect(stderr).toContain("ringside login");
  });

  it("logs in, and the token is kept where only they can read it", async () => {
    const { code, stderr } = await ringside(["login", "--url", url, "--token", token], student());
    expect(code, stderr).toBe(0);
    const me = meSchema.extend({ url: z.url() }).parse(await ringsideJson(["whoami"], student()));
    expect(me.courses[0]?.role).toBe("student");
    const { mode } = await stat(path.join(place, "config/ringside/credentials.json"));
    expect(mode & 0o777).toBe(0o600);
  });

  it("follows the handout from start to full marks, with the model solution in their own gdb", async () => {
    const session = sessionSchema.parse(await ringsideJson(["start", "net-listen"], student()));
    expect(session.state).toBe("ready");
    expect(["pool", "clone"]).toContain(session.how);

    const script = path.join(repoRoot, "course/labs/net-listen/reference.gdb");
    const { code, stdout, stderr } = await ringside(["gdb", "--", "-batch", "-x", script], student());
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`__sys_listen (fd=3, backlog=${session.parameters.backlog})`);
    expect(stdout).toContain("entry_SYSCALL_64");

    const hello = await ringside(["console", "--send", "hello", "--expect", "recv"], student());
    expect(hello.code, hello.stderr).toBe(0);

    const { code: submitted, stderr: why } = await ringside(["submit"], student());
    expect(submitted, why).toBe(0);
    const { grade, traceEvents } = submissionSchema.parse(await ringsideJson(["grade"], student()));
    expect(grade?.outcome).toBe("graded");
    expect(grade?.points).toBe(grade?.pointsMax);
    for (const { check, evidence } of grade?.verdicts ?? []) {
      expect(evidence.length, check).toBeGreaterThan(0);
      expect(Math.max(...evidence)).toBeLessThan(traceEvents);
    }
  });

  it("has the recording checked with the cell's own signature, and the key is nobody else's", async () => {
    const { id } = submissionSchema.parse(await ringsideJson(["grade"], student()));
    const { code, stdout, stderr } = await ringside(["trace", "verify", id], student());
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/signature +ok +by local\S*, with its key [0-9a-f]{64}/);
    expect((await stat(path.join(data, "data/keys/seal.pem"))).mode & 0o777).toBe(0o600);
  });

  it("is told what to do when there is no session left", async () => {
    const { code, stderr } = await ringside(["console", "--send", "x"], student());
    expect(code).toBe(4);
    expect(stderr).toContain("ringside start");
  });
});

describe("the log files", () => {
  it("hold no token", async () => {
    const tokens = await readFile(path.join(data, "people.json"), "utf8");
    const secrets = z.array(z.string()).min(4).parse(tokens.match(TOKEN));
    for (const name of ["api", "gdb-proxy", "vm-runner"]) {
      const log = await readFile(path.join(data, "logs", `${name}.log`), "utf8");
      expect(log.length).toBeGreaterThan(0);
      for (const secret of secrets) expect(log).not.toContain(secret);
    }
  });
});
