import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, vi } from "vitest";
import { WebSocketServer } from "ws";
import { WebSocketTransport } from "../client/ws-transport.ts";
import { LINK_SERVER } from "../link/link-server.ts";
import { type Hello, NearLink, type NearLinkOptions } from "../link/near-link.ts";
import { GuestModel } from "./guest-model.ts";
import { NearClient } from "./near-client.ts";
import { SeatModel } from "./seat-model.ts";

/** Where the guest of a LinkBench has pages: its code, its stack, its memory, and what may be a device. */
export const CODE = 0xffff_ffff_8100_0000n;
export const STACK = 0xffff_c900_0000_0000n;
export const RAM = 0xffff_8880_0100_0000n;
export const NOT_RAM = 0xffff_c900_0010_0000n;

export const HELLO: Hello = {
  type: "hello",
  session: "ses_00000000000000000000",
  user: "usr_00000000000000000000",
  role: "driver",
  arch: "x86_64",
  offer: "vContSupported+",
  resumes: "vCont;c;C;s;S;r",
};

/** Links over real WebSockets that say to be 50 ms long, and a model of the hub behind them. */
export class LinkBench {
  guest = new GuestModel();
  seat = new SeatModel(this.guest);
  attach: NearLinkOptions["attach"] = async () => undefined;
  /** Of the link that was opened last. */
  link: NearLink | null = null;
  transport: WebSocketTransport | null = null;
  readonly #server: WebSocketServer;
  readonly #clients: NearClient[] = [];

  private constructor(server: WebSocketServer, stallMs: number | undefined) {
    this.#server = server;
    server.on("connection", (ws) => {
      const transport = new WebSocketTransport(ws, stallMs);
      vi.spyOn(transport, "roundTripMs", "get").mockReturnValue(50);
      this.transport = transport;
      this.link = new NearLink(transport, {
        hello: HELLO,
        attach: (debuggerOf, again) => this.attach(debuggerOf, again),
        closed: () => undefined,
        nowMs: () => 0,
      });
      this.link.start();
    });
  }

  /** @param stallMs after which a client that reads nothing is closed */
  static async start(stallMs?: number): Promise<LinkBench> {
    const server = new WebSocketServer({ ...LINK_SERVER, port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    return new LinkBench(server, stallMs);
  }

  /** A fresh guest, stopped in its kernel. */
  begin(): void {
    const guest = new GuestModel();
    guest.map(CODE, 40);
    guest.map(STACK, 4);
    guest.map(RAM, 40);
    guest.map(NOT_RAM, 1);
    guest.registers.set("rip", CODE + 0x800n).set("rsp", STACK + 0x2e00n);
    this.guest = guest;
    this.seat = new SeatModel(guest);
    this.attach = async (debuggerOf, again) => this.seat.attach(debuggerOf, again !== null && again.awaits !== null);
  }

  connect(): NearClient {
    const client = new NearClient(`ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
    this.#clients.push(client);
    return client;
  }

  async attached(): Promise<NearClient> {
    const client = this.connect();
    await client.attach();
    return client;
  }

  /** Every byte of a page that was sent is the guest's. */
  expectTrue(pages: ReadonlyMap<string, Uint8Array>): void {
    for (const [at, bytes] of pages) {
      expect(Buffer.compare(bytes, this.guest.pages.get(BigInt(`0x${at}`)) ?? Buffer.alloc(0))).toBe(0);
    }
  }

  /** Cuts the clients, none of which may have been told what it did not ask for. */
  end(): void {
    for (const client of this.#clients.splice(0)) {
      expect(client.faults).toEqual([]);
      client.ws.terminate();
    }
    expect(this.seat.faults).toEqual([]);
  }

  close(): void {
    this.#server.close();
  }
}
