import { readFile } from "node:fs/promises";
import { isIPv6, type Socket, SocketAddress } from "node:net";
import { PEER_LOOK_MS, PEER_SILENCE_MS } from "../limits.ts";

export interface DeadPeersOptions {
  /** The kernel's tables of TCP sockets, as text. */
  readonly tables?: () => Promise<readonly string[]>;
  readonly lookMs?: number;
  readonly silenceMs?: number;
  readonly nowMs?: () => number;
}

/** What the last look showed. */
type Peer =
  | { readonly is: "unknown" }
  | { readonly is: "there" }
  /** It has acknowledged nothing of what was sent since then, and the kernel has sent that so often. */
  | { readonly is: "silent"; readonly sinceMs: number; readonly tries: number }
  /** It has closed, and whoever reads from it has not heard of that. */
  | { readonly is: "closed" };

/**
 * Cuts TCP connections whose peer has vanished without a word while something was on the way to it. The kernel sends
 * that again and again for a quarter of an hour, and keep-alive does not probe meanwhile; WebSocket pings are not read
 * from a paused socket. What the kernel knows stands in /proc/net/tcp: how often it has sent in vain since the last
 * acknowledgement. A peer that is there but does not read acknowledges (its window is closed): that is no silence.
 *
 * Nor does a socket that is paused see that its peer has closed: such a one is cut at the second look.
 */
export class DeadPeers implements Disposable {
  readonly #options: Required<DeadPeersOptions>;
  readonly #watched = new Map<Socket, Peer>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(options: DeadPeersOptions = {}) {
    this.#options = {
      tables: options.tables ?? kernelTables,
      lookMs: options.lookMs ?? PEER_LOOK_MS,
      silenceMs: options.silenceMs ?? PEER_SILENCE_MS,
      nowMs: options.nowMs ?? (() => performance.now()),
    };
    this.#timer = setInterval(() => void this.look(), this.#options.lookMs).unref();
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Until it is closed. */
  watch(socket: Socket): void {
    if (socket.destroyed) return;
    this.#watched.set(socket, { is: "unknown" });
    socket.once("close", () => this.#watched.delete(socket));
  }

  /** Looks at all of them once. */
  async look(): Promise<void> {
    if (this.#looking || this.#watched.size === 0) return;
    this.#looking = true;
    try {
      const lines = linesOf(await this.#options.tables());
      for (const [socket, before] of [...this.#watched]) this.#judge(socket, before, lines.get(nameOf(socket)));
    } catch {
      // No such table: the kernel's own deadlines are left.
    } finally {
      this.#looking = false;
    }
  }

  #judge(socket: Socket, before: Peer, line: Line | undefined): void {
    if (!this.#watched.has(socket)) return;
    const now = this.#peerOf(before, line);
    this.#watched.set(socket, now);
    const isOver =
      now.is === "closed"
        ? before.is === "closed"
        : now.is === "silent" && this.#options.nowMs() - now.sinceMs >= this.#options.silenceMs;
    if (isOver) socket.destroy(new Error(now.is === "closed" ? "the client closed" : "the client has vanished"));
  }

  #peerOf(before: Peer, line: Line | undefined): Peer {
    // A name that was never in the table may be one that is written otherwise there.
    if (line === undefined) return before.is === "unknown" ? before : { is: "closed" };
    if (line.state === CLOSE_WAIT) return { is: "closed" };
    const { tries } = line;
    if (tries === 0) return { is: "there" };
    // Fewer than before: something was acknowledged in between.
    const goesOn = before.is === "silent" && tries >= before.tries;
    return { is: "silent", sinceMs: goesOn ? before.sinceMs : this.#options.nowMs(), tries };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#watched.clear();
  }
}

async function kernelTables(): Promise<readonly string[]> {
  return await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "latin1").catch(() => "")));
}

/** A socket in the kernel's table. */
interface Line {
  readonly state: string;
  /** How often the kernel has sent in vain. */
  readonly tries: number;
}

/** The peer has closed its end. */
const CLOSE_WAIT = "08";
const LISTEN = "0A";
const RETRANSMITTING = "01:";

/** Connections by local port, peer and its port (proc(5)). */
function linesOf(tables: readonly string[]): ReadonlyMap<string, Line> {
  const lines = new Map<string, Line>();
  for (const line of tables.flatMap((table) => table.split("\n").slice(1))) {
    const [, local = "", remote = "", state = "", , timer = "", count = "0"] = line.trim().split(/\s+/);
    if (state === "" || state === LISTEN) continue;
    const [localPort, [address = "", port]] = [local.split(":")[1], remote.split(":")];
    const name = `${hexPort(localPort)} ${addressOfHex(address)} ${hexPort(port)}`;
    lines.set(name, { state, tries: timer.startsWith(RETRANSMITTING) ? Number.parseInt(count, 16) || 0 : 0 });
  }
  return lines;
}

const hexPort = (hex = ""): number => Number.parseInt(hex, 16);

/** The kernel prints addresses as 32-bit words in the host's order, which is little-endian wherever this runs. */
function addressOfHex(hex: string): string {
  const bytes = Buffer.from(hex, "hex").swap32();
  if (bytes.length === 4) return bytes.join(".");
  return plainAddress((bytes.toString("hex").match(/.{4}/g) ?? []).join(":"));
}

function plainAddress(address: string): string {
  const [text = ""] = address.split("%");
  const canonical = isIPv6(text) ? new SocketAddress({ address: text, family: "ipv6" }).address : text;
  return canonical.replace(/^::ffff:(?=\d+\.)/i, "");
}

const nameOf = ({ localPort, remoteAddress, remotePort }: Socket): string =>
  `${localPort} ${plainAddress(remoteAddress ?? "")} ${remotePort}`;
