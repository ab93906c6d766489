import { LEASE_TTL_MS, type Lease, leaseKey } from "@ringside/shared";
import type { Redis } from "ioredis";

/**
 * Leases: who runs a session's machine, fenced by the epoch.
 *
 *   ok      it is ours: there was none, or ours already, or one of an older epoch
 *   stale   a newer epoch is there: we must not run this one
 *   held    another runner holds this very epoch
 *
 * A lease that Redis forgot is taken again by its renewal, unless somebody was faster.
 */
export type ClaimResult = "ok" | "stale" | "held";

const CLAIM = `
local now = redis.call('GET', KEYS[1])
if now then
  local readable, lease = pcall(cjson.decode, now)
  if readable and type(lease) == 'table' then
    local epoch = tonumber(lease.epoch) or 0
    if epoch > tonumber(ARGV[2]) then return 'stale' end
    local dead = ARGV[5] ~= '' and lease.cell == ARGV[5]
    if epoch == tonumber(ARGV[2]) and lease.runner ~= ARGV[3] and not dead then return 'held' end
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
return 'ok'`;

const RELEASE = `
local now = redis.call('GET', KEYS[1])
if not now then return 0 end
local readable, lease = pcall(cjson.decode, now)
if not readable or lease.epoch ~= tonumber(ARGV[1]) or lease.runner ~= ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])`;

export class Leases {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #cell: string;
  readonly #runner: string;

  /** @param runner the random name of this process */
  constructor(redis: Redis, options: { readonly prefix: string; readonly cell: string; readonly runner: string }) {
    this.#redis = redis;
    this.#prefix = options.prefix;
    this.#cell = options.cell;
    this.#runner = options.runner;
  }

  /**
   * Takes the lease for LEASE_TTL_MS, also from a former runner of this cell: a cell has one runner at a time, so that
   * one is dead. Throws what Redis throws when it cannot be reached.
   */
  claim(session: string, epoch: number): Promise<ClaimResult> {
    return this.#claim(session, epoch, this.#cell);
  }

  /** Renews the lease, or takes it again where nobody has it. Throws as `claim` does. */
  renew(session: string, epoch: number): Promise<ClaimResult> {
    return this.#claim(session, epoch, "");
  }

  /** Gives the lease up if it is still ours. */
  async release(session: string, epoch: number): Promise<void> {
    await this.#redis.eval(RELEASE, 1, leaseKey(this.#prefix, session), epoch, this.#runner);
  }

  /** @param deadCell a cell whose leases are free to take */
  async #claim(session: string, epoch: number, deadCell: string): Promise<ClaimResult> {
    const lease: Lease = { cell: this.#cell, runner: this.#runner, epoch };
    const values = [JSON.stringify(lease), epoch, this.#runner, LEASE_TTL_MS, deadCell];
    return (await this.#redis.eval(CLAIM, 1, leaseKey(this.#prefix, session), ...values)) as ClaimResult;
  }
}
