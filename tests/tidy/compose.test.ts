import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { repoRoot } from "../support/repo-root.ts";

// No container engine is needed here: what the files name must exist, and what they set must be read by someone.
const root = repoRoot;
const inside = "/opt/ringside/";

const serviceSchema = z.object({
  image: z.string().optional(),
  build: z.object({ context: z.literal("."), target: z.string() }).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
});
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
  volumes: z.record(z.string(), z.null()),
});

const compose = composeSchema.parse(parse(readFileSync(path.join(root, "docker-compose.yml"), "utf8")));
const dockerfile = readFileSync(path.join(root, "Dockerfile"), "utf8");
const ours = Object.entries(compose.services).filter(([, service]) => service.build !== undefined);

describe("docker-compose.yml", () => {
  it("has postgres, redis, api and cell", () => {
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(["postgres", "redis", "api", "cell"]));
  });

  it("builds only targets that the Dockerfile has", () => {
    const targets = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)$/gm)].map((match) => match[1]);
    for (const [, service] of ours) expect(targets).toContain(service.build?.target);
  });

  it("names only services, secrets and volumes that it declares", () => {
    for (const service of Object.values(compose.services)) {
      for (const name of Object.keys(service.depends_on)) expect(Object.keys(compose.services)).toContain(name);
      for (const name of service.secrets) expect(Object.keys(compose.secrets)).toContain(name);
      for (const volume of service.volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(":")[0]);
    }
  });

  it("keeps what the Dockerfile calls data and cache on volumes", () => {
    const folders = [...dockerfile.matchAll(/RINGSIDE_(?:CACHE|DATA_DIR)=(\S+)/g)].map((match) => match[1] ?? "");
    expect(folders.length).toBe(2);
    for (const name of ["api", "cell"] as const) {
      const mounted = (compose.services[name]?.volumes ?? []).map((volume) => volume.split(":")[1]);
      expect(mounted, name).toEqual(expect.arrayContaining(folders));
    }
  });

  it("sets only variables that the service it starts reads", () => {
    const read = (files: readonly string[]) =>
      files.map((file) => readFileSync(path.join(root, file), "utf8")).join("\n");
    const configs = {
      api: read(["services/api/src/config.ts"]),
      cell: read(["services/vm-runner/src/config.ts", "services/gdb-proxy/src/config.ts"]),
    };
    for (const name of ["api", "cell"] as const) {
      for (const variable of Object.keys(compose.services[name]?.environment ?? {}))
        expect(configs[name]).toContain(variable);
    }
  });
});

describe("the Dockerfile", () => {
  it("copies only what the repository has", () => {
    const sources = [...dockerfile.matchAll(/^COPY (.+)$/gm)].flatMap((match) =>
      (match[1] ?? "").split(/\s+/).slice(0, -1),
    );
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) expect(existsSync(path.join(root, source)), source).toBe(true);
  });

  it("starts only commands that exist", () => {
    const commands = [...dockerfile.matchAll(/^CMD (\[.+\])$/gm)].map((match) =>
      z.array(z.string()).parse(JSON.parse(match[1] ?? "")),
    );
    expect(commands.length).toBe(3);
    for (const words of commands) {
      for (const word of words.filter((word) => word.startsWith(inside) && !word.includes("node_modules"))) {
        expect(existsSync(path.join(root, word.slice(inside.length))), word).toBe(true);
      }
    }
    expect(statSync(path.join(root, "ringside")).mode & 0o111).not.toBe(0);
  });

  it("gives the ringside command only subcommands that it has", () => {
    const words = [...dockerfile.matchAll(/"\/opt\/ringside\/ringside", "([a-z]+)"/g)].map((match) => match[1] ?? "");
    for (const word of words) expect(existsSync(path.join(root, `apps/cli/src/commands/${word}.ts`)), word).toBe(true);
  });

  it("installs the packages that setup installs for the same job", () => {
    for (const name of ["qemu-system-x86", "bubblewrap", "linux-source", "busybox-static", "libelf-dev"]) {
      expect(dockerfile).toContain(name);
    }
  });
});
