import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { closeCodeFor, RingsideError } from "@ringside/shared";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { WebSocketTransport } from "./ws-transport.ts";

let server: WebSocketServer;

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
});

afterAll(() => server.close());

async function pair(): Promise<{ client: WebSocket; accepted: WebSocket }> {
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [accepted] = await once(server, "connection");
  await once(client, "open");
  return { client, accepted };
}

describe("a WebSocket transport", () => {
  it("closes a client that reads nothing, with the code for it, and cuts it off", async () => {
    const { client, accepted } = await pair();
    client.pause();
    const transport = new WebSocketTransport(accepted, 100);
    const closed = vi.fn();
    transport.start({ data: () => undefined, drained: () => undefined, closed });
    const close = vi.spyOn(accepted, "close");
    for (let i = 0; i < 200; i += 1) transport.send(Buffer.alloc(64 * 1024));
    expect(transport.unsentBytes).toBeGreaterThan(0);
    await vi.waitFor(() => expect(closed).toHaveBeenCalledExactlyOnceWith("client_stalled"), { timeout: 10_000 });
    expect(close).toHaveBeenCalledWith(closeCodeFor("client_stalled"), expect.any(String));
    client.terminate();
  });

  it("keeps a slow client that does read", async () => {
    const { client, accepted } = await pair();
    const transport = new WebSocketTransport(accepted, 200);
    const closed = vi.fn();
    const drained = vi.fn();
    transport.start({ data: () => undefined, drained, closed });
    for (let i = 0; i < 50; i += 1) transport.send(Buffer.alloc(64 * 1024));
    await vi.waitFor(() => expect(drained).toHaveBeenCalled(), { timeout: 10_000 });
    expect(transport.unsentBytes).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(closed).not.toHaveBeenCalled();
    client.terminate();
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce());
  });

  it("cuts a reason that is too long for a close frame, between characters", async () => {
    const { client, accepted } = await pair();
    const transport = new WebSocketTransport(accepted);
    transport.start({ data: () => undefined, drained: () => undefined, closed: () => undefined });
    transport.end(new RingsideError("machine_gone", { message: "机器".repeat(60) }));
    const [code, reason] = await once(client, "close");
    expect(code).toBe(closeCodeFor("machine_gone"));
    expect(String(reason)).toBe("机器".repeat(21).slice(0, 41));
  });
});
