import { type CellKey, type CellProxy, RingsideError } from "@ringside/shared";
import type { SealKey } from "@ringside/trace";
import { putAudit } from "../audit/audit.ts";
import type { Database } from "../database/database.ts";
import type { CellKey as CellKeyRow } from "../generated/client.ts";
import { CELL_KEYS_MAX, CELLS_MAX } from "../limits.ts";
import type { CellDirectory } from "./directory.ts";

/**
 * The keys that cells sign their traces with. A key is believed when a cell shows it in its announcement, before
 * anything is fetched that it may have signed; another one later is one more row (docs/decisions/0021-signed-seals.md).
 */
export class SealKeys {
  readonly #database: Database;
  readonly #cells: CellDirectory;
  /** What is in the database already, as `cell key`. */
  readonly #known = new Set<string>();

  constructor(database: Database, cells: CellDirectory) {
    this.#database = database;
    this.#cells = cells;
  }

  /**
   * Writes down the key that a cell shows now.
   * @throws RingsideError cell_unreachable where it shows nothing, quota_exceeded where it had too many
   */
  async learn(cell: string): Promise<void> {
    const { sealKey } = await this.#cells.proxyOf(cell);
    const name = `${cell} ${sealKey.key}`;
    if (this.#known.has(name)) {
      return;
    }
    await this.#write(cell, sealKey);
    if (this.#known.size < CELLS_MAX * CELL_KEYS_MAX) {
      this.#known.add(name);
    }
  }

  /** A cell's keys, as they were good for what was handed in at a time. */
  async of(cell: string | null, handedIn: Date): Promise<readonly SealKey[]> {
    if (cell === null) {
      return [];
    }
    const rows = await this.#database.cellKey.findMany({ where: { cell }, orderBy: { key: "asc" } });
    return rows.map(({ key, publicKey, revokedFrom }) => {
      const revoked = revokedFrom !== null && revokedFrom <= handedIn;
      return { cell, key, publicKey, revoked };
    });
  }

  async list(): Promise<readonly CellKey[]> {
    const rows = await this.#database.cellKey.findMany({
      orderBy: [{ cell: "asc" }, { firstSeen: "asc" }, { key: "asc" }],
      take: CELLS_MAX * CELL_KEYS_MAX,
    });
    return rows.map(keyBody);
  }

  /**
   * Marks a key, at every cell that showed it. What was handed in before `from` still counts; a later `from` takes an
   * earlier one back.
   * @throws RingsideError not_found
   */
  async revoke(
    key: string,
    from: Date,
    { actorId, requestId }: { readonly actorId: string; readonly requestId: string },
  ): Promise<readonly CellKey[]> {
    return this.#database.$transaction(async (tx) => {
      const { count } = await tx.cellKey.updateMany({ where: { key }, data: { revokedFrom: from } });
      if (count === 0) {
        throw new RingsideError("not_found", { message: "No cell has shown this key" });
      }
      const details = { from: from.toISOString() };
      await putAudit(tx, { actorId, action: "cell.key_revoked", subject: key, requestId, details });
      const rows = await tx.cellKey.findMany({ where: { key }, orderBy: { cell: "asc" } });
      return rows.map(keyBody);
    });
  }

  async #write(cell: string, { key, publicKey }: CellProxy["sealKey"]): Promise<void> {
    const others = await this.#database.cellKey.count({ where: { cell, key: { not: key } } });
    if (others >= CELL_KEYS_MAX) {
      throw new RingsideError("quota_exceeded", { message: `The cell ${cell} has shown too many keys` });
    }
    await this.#database.$transaction(async (tx) => {
      const { count } = await tx.cellKey.createMany({ data: [{ cell, key, publicKey }], skipDuplicates: true });
      if (count > 0) {
        const details = { key, others };
        await putAudit(tx, { actorId: null, action: "cell.key_seen", subject: cell, requestId: null, details });
      }
    });
  }
}

function keyBody({ cell, key, publicKey, firstSeen, revokedFrom }: CellKeyRow): CellKey {
  return {
    ...{ cell, key, publicKey },
    firstSeen: firstSeen.toISOString(),
    revokedFrom: revokedFrom?.toISOString() ?? null,
  };
}
