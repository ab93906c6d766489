import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeadPeers } from "./dead-peers.ts";

let server: Server;
let client: Socket;
let accepted: Socket;

async function open(host: string): Promise<void> {
  server = createServer();
  server.listen(0, host);
  await once(server, "listening");
  client = connect((server.address() as AddressInfo).port, host === "::" ? "127.0.0.1" : host);
  [accepted] = (await once(server, "connection")) as [Socket];
  accepted.on("error", () => undefined);
}

beforeEach(() => open("127.0.0.1"));
afterEach(() => {
  client.destroy();
  server.close();
});

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
const hex = (n: number, digits: number) => n.toString(16).toUpperCase().padStart(digits, "0");
/** The kernel's line for the accepted socket. */
function line(
  tries: number,
  options: { readonly timer?: string; readonly address?: string; readonly state?: string } = {},
) {
  const { timer = "01", address = "0100007F", state = "01" } = options;
  const [local, remote] = [hex(accepted.localPort ?? 0, 4), hex(accepted.remotePort ?? 0, 4)];
  return `${HEAD}   2: ${address}:${local} ${address}:${remote} ${state} 00000005:00000000 ${timer}:000000DF ${hex(tries, 8)}     0        0 3030816 3\n`;
}

/** Looks every five seconds, at these tables. */
async function looks(...tables: readonly string[]): Promise<boolean> {
  let [now, table] = [0, ""];
  using peers = new DeadPeers({
    tables: async () => [table, ""],
    lookMs: 1_000_000,
    silenceMs: 10_000,
    nowMs: () => now,
  });
  peers.watch(accepted);
  for (const next of tables) {
    table = next;
    await peers.look();
    now += 5_000;
  }
  return accepted.destroyed;
}

describe("a peer", () => {
  it("that acknowledges nothing for as long as it may is cut", async () => {
    expect(await looks(line(3), line(5), line(6))).toBe(true);
  });

  it("that has closed while its socket was paused is cut at the second look", async () => {
    const there = line(0, { timer: "00" });
    expect(await looks(there, line(0, { timer: "00", state: "08" }))).toBe(false);
    expect(await looks(there, HEAD)).toBe(false);
    expect(await looks(there, HEAD, line(0, { timer: "00", state: "08" }))).toBe(true);
  });

  it("that closes a paused socket is cut by the kernel's own table", async () => {
    using peers = new DeadPeers();
    accepted.pause();
    peers.watch(accepted);
    client.write("more than is read");
    await peers.look();
    client.destroy();
    await vi.waitFor(async () => {
      await peers.look();
      expect(accepted.destroyed).toBe(true);
    });
  });

  it.each<readonly [string, () => readonly string[]]>([
    ["acknowledges in between", () => [line(3), line(5), line(1), line(4), line(2)]],
    ["is silent for less", () => [line(3), line(5), line(0), line(6), line(6)]],
    ["does not read", () => Array(6).fill(line(6, { timer: "04" }))],
    ["is not in the table", () => Array(6).fill(HEAD)],
    ["is another one", () => Array(6).fill(line(6, { address: "0200007F" }))],
    ["has a table that is none", () => Array(6).fill("\0".repeat(1_000))],
  ])("that %s is left alone", async (_name, tables) => {
    expect(await looks(...tables())).toBe(false);
  });

  it("is found by IPv6, and by IPv4 on a socket for both", async () => {
    client.destroy();
    server.close();
    await open("::1");
    const own = { address: "00000000000000000000000001000000" };
    expect(await looks(line(3, own), line(5, own), line(6, own))).toBe(true);
    client.destroy();
    server.close();
    await open("::");
    const mapped = { address: "0000000000000000FFFF00000100007F" };
    expect(await looks(line(3, mapped), line(5, mapped), line(6, mapped))).toBe(true);
  });

  it("is forgotten when it closes", async () => {
    using peers = new DeadPeers();
    peers.watch(accepted);
    expect(peers.size).toBe(1);
    client.end();
    accepted.destroy();
    await vi.waitFor(() => expect(peers.size).toBe(0));
  });

  it("that lives is left alone by the kernel's own table", async () => {
    using peers = new DeadPeers({ silenceMs: 0 });
    peers.watch(accepted);
    accepted.write("hello");
    for (let round = 0; round < 3; round += 1) await peers.look();
    expect(accepted.destroyed).toBe(false);
  });
});
