import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { BRIDGE_CLOSE_MS, BRIDGE_HIGH_BYTES, BRIDGE_LOW_BYTES, BRIDGE_STALL_MS, WS_PING_MS } from "../limits.ts";
import { settledWithin } from "../settled.ts";
import { closeWords } from "./websocket.ts";

/**
 * Carries raw bytes between a local stream (gdb's socket, the terminal) and a WebSocket, unchanged.
 * What waits towards the server stays near BRIDGE_HIGH_BYTES: then the local side is not read. What waits
 * towards the local side stays near its own high-water mark and one frame: then the WebSocket is not read, and
 * TCP holds the server back.
 */
export interface BridgeEnd {
  readonly by: "local" | "server" | "us";
  /** Why, for people; undefined for an ordinary end. */
  readonly words: string | undefined;
}

export interface BridgeOptions {
  readonly local: Duplex;
  readonly remote: WebSocket;
  readonly signal: AbortSignal;
  readonly stallMs?: number;
}

/** Runs until one side ends; both are closed then. */
export async function bridge(options: BridgeOptions): Promise<BridgeEnd> {
  const { local, remote, signal } = options;
  const { promise: ended, resolve: end } = Promise.withResolvers<BridgeEnd>();
  const remoteClosed = new Promise<void>((resolve) => remote.once("close", () => resolve()));

  const stopSending = sendLocal(options, end);
  const stopPings = watchRemote(remote, end);
  remote.on("message", (data: RawData) => {
    if (!local.write(asBuffer(data))) remote.pause();
  });
  local.on("drain", () => remote.resume());
  remote.once("close", (code, reason) => end({ by: "server", words: closeWords(code, reason.toString("utf8")) }));
  local.once("end", () => end({ by: "local", words: undefined }));
  local.once("close", () => end({ by: "local", words: undefined }));
  local.once("error", () => end({ by: "local", words: undefined }));
  const abort = () => end({ by: "us", words: undefined });
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  // Both were held until everybody listens.
  local.resume();
  remote.resume();

  const result = await ended;
  signal.removeEventListener("abort", abort);
  stopPings();
  stopSending();
  remote.resume();
  remote.close(1000);
  local.end();
  if (!(await settledWithin(remoteClosed, BRIDGE_CLOSE_MS))) remote.terminate();
  local.destroy();
  return result;
}

/** Local bytes go out as they come; while too many wait, none are read. */
function sendLocal({ local, remote, stallMs }: BridgeOptions, end: (end: BridgeEnd) => void): () => void {
  let stall: NodeJS.Timeout | undefined;
  const drained = () => {
    if (stall === undefined || remote.bufferedAmount > BRIDGE_LOW_BYTES) return;
    clearTimeout(stall);
    stall = undefined;
    local.resume();
  };
  const onData = (chunk: Buffer) => {
    if (remote.readyState !== remote.OPEN) return;
    remote.send(chunk, { binary: true }, drained);
    if (remote.bufferedAmount <= BRIDGE_HIGH_BYTES || stall !== undefined) return;
    local.pause();
    stall = setTimeout(
      () => end({ by: "us", words: "The server does not take what is sent: the connection was given up." }),
      stallMs ?? BRIDGE_STALL_MS,
    );
  };
  local.on("data", onData);
  return () => {
    clearTimeout(stall);
    local.off("data", onData);
  };
}

/** Ends the bridge when nothing, not even an answer to a ping, has come for two ping intervals. */
function watchRemote(remote: WebSocket, end: (end: BridgeEnd) => void): () => void {
  let heardAt = Date.now();
  const heard = () => {
    heardAt = Date.now();
  };
  for (const event of ["message", "ping", "pong"]) remote.on(event, heard);
  const timer = setInterval(() => {
    // While we do not read for the local side's sake, silence is our own doing.
    if (remote.isPaused) heard();
    if (Date.now() - heardAt > 2 * WS_PING_MS) {
      end({ by: "us", words: "The machine's host has not answered for a while: the connection was given up." });
    } else if (remote.readyState === remote.OPEN) {
      remote.ping();
    }
  }, WS_PING_MS);
  return () => clearInterval(timer);
}

function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
