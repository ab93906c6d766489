import { createHash, randomBytes } from "node:crypto";

const TOKEN_PREFIX = "rs_";
const TOKEN_RANDOM_BYTES = 32;

/** A new bearer token: `rs_` and 256 random bits in base64url. */
export function newBearerToken(): string {
  return TOKEN_PREFIX + randomBytes(TOKEN_RANDOM_BYTES).toString("base64url");
}

/**
 * What is stored of a bearer token, and what it is looked up by. With 256 random bits a plain hash is enough,
 * and looking up the hash tells nothing through its timing.
 */
export function bearerTokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
