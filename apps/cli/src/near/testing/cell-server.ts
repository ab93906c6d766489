import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeFrame, type FarMessage, LINK_PROTOCOL, PageSender, readNear } from "@ringside/link";
import { closeCodeFor, type ErrorCode } from "@ringside/shared";
import { type WebSocket, WebSocketServer } from "ws";
import type { Api } from "../../api/calls.ts";
import type { Pages } from "../page-cache.ts";
import { ModelCell } from "./model-cell.ts";
import { ModelStub } from "./model-stub.ts";

export const SESSION = "ses_00000000000000000001";

/** A cell's door over real WebSockets, for one machine that is a model. */
export interface CellServer extends AsyncDisposable {
  readonly api: Api;
  readonly stub: ModelStub;
  /** The ends of the links that are open, oldest first. */
  readonly links: readonly LinkEnd[];
  /** How many tickets were asked for. */
  readonly tickets: () => number;
  /** Closes all links and, until `accept`, refuses new ones with the code. */
  readonly refuse: (code: ErrorCode) => void;
  readonly accept: () => void;
  /** Cuts all links, as a proxy does that is killed. */
  readonly cut: () => void;
}

interface LinkEnd {
  readonly socket: WebSocket;
  readonly cell: ModelCell;
  /** While true, answers are held back. */
  hold: boolean;
  send(message: FarMessage, pages?: Pages): void;
  /** Sends what was held back. */
  let(): void;
}

export interface CellServerOptions {
  /** An older server: it knows no link, and echoes on the gdb path. */
  readonly old?: boolean;
  /** Role of the n-th attach, or a refusal. */
  readonly second?: "refused" | "accepted";
}

/** Starts it on a free port of loopback. */
export async function startCellServer(options: CellServerOptions = {}): Promise<CellServer> {
  const stub = new ModelStub();
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const port = (http.address() as AddressInfo).port;
  const links: LinkEnd[] = [];
  let refusal: ErrorCode | null = null;
  let tickets = 0;
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(LINK_PROTOCOL) && options.old !== true ? LINK_PROTOCOL : false),
  });
  http.on("upgrade", (request, socket, head) => {
    server.handleUpgrade(request, socket, head, (ws) => {
      if (options.old === true) ws.on("message", (data) => ws.send(data));
      else if (refusal !== null) ws.close(closeCodeFor(refusal), refusal);
      else openLink(ws, stub, links, options);
    });
  });
  const api = {
    ticket: async () => {
      tickets += 1;
      return { url: `ws://127.0.0.1:${port}/v1/sessions/${SESSION}/gdb`, ticket: "t", role: "driver", expiresAt: "" };
    },
  } as unknown as Api;
  const cut = () => {
    for (const { socket } of [...links]) socket.terminate();
  };
  return {
    ...{ api, stub, links, cut, tickets: () => tickets },
    refuse: (code) => {
      refusal = code;
      cut();
    },
    accept: () => {
      refusal = null;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of server.clients) client.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function openLink(socket: WebSocket, stub: ModelStub, links: LinkEnd[], options: CellServerOptions): void {
  const sender = new PageSender();
  const cell = new ModelCell(stub);
  const end: LinkEnd = {
    socket,
    cell,
    hold: false,
    send: (message, pages = new Map()) => {
      const { heads, bytes } = sender.encode([...pages].map(([at, page]) => ({ at, bytes: page })));
      const text = JSON.parse(JSON.stringify(message)) as { pages?: unknown; bundle?: { pages: unknown } | null };
      if (message.type === "pages") text.pages = heads;
      else if (text.bundle) text.bundle.pages = heads;
      socket.send(encodeFrame(text, bytes));
    },
    let: () => {
      for (const { message, pages } of cell.let()) end.send(message, pages);
    },
  };
  links.push(end);
  const isSecond = links.length > 1;
  socket.on("message", (data: Buffer) => {
    const message = readNear(data);
    if (message.type === "attach" && isSecond && options.second === "refused") {
      end.send({ type: "refused", id: message.id, code: "debugger_busy", message: "Another debugger drives" });
      return;
    }
    cell.hear(message);
    if (!end.hold) end.let();
  });
  socket.on("close", () => links.splice(links.indexOf(end), 1));
  end.send(cell.hello());
}
