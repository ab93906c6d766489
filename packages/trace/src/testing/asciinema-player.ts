import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

/** What the player made of a recording. */
export interface Played {
  /** All that it gave its terminal. */
  readonly output: string;
  /** Markers in the order in which it came by them: seconds from the start, words. */
  readonly markers: ReadonlyArray<readonly [seconds: number, label: string]>;
  /** Seconds. */
  readonly duration: number;
}

/** Fast enough to play hours at once. */
const SPEED = 100_000_000;

interface WorkerContext {
  onmessage(event: {
    readonly data: { readonly method: string; readonly params?: unknown; readonly id?: number };
  }): Promise<void>;
}

interface PlayerEvent {
  readonly name: string;
  readonly event: {
    readonly duration?: number;
    readonly time?: number;
    readonly label?: string;
    readonly message?: string;
  } & (readonly string[] | object);
}

/**
 * Plays a recording in asciinema-player: its own program for web workers, which reads recordings and keeps time, and
 * talks to the page in messages.
 * @param cast the recording's text
 * @throws Error with the player's words where it cannot play it
 */
export async function playInAsciinema(cast: string): Promise<Played> {
  const program = fileURLToPath(import.meta.resolve("asciinema-player/dist/bundle/asciinema-player-worker.min.js"));
  const heard: PlayerEvent[] = [];
  const over = Promise.withResolvers<void>();
  const postMessage = (message: { readonly error?: unknown; readonly params?: PlayerEvent }) => {
    if (message.error !== undefined) over.reject(new Error(`the player said: ${JSON.stringify(message.error)}`));
    if (message.params === undefined) return;
    heard.push(message.params);
    if (message.params.name === "ended") over.resolve();
    if (message.params.name === "error") over.reject(new Error(`the player said: ${JSON.stringify(message.params)}`));
  };
  const page = { postMessage, console, performance, setTimeout, clearTimeout, TextDecoder, TextEncoder };
  const worker = vm.createContext({ ...page, atob, URL, Response }) as unknown as WorkerContext;
  vm.runInContext(await readFile(program, "utf8"), worker as unknown as vm.Context);
  const call = (method: string, params?: unknown, id?: number) =>
    worker.onmessage({ data: { method, params, ...(id !== undefined && { id }) } });
  await call("new", [{ data: cast }, { speed: SPEED }]);
  for (const name of ["metadata", "output", "marker", "ended", "error"]) await call("addEventListener", [name]);
  await call("terminalReady");
  await call("init", undefined, 1);
  await call("play", undefined, 2);
  await over.promise;
  const of = (name: string) => heard.filter((one) => one.name === name).map(({ event }) => event);
  return {
    output: of("output")
      .map((texts) => (texts as readonly string[]).join(""))
      .join(""),
    markers: of("marker").map(({ time = Number.NaN, label = "" }) => [time, label] as const),
    duration: of("metadata")[0]?.duration ?? Number.NaN,
  };
}
