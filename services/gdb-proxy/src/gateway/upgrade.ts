import { randomUUID } from "node:crypto";
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { LINK_PROTOCOL } from "@ringside/link";
import {
  closeCodeFor,
  ERRORS,
  type ErrorBody,
  RingsideError,
  sessionIdSchema,
  type TicketClaims,
  WS_PROTOCOL,
} from "@ringside/shared";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import type { Transport } from "../client/transport.ts";
import { closeWebSocket, WebSocketTransport } from "../client/ws-transport.ts";
import {
  CLIENT_FRAGMENTS_MAX,
  CLIENT_FRAME_BYTES_MAX,
  CLOSE_GRACE_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_RETRY_SECONDS,
} from "../limits.ts";
import type { LinkTransport } from "../link/link-port.ts";
import { LINK_SERVER } from "../link/link-server.ts";
import { checkOrigin, ticketOf } from "./credentials.ts";
import type { DeadPeers } from "./dead-peers.ts";
import type { TicketUse } from "./tickets.ts";

export interface UpgradeOptions {
  readonly origins: readonly string[];
  readonly log: Logger;
  readonly redeem: (jwt: string | null, use: TicketUse) => Promise<TicketClaims>;
  /** Gives a connection to its session; what it throws closes the connection with its code. */
  readonly connect: (kind: "gdb" | "console", claims: TicketClaims, transport: Transport) => Promise<void>;
  /** The same for a near agent's link, which takes a ticket for gdb. */
  readonly connectLink: (claims: TicketClaims, transport: LinkTransport) => Promise<void>;
  readonly peers: DeadPeers;
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
 * Takes WebSocket upgrades. One that another site's page asks for is refused with 403, and 429 where there are too many
 * connections; any other refused one is accepted and closed with the error's code, because a browser shows its page
 * nothing of a refused upgrade. Messages are small and uncompressed, but for a link's; fragments are
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
  /** Upgrades whose ticket is being looked at. */
  #admitting = 0;

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
    const early = this.#refusedAtOnce(request);
    if (early !== null) {
      this.#options.log.info({ code: early.code }, "an upgrade was refused");
      answerAndClose(socket, early);
      return;
    }
    this.#admitting += 1;
    const admitted = await this.#admit(request).catch((error: unknown) => error);
    this.#admitting -= 1;
    if (socket.destroyed) return;
    // A refused one is answered in its subprotocol, too, or its client does not see why.
    const isLink = isAdmitted(admitted) ? admitted.channel === "link" : speaksLink(request);
    const server = isLink ? this.#links : this.#server;
    server.handleUpgrade(request, socket, head, (ws) => {
      if (socket instanceof Socket) {
        socket.setNoDelay(true);
        this.#options.peers.watch(socket);
      }
      if (isAdmitted(admitted)) this.#connect(ws, admitted);
      else this.#refuse(ws, admitted);
    });
  }

  #refusedAtOnce({ headers }: IncomingMessage): RingsideError | null {
    try {
      checkOrigin(headers, this.#options.origins);
    } catch (error) {
      return error instanceof RingsideError ? error : new RingsideError("internal", { cause: error });
    }
    const open = this.#server.clients.size + this.#links.clients.size + this.#admitting;
    if (open < CONNECTIONS_MAX) return null;
    return new RingsideError("rate_limited", {
      message: "This server has as many connections as it takes: try again soon",
      retryAfterSeconds: CONNECTIONS_RETRY_SECONDS,
    });
  }

  async #admit(request: IncomingMessage): Promise<Admitted> {
    const { channel, session } = useOf(request.url);
    if (channel === "link" && !speaksLink(request)) {
      throw new RingsideError("bad_request", { message: `A link speaks ${LINK_PROTOCOL}` });
    }
    const kind = channel === "console" ? "console" : "gdb";
    return { channel, claims: await this.#options.redeem(ticketOf(request.headers), { kind, session }) };
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

/** Answers an upgrade as any other request that is refused. */
function answerAndClose(socket: Duplex, { code, message, retryAfterSeconds }: RingsideError): void {
  const body = JSON.stringify({ code, message, requestId: randomUUID() } satisfies ErrorBody);
  const { status } = ERRORS[code];
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    ...(retryAfterSeconds === undefined ? [] : [`retry-after: ${retryAfterSeconds}`]),
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  const cut = setTimeout(() => socket.destroy(), CLOSE_GRACE_MS);
  socket.once("close", () => clearTimeout(cut));
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
