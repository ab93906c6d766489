import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { LINK_PROTOCOL } from "@ringside/link";
import { closeCodeFor, RingsideError, sessionIdSchema, type TicketClaims, WS_PROTOCOL } from "@ringside/shared";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import type { Transport } from "../client/transport.ts";
import { closeWebSocket, WebSocketTransport } from "../client/ws-transport.ts";
import { CLIENT_FRAGMENTS_MAX, CLIENT_FRAME_BYTES_MAX, CONNECTIONS_MAX } from "../limits.ts";
import type { LinkTransport } from "../link/link-port.ts";
import { LINK_SERVER } from "../link/link-server.ts";
import { checkOrigin, ticketOf } from "./credentials.ts";
import type { TicketUse } from "./tickets.ts";

export interface UpgradeOptions {
  readonly origins: readonly string[];
  readonly log: Logger;
  readonly redeem: (jwt: string | null, use: TicketUse) => Promise<TicketClaims>;
  /** Gives a connection to its session; what it throws closes the connection with its code. */
  readonly connect: (kind: "gdb" | "console", claims: TicketClaims, transport: Transport) => Promise<void>;
  /** The same for a near agent's link, which takes a ticket for gdb. */
  readonly connectLink: (claims: TicketClaims, transport: LinkTransport) => Promise<void>;
}

/** What a WebSocket carries: a gdb's bytes, a console's, or a near agent's messages. */
type Channel = "gdb" | "console" | "link";

const PATH = /^\/v1\/sessions\/([^/?]{1,64})\/(gdb|console|link)$/;

/** What a WebSocket request is for. */
function useOf(url: string | undefined): { channel: Channel; session: string } {
  const [, id, channel] = PATH.exec(url ?? "") ?? [];
  const session = sessionIdSchema.safeParse(id);
  if (!session.success) throw new RingsideError("not_found");
  return { channel: channel === "gdb" || channel === "link" ? channel : "console", session: session.data };
}

/**
 * Takes WebSocket upgrades. A refused one is accepted and closed with the error's code, because a browser
 * shows its page nothing of a refused upgrade. Messages are small and uncompressed, but for a link's; fragments are
 * few.
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
  readonly #links = new WebSocketServer({ ...LINK_SERVER, noServer: true });

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
    for (const server of [this.#server, this.#links]) {
      for (const ws of server.clients) ws.terminate();
      server.close();
    }
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (this.#server.clients.size + this.#links.clients.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    const admitted = await this.#admit(request).catch((error: unknown) => error);
    if (socket.destroyed) return;
    // A refused one is answered in its subprotocol, too, or its client does not see why.
    const isLink = isAdmitted(admitted) ? admitted.channel === "link" : speaksLink(request);
    const server = isLink ? this.#links : this.#server;
    server.handleUpgrade(request, socket, head, (ws) => {
      (socket as Partial<{ setNoDelay(on: boolean): void }>).setNoDelay?.(true);
      if (isAdmitted(admitted)) this.#connect(ws, admitted);
      else this.#refuse(ws, admitted);
    });
  }

  async #admit(request: IncomingMessage): Promise<Admitted> {
    const { origins, redeem } = this.#options;
    checkOrigin(request.headers, origins);
    const { channel, session } = useOf(request.url);
    if (channel === "link" && !speaksLink(request)) {
      throw new RingsideError("bad_request", { message: `A link speaks ${LINK_PROTOCOL}` });
    }
    const kind = channel === "console" ? "console" : "gdb";
    return { channel, claims: await redeem(ticketOf(request.headers), { kind, session }) };
  }

  #connect(ws: WebSocket, { channel, claims }: Admitted): void {
    ws.pause();
    const transport = new WebSocketTransport(ws);
    const { connect, connectLink } = this.#options;
    const connected = channel === "link" ? connectLink(claims, transport) : connect(channel, claims, transport);
    connected.then(
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

/** Whether it offers the subprotocol. */
const speaksLink = ({ headers }: IncomingMessage): boolean =>
  (headers["sec-websocket-protocol"] ?? "").split(",").some((name) => name.trim() === LINK_PROTOCOL);

interface Admitted {
  readonly channel: Channel;
  readonly claims: TicketClaims;
}

const isAdmitted = (value: unknown): value is Admitted =>
  typeof value === "object" && value !== null && "claims" in value && !(value instanceof Error);
