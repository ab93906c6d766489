import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { CONSOLE_INPUT_BYTES_MAX, CONSOLE_PACED_BYTES } from "../limits.ts";
import { Keyboard } from "./keyboard.ts";

let server: Server;
const guests: Socket[] = [];

beforeAll(async () => {
  server = createServer((socket) => guests.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterAll(() => {
  for (const socket of guests) socket.destroy();
  server.close();
});

/** A keyboard, the socket that it writes to, and the guest's end of that. */
async function plug(paced: boolean, guestMayRun = () => true) {
  const [drained, nudge] = [vi.fn(), vi.fn()];
  const keyboard = new Keyboard({ paced, guestMayRun, drained, nudge });
  const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
  await once(socket, "connect");
  const seen = guests.length;
  await vi.waitFor(() => expect(guests.length).toBeGreaterThanOrEqual(Math.max(1, seen)));
  const guest = guests.at(-1);
  if (guest === undefined) throw new Error("no guest");
  const pieces: string[] = [];
  guest.on("data", (bytes) => pieces.push(bytes.toString("latin1")));
  return { keyboard, socket, guest, pieces, drained, nudge };
}

describe("the keyboard of a plain machine", () => {
  it("keeps what is typed while there is no machine, and gives it over in order", async () => {
    const { keyboard, socket, pieces } = await plug(false);
    keyboard.type(Buffer.from("hel"));
    keyboard.type(Buffer.from("lo"));
    keyboard.connect(socket);
    keyboard.type(Buffer.from("\r"));
    await vi.waitFor(() => expect(pieces.join("")).toBe("hello\r"));
    socket.destroy();
  });

  it("is full where nobody takes what is typed, and has room again when somebody does", async () => {
    const { keyboard, socket, pieces, drained } = await plug(false);
    keyboard.type(Buffer.alloc(CONSOLE_INPUT_BYTES_MAX, "x"));
    expect(keyboard.isFull).toBe(false);
    keyboard.type(Buffer.from("x"));
    expect(keyboard.isFull).toBe(true);
    keyboard.connect(socket);
    await vi.waitFor(() => expect(pieces.join("")).toHaveLength(CONSOLE_INPUT_BYTES_MAX + 1));
    expect(keyboard.isFull).toBe(false);
    expect(drained).toHaveBeenCalled();
    socket.destroy();
  });
});

describe("the keyboard of a recorded machine", () => {
  it("never has more under way than the port's FIFO takes, and loses nothing, whatever the echo", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary-ascii", maxLength: 60 }),
        fc.array(fc.nat(3)),
        async (text, echoes) => {
          const { keyboard, socket, guest, pieces } = await plug(true);
          let most = 0;
          guest.on("data", (bytes) => {
            most = Math.max(most, bytes.length);
            // An echo of the whole, of some, of more, or none at all.
            const echo = bytes.length * ((echoes.shift() ?? 1) / 2);
            if (echo > 0) keyboard.heard(Math.ceil(echo));
          });
          keyboard.connect(socket);
          keyboard.type(Buffer.from(text, "latin1"));
          await vi.waitFor(() => expect(pieces.join("")).toBe(text));
          expect(most).toBeLessThanOrEqual(CONSOLE_PACED_BYTES);
          socket.destroy();
        },
      ),
      { numRuns: 20 },
    );
  });

  it("sends nothing while the guest stands still", async () => {
    let runs = false;
    const { keyboard, socket, pieces } = await plug(true, () => runs);
    keyboard.connect(socket);
    keyboard.type(Buffer.from("0123456789"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(pieces).toEqual([]);
    runs = true;
    await vi.waitFor(() => expect(pieces.join("")).toBe("0123456789"));
    expect(pieces[0]).toHaveLength(CONSOLE_PACED_BYTES);
    socket.destroy();
  });

  it("has the guest look once something was written, and once more where no echo comes", async () => {
    const { keyboard, socket, pieces, nudge } = await plug(true);
    keyboard.connect(socket);
    expect(nudge).not.toHaveBeenCalled();
    keyboard.type(Buffer.from("a"));
    expect(nudge).toHaveBeenCalledTimes(1);
    keyboard.heard(1);
    keyboard.type(Buffer.from("b"));
    expect(nudge).toHaveBeenCalledTimes(2);
    await vi.waitFor(() => expect(nudge).toHaveBeenCalledTimes(3));
    expect(pieces.join("")).toBe("ab");
    socket.destroy();
  });

  it("nudges no plain machine", async () => {
    const { keyboard, socket, pieces, nudge } = await plug(false);
    keyboard.connect(socket);
    keyboard.type(Buffer.from("hello"));
    await vi.waitFor(() => expect(pieces.join("")).toBe("hello"));
    expect(nudge).not.toHaveBeenCalled();
    socket.destroy();
  });
});
