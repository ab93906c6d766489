import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Relay } from "./relay.ts";

const portOf = (server: Server) => (server.address() as { port: number }).port;

describe("Relay", () => {
  let stub: Server;
  let relay: Relay;
  /** The stub's end of each connection, in order. */
  let stubEnds: Socket[];

  beforeEach(async () => {
    stubEnds = [];
    stub = createServer((socket) => stubEnds.push(socket));
    stub.listen(0, "127.0.0.1");
    await once(stub, "listening");
    relay = await Relay.open();
  });

  afterEach(async () => {
    for (const socket of stubEnds) socket.destroy();
    stub.close();
    await relay[Symbol.asyncDispose]();
  });

  /** Asks for a port as the board file does. */
  async function ask(line: string): Promise<string> {
    const socket = connect(relay.port, "127.0.0.1").setEncoding("latin1");
    socket.write(line);
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    return answer;
  }

  async function received(socket: Socket, length: number): Promise<string> {
    let text = "";
    while (text.length < length) text += String((await once(socket, "data"))[0]);
    return text;
  }

  it.each(["127.0.0.1", "::1"])("carries gdb at %s to the stub and back", async (host) => {
    const answer = await ask(`${portOf(stub)}\n`);
    expect(answer).toMatch(/^\d+\n$/);
    const gdb = connect(Number(answer), host);
    gdb.write("+$g#67\x03");
    await once(stub, "connection");
    const [stubEnd] = stubEnds;
    if (stubEnd === undefined) throw new Error("no connection");
    expect(await received(stubEnd, 6)).toBe("+$g#67\x03");
    stubEnd.write("$0* #7a%Stop:T05#99");
    expect(await received(gdb, 20)).toBe("$0000#c0%Stop:T05#99");
    expect(relay.counts).toMatchObject({ packets: 2, notifications: 1, interrupts: 1, acknowledgements: 1 });
    gdb.end();
    await once(stubEnd, "end");
    stubEnd.end();
    await once(gdb, "close");
    expect(relay.counts).toMatchObject({ packets: 2 });
  });

  it("gives the same port again for the same gdbserver, and none for what is no port", async () => {
    const line = `${portOf(stub)}\n`;
    expect(await ask(line)).toBe(await ask(line));
    expect(await ask("0\n")).toBe("");
    expect(await ask("junk\n")).toBe("");
    expect(await ask("1".repeat(100))).toBe("");
  });

  it("ends gdb's connection where there is no gdbserver", async () => {
    const port = await relay.relay(portOf(stub));
    stub.close();
    const gdb = connect(port, "127.0.0.1");
    await once(gdb, "close");
  });

  it("ends every connection and forgets its counts when it is cleared", async () => {
    const port = await relay.relay(portOf(stub));
    const gdb = connect(port, "127.0.0.1");
    gdb.write("$g#67");
    await once(stub, "connection");
    const closed = new Promise((resolve) => gdb.on("error", () => undefined).on("close", resolve));
    await relay.clear();
    await closed;
    expect(relay.counts.packets).toBe(0);
    const refused = connect(port, "127.0.0.1");
    await expect(once(refused, "connect")).rejects.toThrow("ECONNREFUSED");
  });
});
