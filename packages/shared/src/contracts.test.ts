import { describe, expect, it } from "vitest";
import { machineFileSchema, SOCKET_PATH_BYTES_MAX } from "./cell.ts";
import { newId } from "./ids.ts";
import { imageManifestSchema } from "./image.ts";
import { reportSchema, startJobId, startJobSchema, stopJobId } from "./jobs.ts";
import { labFileSchema, parametersSchema } from "./lab.ts";

const digest = "0".repeat(64);
const file = { path: "bzImage", sha256: digest, bytes: 1 };
const manifest = {
  format: 1,
  name: "linux-x86_64",
  arch: "x86_64",
  digest,
  inputsDigest: digest,
  kernelRelease: "6.1.0",
  commandLine: "console=ttyS0",
  prompt: "MenuOS>>",
  files: { kernel: file, initrd: file, symbols: file, debug: file, functions: file },
  programs: {},
  aliases: [],
};

describe("the image manifest", () => {
  it("takes a whole one", () => {
    expect(imageManifestSchema.parse(manifest).name).toBe("linux-x86_64");
  });

  it("refuses a file outside the image's folder", () => {
    for (const path of ["../bzImage", "/etc/passwd", "a/../../b", "a//b", ""]) {
      const files = { ...manifest.files, kernel: { ...file, path } };
      expect(imageManifestSchema.safeParse({ ...manifest, files }).success).toBe(false);
    }
  });

  it("refuses what it does not know", () => {
    expect(imageManifestSchema.safeParse({ ...manifest, more: 1 }).success).toBe(false);
    expect(imageManifestSchema.safeParse({ ...manifest, format: 2 }).success).toBe(false);
  });
});

describe("parameters", () => {
  it("hold only what fits on the guest's parameter line without quoting", () => {
    expect(parametersSchema.safeParse({ backlog: 17, payload: "hi5" }).success).toBe(true);
    for (const bad of [{ backlog: -1 }, { payload: "a b" }, { payload: "x\ny" }, { "a b": 1 }, { Backlog: 1 }]) {
      expect(parametersSchema.safeParse(bad).success).toBe(false);
    }
  });
});

describe("the lab file", () => {
  it("fills in limits and first steps", () => {
    const text = { en: "Listen", zh: "监听" };
    const lab = labFileSchema.parse({ title: text, summary: text, image: "linux-x86_64" });
    expect(lab.limits).toEqual({
      session_minutes: 120,
      memory_mib: 64,
      cpu_percent: 50,
      idle_minutes: 15,
      sessions: null,
    });
    expect(lab.record).toBe(false);
    expect(lab.machine).toEqual({ start: "prompt" });
    expect(lab.first_steps).toEqual({ gdb: [], console: [] });
  });

  it("does not record machines that start at power-on", () => {
    const text = { en: "Boot", zh: "启动" };
    const lab = { title: text, summary: text, image: "linux-x86_64", machine: { start: "power_on" } };
    expect(labFileSchema.parse(lab).machine).toEqual({ start: "power_on" });
    const { error } = labFileSchema.safeParse({ ...lab, record: true });
    expect(error?.issues).toMatchObject([{ path: ["record"], message: expect.stringContaining("power_on") }]);
  });

  it("refuses a range that is upside down", () => {
    const text = { en: "x", zh: "x" };
    const parameters = { backlog: { kind: "int", min: 5, max: 4 } };
    expect(labFileSchema.safeParse({ title: text, summary: text, image: "i", parameters }).success).toBe(false);
  });
});

describe("jobs", () => {
  const session = newId("ses");

  it("have ids that the queue accepts and that tell start, stop and epoch apart", () => {
    const ids = [
      startJobId({ session, epoch: 1 }),
      startJobId({ session, epoch: 2 }),
      stopJobId({ session, epoch: 1 }),
    ];
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).not.toContain(":");
  });

  it("refuse an epoch below one and a reason that is not in the list", () => {
    const job = {
      session,
      epoch: 1,
      user: newId("usr"),
      lab: "net-listen",
      image: digest,
      memoryMib: 64,
      parameters: {},
      notAfterMs: 1,
    };
    expect(startJobSchema.safeParse(job).success).toBe(true);
    expect(startJobSchema.safeParse({ ...job, epoch: 0 }).success).toBe(false);
    const failed = { kind: "failed", session, epoch: 1, cell: "a", atMs: 1, reason: "bad luck", detail: "" };
    expect(reportSchema.safeParse(failed).success).toBe(false);
  });
});

describe("the run directory", () => {
  it("leaves room for a socket's path below a run directory of 50 characters", () => {
    const path = `${"/".padEnd(50, "r")}/m/${newId("ses")}.9999/console.sock`;
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(SOCKET_PATH_BYTES_MAX);
  });

  it("refuses a machine file without a pid", () => {
    expect(machineFileSchema.safeParse({}).success).toBe(false);
  });
});
