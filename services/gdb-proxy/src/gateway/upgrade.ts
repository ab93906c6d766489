import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { closeCodeFor, RingsideError, sessionIdSchema, type TicketClaims, WS_PROTOCOL } from "@ringside/shared";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import type { Transport } from "../client/transport.ts";
import { closeWebSocket, WebSocketTransport } from "../client/ws-transport.ts";
import { CLIENT_FRAGMENTS_MAX, CLIENT_FRAME_BYTES_MAX, CONNECTIONS_MAX } from "../limits.ts";
import { checkOrigin, ticketOf } from "./credentials.ts";
import type { TicketUse } from "./tickets.ts";

export interface UpgradeOptions {
  readonly origins: readonly string[];
  readonly log: Logger;
  readonly redeem: (jwt: string | null, use: TicketUse) => Promise<TicketClaims>;
  /** Gives a connection to its session; what it throws closes the connection with its code. */
  readonly connect: (kind: "gdb" | "console", claims: TicketClaims, transport: Transport) => Promise<void>;
}

const PATH = /^\/v1\/sessions\/([^/?]{1,64})\/(gdb|console)$/;

/** What a WebSocket request is for. */
function useOf(url: string | undefined): { kind: "gdb" | "console"; session: string } {
  const match = PATH.exec(url ?? "");
  const session = sessionIdSchema.safeParse(match?.[1]);
  if (!match || !session.success) throw new RingsideError("not_found");
  return { kind: match[2] === "gdb" ? "gdb" : "console", session: session.data };
}

/**
 * Takes WebSocket upgrades. A refused one is accepted and closed with the error's code, because a browser
 * shows its page nothing of a refused upgrade. Messages are small and uncompressed; fragments are few.
 */
export class Upgrades {
  readonly #options: UpgradeOptions;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: CLIENT_FRAME_BYTES_MAX,
    maxFragments: CLIENT_FRAGMENTS_MAX,
    perMessageDeflate: false,
    clientTracking: true,
    handleProtocols: (offered) => (offered.has(WS_PROTOCOL) ? WS_PROTOCOL : false),
  });

  constructor(http: Server, options: UpgradeOptions) {
    this.#options = options;
    http.on("upgrade", (request, socket, head) => {
      socket.on("error", (error: Error) => options.log.debug({ err: error }, "a socket before its upgrade"));
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        options.log.error({ err: error }, "an upgrade failed");
        socket.destroy();
      });
    });
  }

  /** Cuts what is still open. */
  close(): void {
    for (const ws of this.#server.clients) ws.terminate();
    this.#server.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (this.#server.clients.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const admitted = await this.#admit(request).catch((error: unknown) => error);
    if (socket.destroyed) return;
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      (socket as Partial<{ setNoDelay(on: boolean): void }>).setNoDelay?.(true);
      if (isAdmitted(admitted)) this.#connect(ws, admitted.kind, admitted.claims);
      else this.#refuse(ws, admitted);
    });
  }

  async #admit(request: IncomingMessage): Promise<Admitted> {
    const { origins, redeem } = this.#options;
    checkOrigin(request.headers, origins);
    const use = useOf(request.url);
    return { kind: use.kind, claims: await redeem(ticketOf(request.headers), use) };
  }

  #connect(ws: WebSocket, kind: "gdb" | "console", claims: TicketClaims): void {
    ws.pause();
    const transport = new WebSocketTransport(ws);
    this.#options.connect(kind, claims, transport).then(
      () => ws.resume(),
      (error: unknown) => this.#refuse(ws, error),
    );
  }

  #refuse(ws: WebSocket, cause: unknown): void {
    const error = cause instanceof RingsideError ? cause : new RingsideError("internal", { cause });
    this.#options.log.info({ err: error.code === "internal" ? error : undefined, code: error.code }, "refused");
    ws.on("error", (err) => this.#options.log.debug({ err }, "a refused connection"));
    ws.resume();
    closeWebSocket(ws, closeCodeFor(error.code), error.message);
  }
}

interface Admitted {
  readonly kind: "gdb" | "console";
  readonly claims: TicketClaims;
}

const isAdmitted = (value: unknown): value is Admitted =>
  typeof value === "object" && value !== null && "claims" in value && !(value instanceof Error);
