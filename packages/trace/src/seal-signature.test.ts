import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RESERVE_BYTES, SEAL_BYTES_MAX } from "./limits.ts";
import { type VerifyResult, verifyTrace } from "./reader.ts";
import { checkSignature, type SealKey, sealSigner } from "./seal-signature.ts";
import { sealOfTail, TAIL_BYTES } from "./seal-tail.ts";
import { readTraceBytes } from "./segments.ts";
import { TEST_KEYS, TEST_SIGNER, TraceBuilder, testHeader } from "./testing/trace-builder.ts";
import { TraceWriter } from "./writer.ts";

const pem = (type: "ed25519" | "x25519") =>
  generateKeyPairSync(type as "ed25519")
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
const OTHER = sealSigner(pem("ed25519"));
const keyOf = ({ key, publicKey }: typeof OTHER, more: Partial<SealKey> = {}): SealKey => ({
  ...{ cell: "cell-1", key, publicKey, revoked: false },
  ...more,
});

const build = () => {
  const trace = new TraceBuilder();
  trace.add({ type: "gdb.packet", connection: 1, data: "g\xff" }, { type: "console.output", data: "x".repeat(3_000) });
  return trace;
};
const stateOf = (result: VerifyResult, keys: readonly SealKey[] = TEST_KEYS, cell = "cell-1") =>
  result.status === "intact" ? checkSignature(result.signature, cell, keys) : result.kind;
const tailOf = (bytes: Buffer) => sealOfTail(bytes.subarray(Math.max(0, bytes.length - TAIL_BYTES)));

describe("a seal's signature", () => {
  it("is good where the trace's own cell made it, over this trace", async () => {
    expect(stateOf(await build().seal().verify())).toBe("good");
    expect(stateOf(await build().seal(OTHER).verify(), [...TEST_KEYS, keyOf(OTHER)])).toBe("good");
  });

  it("tells what is wrong with it", async () => {
    const signed = await build().seal().verify();
    expect(stateOf(await build().seal(null).verify())).toBe("missing");
    expect(stateOf(await build().verify())).toBe("missing");
    expect(stateOf(await build().seal(OTHER).verify())).toBe("unknown_key");
    expect(stateOf(signed, [])).toBe("unknown_key");
    expect(stateOf(signed, TEST_KEYS, "cell-2")).toBe("other_cell");
    expect(stateOf(signed, [keyOf(TEST_SIGNER, { revoked: true })])).toBe("revoked_key");
    expect(stateOf(signed, [keyOf(TEST_SIGNER, { publicKey: OTHER.publicKey })])).toBe("wrong");
    expect(stateOf(signed, [keyOf(TEST_SIGNER, { publicKey: "AAAA" })])).toBe("wrong");
    const impostor = { ...OTHER, key: TEST_SIGNER.key };
    expect(stateOf(await build().seal(impostor).verify())).toBe("wrong");
  });

  it("is of this trace alone: moved to another chain it is wrong", async () => {
    const [seal = ""] = build().seal().lines.slice(-1);
    const body = seal.slice(0, seal.indexOf(',"hash"'));
    const other = new TraceBuilder(testHeader({ session: "ses_00000000000000000001" }));
    other.add({ type: "gdb.packet", connection: 1, data: "g\xff" }, { type: "console.output", data: "y" });
    other.addBody(body);
    expect(stateOf(await other.verify())).toBe("wrong");
    for (const [from, to] of [
      ['"t":3', '"t":4'],
      ["2026-03-02", "2026-03-01"],
    ] as const) {
      const changed = build();
      changed.addBody(body.replace(from, to));
      expect(stateOf(await changed.verify())).toBe("wrong");
    }
  });

  it("stands last in its line, in one form", async () => {
    const [seal = ""] = build().seal().lines.slice(-1);
    const body = seal.slice(0, seal.indexOf(',"hash"'));
    const [, before = "", signature = ""] = /^(.*)(,"signature":.*)$/.exec(body) ?? [];
    for (const text of [
      `{"seq":3,"t":3,"type":"trace.sealed"${signature},"wall":"2026-03-02T08:00:00.000Z"`,
      before + signature.replace('":{', '": {'),
      `${before}${signature} `,
      before + signature.replace('"value":"', '"value":"A'),
      `${before},"signature":null`,
    ]) {
      const trace = build();
      trace.addBody(text);
      expect(stateOf(await trace.verify()), text).toBe("not_an_event");
    }
    const twice = build();
    twice.addBody(before + signature + signature);
    expect(stateOf(await twice.verify())).toBe("wrong");
  });

  it("is made with Ed25519 keys only", () => {
    expect(() => sealSigner("nothing")).toThrow("no Ed25519 key");
    expect(() => sealSigner(pem("x25519"))).toThrow("no Ed25519 key");
  });
});

describe("a trace's tail", () => {
  it("has the signature of the seal, as the whole trace has it", async () => {
    const { bytes } = build().seal();
    const whole = await verifyTrace(bytes);
    expect(tailOf(bytes)).toEqual({ signature: whole.status === "intact" ? whole.signature : null });
    expect(bytes.length).toBeGreaterThan(TAIL_BYTES);
    expect(tailOf(build().seal(null).bytes)).toEqual({ signature: undefined });
  });

  it("of anything else is none", () => {
    const { bytes } = build().seal();
    for (const other of [
      build().bytes,
      bytes.subarray(0, -1),
      Buffer.alloc(0),
      Buffer.from("\n"),
      Buffer.from("x\ny\n"),
    ])
      expect(tailOf(other)).toBeNull();
    expect(sealOfTail(bytes.subarray(bytes.lastIndexOf("\n", bytes.length - 2) + 1))).toBeNull();
  });
});

describe("a writer with a key", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ringside-seal-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (bytesMax?: number) =>
    TraceWriter.open({
      directory: join(folder, "trace"),
      header: testHeader(),
      wall: () => new Date(),
      monotonicMs: () => 1e9,
      sign: TEST_SIGNER,
      ...(bytesMax !== undefined && { bytesMax }),
    });
  const read = () => verifyTrace(readTraceBytes(join(folder, "trace")));

  it("signs what it seals, after a restart as well", async () => {
    {
      await using writer = await open();
      writer.append({ type: "gdb.interrupt", connection: 1 });
    }
    await using again = await open();
    const seal = again.seal();
    const result = await read();
    expect(result).toMatchObject({ status: "intact", seal });
    expect(stateOf(result)).toBe("good");
  });

  it("has room for a signed seal in a trace that is full", async () => {
    await using writer = await open(RESERVE_BYTES + 2_000);
    expect(() => {
      for (;;) writer.append({ type: "console.output", data: "x".repeat(20) });
    }).toThrow(expect.objectContaining({ code: "trace_full" }));
    const before = writer.bytes;
    writer.seal();
    expect(writer.bytes - before).toBeLessThan(SEAL_BYTES_MAX);
    expect(stateOf(await read())).toBe("good");
  });
});
