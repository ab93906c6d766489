/**
 * Which errors mean that the database did not answer, as opposed to answering with an error. They come in
 * three coats: Prisma's codes, PostgreSQL's SQLSTATE and the sockets' errno, each anywhere in a chain of causes.
 * Sources: Prisma's error reference; PostgreSQL's appendix A (classes 08, 40, 53, 57P).
 */

/** Cannot reach, timed out, closed, pool exhausted; a transaction could not start, was lost, or lost a race. */
const PRISMA_CODES = new Set([
  "P1000",
  "P1001",
  "P1002",
  "P1003",
  "P1008",
  "P1010",
  "P1011",
  "P1017",
  "P2024",
  "P2028",
]);
const SQLSTATES = /^(?:08\w{3}|53\w{3}|57P0[1-5]|57014|25P03|40001|40P01|55P03)$/;
const ERRNOS = new Set(["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENOTFOUND"]);
/** `pg` gives these no code. */
const PG_MESSAGES =
  /(?:Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable|server closed the connection)/i;
const CAUSES_MAX = 8;

/** True where the error says that the store is away, slow or full, and a retry may succeed. */
export function isStoreOutage(error: unknown): boolean {
  return chain(error).some((link) => {
    const { code, originalCode, message, name } = link;
    if (typeof originalCode === "string" && SQLSTATES.test(originalCode)) {
      return true;
    }
    if (typeof code === "string" && (PRISMA_CODES.has(code) || SQLSTATES.test(code) || ERRNOS.has(code))) {
      return true;
    }
    if (name === "PrismaClientInitializationError") {
      return true;
    }
    return typeof message === "string" && PG_MESSAGES.test(message);
  });
}

/** Prisma's code for a unique constraint that would be broken. */
export function isUniqueViolation(error: unknown): boolean {
  return chain(error).some((link) => link.code === "P2002" || link.code === "23505");
}

type Link = Readonly<Record<string, unknown>>;

function chain(error: unknown): readonly Link[] {
  const links: Link[] = [];
  let next = error;
  while (typeof next === "object" && next !== null && links.length < CAUSES_MAX) {
    const link = next as Link;
    links.push(link);
    if (typeof link.cause === "object") {
      next = link.cause;
    } else {
      next = (link.meta as Link | undefined)?.driverAdapterError;
    }
  }
  return links;
}
