import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CellProxy,
  newId,
  PROXY_PATHS,
  TICKET_AUDIENCE,
  TICKET_ISSUER,
  TICKET_TTL_SECONDS,
  type TicketClaims,
  type TicketKind,
} from "@ringside/shared";
import { type CryptoKey, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { pino } from "pino";
import { WebSocket } from "ws";
import { configSchema } from "../config.ts";
import { GdbProxy } from "../proxy.ts";

export const CELL = "cell-1";

/** Signs tickets as the api does, and wrong ones. */
export class TicketOffice {
  readonly #privateKey: CryptoKey;
  readonly publicKeyPem: string;

  private constructor(privateKey: CryptoKey, publicKeyPem: string) {
    this.#privateKey = privateKey;
    this.publicKeyPem = publicKeyPem;
  }

  static async open(): Promise<TicketOffice> {
    const { privateKey, publicKey } = await generateKeyPair("EdDSA", { extractable: true });
    return new TicketOffice(privateKey, await exportSPKI(publicKey));
  }

  async sign(claims: Partial<TicketClaims> & { sid: string; kind: TicketKind }): Promise<string> {
    const { exp = Math.floor(Date.now() / 1_000) + TICKET_TTL_SECONDS, jti = randomUUID(), ...rest } = claims;
    return new SignJWT({ sub: newId("usr"), cell: CELL, role: "driver", ...rest })
      .setProtectedHeader({ alg: "EdDSA" })
      .setIssuer(TICKET_ISSUER)
      .setAudience(TICKET_AUDIENCE)
      .setJti(jti)
      .setExpirationTime(exp)
      .sign(this.#privateKey);
  }
}

/** A proxy with its folders, in this process, and the ways to reach it. */
export class TestCell implements AsyncDisposable {
  readonly folder: string;
  readonly office: TicketOffice;
  readonly #env: Readonly<Record<string, string>>;
  #proxy: GdbProxy | null = null;
  #servedAt: CellProxy | null = null;

  private constructor(folder: string, office: TicketOffice, env: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.office = office;
    this.#env = env;
  }

  static async start(redisUrl: string, env: Readonly<Record<string, string>> = {}): Promise<TestCell> {
    const cell = await TestCell.prepare(redisUrl, env);
    await cell.startProxy();
    return cell;
  }

  /** Folders, keys and settings; the proxy is started by somebody else. */
  static async prepare(redisUrl: string, env: Readonly<Record<string, string>> = {}): Promise<TestCell> {
    const folder = await mkdtemp(join(tmpdir(), "rs-px-"));
    const office = await TicketOffice.open();
    const keyFile = join(folder, "ticket.pem");
    await writeFile(keyFile, office.publicKeyPem);
    const cell = new TestCell(folder, office, {
      RINGSIDE_CELL: CELL,
      REDIS_URL: redisUrl,
      RINGSIDE_PREFIX: `test-${randomUUID()}`,
      RINGSIDE_RUN_DIR: join(folder, "run"),
      RINGSIDE_DATA_DIR: join(folder, "data"),
      RINGSIDE_CACHE: join(folder, "cache"),
      RINGSIDE_TICKET_PUBLIC_KEY_FILE: keyFile,
      LOG_LEVEL: "silent",
      ...env,
    });
    return cell;
  }

  /** Its settings, for a proxy in another process. */
  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get runDirectory(): string {
    return join(this.folder, "run");
  }

  get cacheDirectory(): string {
    return join(this.folder, "cache");
  }

  get urls(): CellProxy {
    const urls = this.#proxy?.urls ?? this.#servedAt;
    if (urls === null) throw new Error("the proxy is stopped");
    return urls;
  }

  /** A prepared cell's proxy runs elsewhere, and is reached there. */
  isServedAt(urls: CellProxy): void {
    this.#servedAt = urls;
  }

  traceDirectory(session: string): string {
    return join(this.folder, "data", "traces", session);
  }

  async startProxy(): Promise<void> {
    const config = configSchema.parse(this.#env);
    this.#proxy = await GdbProxy.start(config, pino({ level: config.LOG_LEVEL }), this.cacheDirectory);
  }

  async stopProxy(): Promise<void> {
    await this.#proxy?.[Symbol.asyncDispose]();
    this.#proxy = null;
  }

  /** Opens a WebSocket with a fresh ticket. */
  async connect(kind: "gdb" | "console", session: string, claims: Partial<TicketClaims> = {}): Promise<WebSocket> {
    const ticket = await this.office.sign({ kind, sid: session, ...claims });
    return this.connectWith(kind, session, { authorization: `Bearer ${ticket}` });
  }

  connectWith(kind: "gdb" | "console", session: string, headers: Record<string, string>): WebSocket {
    const ws = new WebSocket(`${this.urls.publicUrl}${PROXY_PATHS[kind](session)}`, { headers });
    ws.on("error", () => undefined);
    return ws;
  }

  /** An errand of the api's, with a fresh ticket. */
  async errand(
    kind: "seal" | "tcp-entry" | "trace" | "machine",
    session: string,
    body?: unknown,
    path = kind === "tcp-entry" ? PROXY_PATHS.tcpEntry(session) : PROXY_PATHS[kind](session),
  ): Promise<Response> {
    const ticket = await this.office.sign({ kind, sid: session });
    return fetch(`${this.urls.internalUrl}${path}`, {
      method: kind === "trace" ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${ticket}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopProxy();
    await rm(this.folder, { recursive: true, force: true });
  }
}
