import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { newBearerToken } from "./auth/tokens.ts";
import { freshDatabase } from "./testing/bed.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

let folder: string;
let environment: Record<string, string>;
const token = newBearerToken();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-api-main-"));
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(join(folder, "ticket.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
  environment = {
    DATABASE_URL: await freshDatabase(inject("databaseUrl")),
    REDIS_URL: inject("redisUrl"),
    RINGSIDE_PREFIX: "main-test",
    RINGSIDE_API_PORT: "0",
    RINGSIDE_DATA_DIR: join(folder, "data"),
    RINGSIDE_CACHE: join(folder, "cache"),
    RINGSIDE_TICKET_KEY_FILE: join(folder, "ticket.pem"),
    RINGSIDE_BOOTSTRAP_ADMIN_TOKEN: token,
  };
});
afterAll(() => rm(folder, { recursive: true }));

interface Line {
  readonly msg: string;
  readonly url?: string;
  readonly err?: { readonly message: string };
}

function start(extra: Readonly<Record<string, string>> = {}): {
  child: ChildProcess;
  lines: Line[];
  ready: Promise<string>;
} {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, ...environment, ...extra },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Line[] = [];
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line.msg === "ready") {
        resolve(line.url ?? "");
      }
    });
    child.once("exit", (code) => reject(new Error(`exit ${code}`)));
  });
  ready.catch(() => undefined);
  return { child, lines, ready };
}

describe("the process", () => {
  it("says where it is when it is ready, answers, and ends in good order on SIGTERM while somebody waits", async () => {
    const { child, lines, ready } = start();
    const url = await ready;
    const headers = { authorization: `Bearer ${token}` };
    const me = (await (await fetch(`${url}/v1/me`, { headers })).json()) as { user: { siteRole: string } };
    expect(me.user.siteRole).toBe("admin");
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const exit = once(child, "close");
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
    expect(lines.at(-1)?.msg).toBe("stopped");
    expect(JSON.stringify(lines)).not.toContain(token);
  });

  it("knows its admin again after a restart", async () => {
    const { child, ready } = start();
    const response = await fetch(`${await ready}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(response.status).toBe(200);
    const exit = once(child, "close");
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
  });

  it("does not start with a wrong environment, and says what is wrong", async () => {
    const { child, lines } = start({ RINGSIDE_API_PORT: "many" });
    expect(await once(child, "close")).toEqual([1, null]);
    expect(lines.at(-1)?.err?.message).toContain("RINGSIDE_API_PORT");
  });

  it("starts without Redis, and is not ready until it is there", async () => {
    const { child, ready } = start({ REDIS_URL: `unix://${join(folder, "no-redis.sock")}` });
    const url = await ready;
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    const exit = once(child, "close");
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
  });
});
