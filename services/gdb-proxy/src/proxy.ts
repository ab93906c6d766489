import assert from "node:assert/strict";
import { access, constants, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { connectRedis } from "@ringside/redis";
import {
  type CellProxy,
  cellProxySchema,
  REPORTS_QUEUE,
  RingsideError,
  type TcpEntry,
  type TicketClaims,
} from "@ringside/shared";
import { readTraceBytes, type SealSigner } from "@ringside/trace";
import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { importSPKI } from "jose";
import type { Logger } from "pino";
import { awaitRedis } from "./await-redis.ts";
import { Announcement } from "./cell/announcement.ts";
import { CellLink } from "./cell/cell-link.ts";
import { Links } from "./cell/links.ts";
import { MachineErrands } from "./cell/machine-errands.ts";
import { MachineFolders } from "./cell/machine-folders.ts";
import { Nudges } from "./cell/nudges.ts";
import { PresenceReports } from "./cell/presence.ts";
import { ReplayFiles } from "./cell/replay-files.ts";
import { ResetReports } from "./cell/reset-reports.ts";
import type { Client, ServedSession } from "./cell/served-session.ts";
import { Sessions } from "./cell/sessions.ts";
import type { Transport } from "./client/transport.ts";
import type { Config } from "./config.ts";
import { CellFiles } from "./files/cell-files.ts";
import { GdbFiles } from "./files/gdb-files.ts";
import { DeadPeers } from "./gateway/dead-peers.ts";
import { createHttp } from "./gateway/http.ts";
import { addRoutes } from "./gateway/routes.ts";
import { TcpEntries } from "./gateway/tcp-entries.ts";
import { Tickets, type TicketUse } from "./gateway/tickets.ts";
import { Upgrades } from "./gateway/upgrade.ts";
import type { LinkTransport } from "./link/link-port.ts";
import { NearLink } from "./link/near-link.ts";
import { Metrics } from "./metrics.ts";
import { LINK_OFFER } from "./policy/handshake.ts";
import { RESUMES } from "./policy/resume.ts";
import { ensureSealKey } from "./record/seal-key.ts";

const VERSION = "0.1.0";
const WILDCARDS = ["0.0.0.0", "::"];
const LOOPBACK = "127.0.0.1";

/** gdb-proxy: the machines of one cell, reachable by gdb and console clients, filtered and recorded. */
export class GdbProxy implements AsyncDisposable {
  readonly #log: Logger;
  readonly #redis: Redis;
  readonly #config: Config;
  readonly #sign: SealSigner;
  readonly #sessions: Sessions;
  readonly #folders: MachineFolders;
  readonly #link: CellLink;
  readonly #errands: MachineErrands;
  readonly #replayFiles: ReplayFiles;
  readonly #files: CellFiles;
  readonly #presence: PresenceReports;
  readonly #metrics: Metrics;
  readonly #links = new Links();
  readonly #peers = new DeadPeers();
  readonly #stack = new AsyncDisposableStack();
  #entries: TcpEntries | null = null;
  #urls: CellProxy | null = null;

  private constructor(config: Config, log: Logger, cacheDirectory: string, sign: SealSigner) {
    this.#config = config;
    this.#sign = sign;
    this.#log = log;
    const stack = this.#stack;
    stack.use(this.#peers);
    const debug = (error: Error) => log.debug({ err: error }, "redis");
    this.#redis = stack.adopt(connectRedis(config.REDIS_URL, "command", debug), (redis) => redis.disconnect());
    const queue = new Queue(REPORTS_QUEUE, {
      connection: this.#redis,
      prefix: config.RINGSIDE_PREFIX,
      skipVersionCheck: true,
    });
    queue.on("error", debug);
    stack.defer(() => queue.close());
    this.#presence = stack.use(new PresenceReports(queue, log));
    const resets = stack.use(new ResetReports(queue, log));
    const cell = config.RINGSIDE_CELL;
    this.#link = stack.use(new CellLink(config.RINGSIDE_RUN_DIR));
    const nudges = new Nudges(this.#link, log);
    this.#sessions = new Sessions({
      cell,
      dataDirectory: config.RINGSIDE_DATA_DIR,
      sign,
      log,
      presence: (session, epoch, debuggers) =>
        this.#presence.report({ kind: "presence", session, epoch, cell, atMs: Date.now(), debuggers }),
      resetWanted: (session, epoch, user) =>
        resets.report({ kind: "reset_wanted", session, epoch, cell, atMs: Date.now(), user }),
      wakeMachine: (session) => this.#errands.wanted(session),
      nudge: (session, epoch) => nudges.nudge(session, epoch),
    });
    this.#folders = new MachineFolders(config.RINGSIDE_RUN_DIR, log, (found) => {
      this.#sessions.update(found);
      this.#errands.hibernateIdle();
    });
    this.#metrics = new Metrics(this.#sessions);
    const [sessions, link, metrics] = [this.#sessions, this.#link, this.#metrics];
    const freshen = (session: string) => this.#freshen(session);
    this.#errands = new MachineErrands({ sessions, link, metrics, log, freshen });
    this.#files = new CellFiles(cacheDirectory, log);
    this.#replayFiles = new ReplayFiles({ dataDirectory: config.RINGSIDE_DATA_DIR, cacheDirectory, log });
  }

  /**
   * Starts everything; resolves when clients can connect.
   * @param cacheDirectory where the cell's runner keeps its images and templates
   */
  static async start(config: Config, log: Logger, cacheDirectory: string): Promise<GdbProxy> {
    const proxy = new GdbProxy(config, log, cacheDirectory, await ensureSealKey(config.RINGSIDE_DATA_DIR));
    try {
      await proxy.#start();
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
    return proxy;
  }

  /** What is announced: where this cell is reached. */
  get urls(): CellProxy {
    assert(this.#urls !== null, "the proxy has been started");
    return this.#urls;
  }

  /** Drains: connections are ended, machines run on, traces are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#entries?.closeAll();
    await this.#stack.disposeAsync();
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const publicKey = await importSPKI(await readFile(config.RINGSIDE_TICKET_PUBLIC_KEY_FILE, "utf8"), "EdDSA");
    await mkdir(join(config.RINGSIDE_DATA_DIR, "traces"), { recursive: true });
    const tickets = new Tickets({
      publicKey,
      cell: config.RINGSIDE_CELL,
      redis: this.#redis,
      prefix: config.RINGSIDE_PREFIX,
    });
    const app = createHttp(this.#log);
    this.#stack.defer(() => app.close());
    const redeem = (jwt: string | null, use: TicketUse) => this.#counted(() => tickets.redeem(jwt, use));
    addRoutes(app, {
      version: VERSION,
      origins: config.RINGSIDE_ORIGINS,
      redeem,
      openTcpEntry: (claims, source) => this.#counted(() => this.#openTcpEntry(claims, source)),
      machine: (session, errand) => this.#counted(() => this.#errands.perform(session, errand)),
      seal: async (session) => {
        this.#entries?.close(session);
        this.#links.end(session, new RingsideError("session_ended"));
        // A machine that has just ended is in the recording, too.
        await this.#freshen(session);
        return this.#sessions.seal(session, async () => (await this.#link.ask({ do: "finish", session })).recordings);
      },
      readTrace: (session) => readTraceBytes(this.#sessions.traceDirectory(session)),
      readRecording: (session, epoch) => this.#replayFiles.recording(session, epoch),
      readTemplate: (contents) => this.#replayFiles.template(contents),
      readiness: () => this.#readiness(),
      metrics: this.#metrics.registry,
    });
    const upgrades = new Upgrades(app.server, {
      origins: config.RINGSIDE_ORIGINS,
      log: this.#log,
      peers: this.#peers,
      redeem,
      connect: (kind, claims, transport) => this.#counted(() => this.#connect(kind, claims, transport)),
      connectLink: (claims, transport) => this.#counted(() => this.#connectLink(claims, transport)),
    });
    this.#stack.defer(() => upgrades.close());
    this.#stack.defer(() => this.#sessions.drain());
    this.#stack.defer(() => this.#links.endAll(new RingsideError("shutting_down")));
    this.#stack.use(this.#folders);
    await this.#folders.start();
    await awaitRedis(this.#redis);
    await app.listen({ host: config.RINGSIDE_PROXY_HOST, port: config.RINGSIDE_PROXY_PORT });
    this.#announce(app.server.address());
  }

  #announce(address: ReturnType<import("node:net").Server["address"]>): void {
    const config = this.#config;
    if (address === null || typeof address === "string") throw new RingsideError("internal");
    const host = WILDCARDS.includes(config.RINGSIDE_PROXY_HOST) ? LOOPBACK : config.RINGSIDE_PROXY_HOST;
    const authority = `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
    const { key, publicKey } = this.#sign;
    const urls = cellProxySchema.parse({
      cell: config.RINGSIDE_CELL,
      publicUrl: (config.RINGSIDE_PROXY_PUBLIC_URL ?? `ws://${authority}`).replace(/\/+$/, ""),
      internalUrl: (config.RINGSIDE_PROXY_INTERNAL_URL ?? `http://${authority}`).replace(/\/+$/, ""),
      sealKey: { key, publicKey },
    });
    this.#urls = urls;
    const bind = config.RINGSIDE_TCP_BIND;
    this.#entries = new TcpEntries({
      bind,
      host: WILDCARDS.includes(bind) ? new URL(urls.publicUrl).hostname : bind,
      ports: config.RINGSIDE_TCP_PORTS,
      allow: config.RINGSIDE_TCP_ALLOW,
      log: this.#log,
      peers: this.#peers,
    });
    this.#stack.use(new Announcement(this.#redis, config.RINGSIDE_PREFIX, urls, this.#log));
  }

  async #counted<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const code = error instanceof RingsideError ? error.code : "internal";
      this.#metrics.refused.inc({ code: `${code}` });
      throw error;
    }
  }

  /** The session may have become ready since the last look. */
  async #freshen(session: string): Promise<void> {
    await this.#folders.look();
    await this.#sessions.settled(session);
  }

  async #connect(kind: "gdb" | "console", claims: TicketClaims, transport: Transport): Promise<void> {
    const client: Client = { user: claims.sub, role: claims.role };
    const session = await this.#errands.awake(claims.sid);
    if (kind === "gdb") {
      session.attachGdb(transport, client, await this.#filesFor(session));
    } else {
      session.attachConsole(transport, client);
    }
    this.#metrics.connections.inc({ kind, via: transport.via });
  }

  async #filesFor(session: ServedSession): Promise<GdbFiles | null> {
    const files = await this.#files.find(session.served().file.image);
    return files === null ? null : new GdbFiles(files);
  }

  /** A near agent's link: no debugger yet, until a gdb connects over there. */
  async #connectLink({ sid, sub: user, role }: TicketClaims, transport: LinkTransport): Promise<void> {
    // A machine that sleeps is woken by a gdb, not by a link without one.
    const known = this.#sessions.find(sid)?.machine ?? (await this.#errands.awake(sid)).served();
    const { arch } = known.file;
    const link: NearLink = new NearLink(transport, {
      hello: { type: "hello", session: sid, user, role, arch, offer: LINK_OFFER, resumes: RESUMES },
      attach: (debuggerOf, again) =>
        this.#counted(async () => {
          const session = await this.#errands.awake(sid);
          session.attachDebugger(debuggerOf, { user, role, via: "link" }, again);
          this.#metrics.connections.inc({ kind: "gdb", via: "link" });
        }),
      closed: () => this.#links.remove(sid, link),
    });
    this.#links.add(sid, link);
    link.start();
  }

  async #openTcpEntry(claims: TicketClaims, source: string): Promise<TcpEntry> {
    if (this.#entries === null) throw new RingsideError("session_not_ready");
    this.#entries.mustAllow(source);
    (await this.#errands.awake(claims.sid)).mustTake(claims.role);
    return this.#entries.open(claims.sid, source, async (transport) => {
      const session = await this.#errands.awake(claims.sid);
      session.attachGdb(transport, { user: claims.sub, role: claims.role }, await this.#filesFor(session));
      this.#metrics.connections.inc({ kind: "gdb", via: transport.via });
    });
  }

  async #readiness(): Promise<Record<string, { ok: boolean; detail: string }>> {
    const check = async (probe: () => Promise<unknown>) => {
      try {
        await probe();
        return { ok: true, detail: "" };
      } catch (error) {
        return { ok: false, detail: (error as NodeJS.ErrnoException).code ?? "no answer" };
      }
    };
    return {
      redis: await check(() => this.#redis.ping()),
      run: await check(() => access(this.#config.RINGSIDE_RUN_DIR, constants.R_OK)),
      traces: await check(() => access(join(this.#config.RINGSIDE_DATA_DIR, "traces"), constants.W_OK)),
    };
  }
}
