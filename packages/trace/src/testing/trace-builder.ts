import { createHash } from "node:crypto";
import type { Seal } from "@ringside/shared";
import { chainHash, FIRST_HASH, hashSuffix } from "../chain.ts";
import { eventBody } from "../event-line.ts";
import { type NewTraceEvent, TRACE_VERSION, type TraceEventOf } from "../events.ts";
import { type VerifyResult, verifyTrace } from "../reader.ts";
import { type SealKey, type SealSigner, sealSigner, signedBody } from "../seal-signature.ts";

/** Makes traces for tests, in memory, by the same rules as the writer: one event a millisecond. */
export type TraceHeader = Omit<TraceEventOf<"trace.opened">, "seq" | "t" | "type" | "version" | "wall">;

/** The key of the cell that tests' traces are recorded at (RFC 8032, 7.1, the secret key of test 1). */
export const TEST_SIGNER: SealSigner = sealSigner(`-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
`);

export const TEST_USER = "usr_00000000000000000000";
const WALL = "2026-03-02T08:00:00.000Z";

/** A header with made-up ids; anything of it can be given. */
export function testHeader(given: Partial<TraceHeader> = {}): TraceHeader {
  return {
    session: "ses_00000000000000000000",
    user: TEST_USER,
    lab: "net-listen",
    image: "1".repeat(64),
    arch: "x86_64",
    parameters: { backlog: 17, port: 5001, payload: "abc" },
    cell: "cell-1",
    ...given,
  };
}

export const TEST_KEYS: readonly SealKey[] = [
  { cell: "cell-1", key: TEST_SIGNER.key, publicKey: TEST_SIGNER.publicKey, revoked: false },
];

export class TraceBuilder {
  readonly #lines: string[] = [];
  #head = FIRST_HASH;

  constructor(header: TraceHeader = testHeader()) {
    this.add({ type: "trace.opened", version: TRACE_VERSION, ...header, wall: WALL });
  }

  /** Adds events. @returns the number of the last one */
  add(...events: readonly NewTraceEvent[]): number {
    for (const event of events) this.addBody(eventBody(this.#lines.length, this.#lines.length, event));
    return this.#lines.length - 1;
  }

  /** Adds a line with any body, rightly chained. */
  addBody(body: string): void {
    this.#head = chainHash(Buffer.from(this.#head + body));
    this.#lines.push(body + hashSuffix(this.#head));
  }

  /** gdb's packet and its answer. @returns the packet's number */
  packet(connection: number, data: string, reply: string | null): number {
    const event = this.add({ type: "gdb.packet", connection, data });
    if (reply !== null) this.add({ type: "gdb.reply", connection, data: reply });
    return event;
  }

  /** @param signer null: a seal without a signature */
  seal(signer: SealSigner | null = TEST_SIGNER): this {
    const seq = this.#lines.length;
    const unsigned = eventBody(seq, seq, { type: "trace.sealed", wall: WALL });
    this.addBody(signer === null ? unsigned : signedBody(signer, this.#head, unsigned));
    return this;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#lines.join(""));
  }

  /** What the seal of these bytes says. */
  get expectedSeal(): Seal {
    const { bytes } = this;
    const digest = createHash("sha256").update(bytes).digest("hex");
    return { events: this.#lines.length, bytes: bytes.length, digest, head: this.#head };
  }

  verify(): Promise<VerifyResult> {
    return verifyTrace(this.bytes);
  }
}
