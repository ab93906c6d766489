import {
  type CellProxy,
  type CellRunner,
  cellIdSchema,
  cellProxyKey,
  cellProxySchema,
  cellRunnerKey,
  cellRunnerSchema,
  type Lease,
  leaseKey,
  leaseSchema,
  RingsideError,
} from "@ringside/shared";
import type { Redis } from "ioredis";
import type { z } from "zod";
import { CELL_RETRY_AFTER_SECONDS, CELL_SCAN_ROUNDS_MAX, CELLS_MAX, STORE_RETRY_AFTER_SECONDS } from "../limits.ts";

export interface Cell {
  readonly cell: string;
  readonly proxy: CellProxy | null;
  readonly runner: CellRunner | null;
}

/** What the cells announce of themselves in Redis. An announcement that does not parse counts as none. */
export class CellDirectory {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** @throws RingsideError cell_unreachable where the cell's proxy has not announced itself */
  async proxyOf(cell: string): Promise<CellProxy> {
    const proxy = parse(cellProxySchema, await this.#ask(() => this.#redis.get(cellProxyKey(this.#prefix, cell))));
    if (proxy === null) {
      throw new RingsideError("cell_unreachable", { retryAfterSeconds: CELL_RETRY_AFTER_SECONDS });
    }
    return proxy;
  }

  /** Who runs the machines of these sessions; null where nobody does. In the order of `sessions`. */
  async leases(sessions: readonly string[]): Promise<readonly (Lease | null)[]> {
    if (sessions.length === 0) {
      return [];
    }
    const keys = sessions.map((session) => leaseKey(this.#prefix, session));
    return (await this.#ask(() => this.#redis.mget(keys))).map((text) => parse(leaseSchema, text));
  }

  /**
   * Those of the leases whose runner is gone for certain: its cell announces another one. A cell has one runner at a
   * time, and a new one begins by ending whatever the old one left.
   */
  async replaced(leases: readonly Lease[]): Promise<ReadonlySet<Lease>> {
    const cells = [...new Set(leases.map((lease) => lease.cell))];
    if (cells.length === 0) {
      return new Set();
    }
    const texts = await this.#ask(() => this.#redis.mget(cells.map((cell) => cellRunnerKey(this.#prefix, cell))));
    const runners = new Map(cells.map((cell, index) => [cell, parse(cellRunnerSchema, texts[index] ?? null)?.runner]));
    return new Set(leases.filter((lease) => (runners.get(lease.cell) ?? lease.runner) !== lease.runner));
  }

  /** Those of the cells whose runner has announced itself lately. @throws RingsideError store_unavailable */
  async withRunner(cells: readonly string[]): Promise<ReadonlySet<string>> {
    if (cells.length === 0) {
      return new Set();
    }
    const texts = await this.#ask(() => this.#redis.mget(cells.map((cell) => cellRunnerKey(this.#prefix, cell))));
    return new Set(cells.filter((_cell, index) => texts[index] !== null));
  }

  /** @throws RingsideError store_unavailable */
  async hasRunner(cell: string): Promise<boolean> {
    return (await this.withRunner([cell])).has(cell);
  }

  /** All cells that announced themselves lately, by name. */
  async list(): Promise<readonly Cell[]> {
    const names = await this.#ask(() => this.#names());
    if (names.length === 0) {
      return [];
    }
    const proxies = await this.#ask(() => this.#redis.mget(names.map((name) => cellProxyKey(this.#prefix, name))));
    const runners = await this.#ask(() => this.#redis.mget(names.map((name) => cellRunnerKey(this.#prefix, name))));
    return names.map((cell, index) => ({
      cell,
      proxy: parse(cellProxySchema, proxies[index] ?? null),
      runner: parse(cellRunnerSchema, runners[index] ?? null),
    }));
  }

  async #names(): Promise<readonly string[]> {
    const pattern = cellProxyKey(this.#prefix, "*").replace(/:proxy$/, ":*");
    const names = new Set<string>();
    let cursor = "0";
    for (let round = 0; round < CELL_SCAN_ROUNDS_MAX; round += 1) {
      const [next, keys] = await this.#redis.scan(cursor, "MATCH", pattern, "COUNT", 1_000);
      for (const key of keys) {
        const name = cellIdSchema.safeParse(key.split(":").at(-2));
        if (name.success && names.size < CELLS_MAX) {
          names.add(name.data);
        }
      }
      cursor = next;
      if (cursor === "0") {
        break;
      }
    }
    return [...names].sort();
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      throw new RingsideError("store_unavailable", { cause, retryAfterSeconds: STORE_RETRY_AFTER_SECONDS });
    }
  }
}

function parse<T>(schema: z.ZodType<T>, text: string | null): T | null {
  if (text === null) {
    return null;
  }
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
