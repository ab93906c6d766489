import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CELL_LINK_SOCKET, newId } from "@ringside/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CellLink } from "./cell-link.ts";

let folder: string;
let server: Server;
let answer: RequestListener;
let connections: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rs-link-"));
  connections = 0;
  server = createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  });
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(join(folder, CELL_LINK_SOCKET));
  await once(server, "listening");
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const list = (link: CellLink) => link.ask({ do: "list", session: newId("ses") });

describe("the link to the runner", () => {
  it("asks again and again over one connection", async () => {
    using link = new CellLink(folder);
    answer = (_request, response) => response.end('{"states":[]}');
    for (let i = 0; i < 5; i += 1) expect(await list(link)).toEqual({ states: [] });
    expect(connections).toBe(1);
  });

  it("gives on what the runner refuses with, and when to try again", async () => {
    using link = new CellLink(folder);
    const body = { code: "no_capacity", message: "full", requestId: "00000000-0000-4000-8000-000000000000" };
    answer = (_request, response) => response.writeHead(503, { "retry-after": "7" }).end(JSON.stringify(body));
    await expect(list(link)).rejects.toMatchObject({ code: "no_capacity", message: "full", retryAfterSeconds: 7 });
  });

  const bad: ReadonlyArray<readonly [string, RequestListener, string]> = [
    ["is no JSON", (_request, response) => response.end("{"), "internal"],
    ["is another's", (_request, response) => response.end('{"bytes":1}'), "internal"],
    ["is an error without a code", (_request, response) => response.writeHead(500).end("oops"), "cell_unreachable"],
    ["never ends", (_request, response) => response.write("{"), "cell_unreachable"],
    ["is endless", (_request, response) => response.end(Buffer.alloc(1024 * 1024, " ")), "cell_unreachable"],
    ["breaks off", (request) => request.socket.destroy(), "cell_unreachable"],
    ["does not come", () => undefined, "cell_unreachable"],
  ];
  it.each(bad)("ends with a code where the answer %s", async (_name, listener, code) => {
    using link = new CellLink(folder, 500);
    answer = listener;
    await expect(list(link)).rejects.toMatchObject({ code });
  });
});
