import {
  RingsideError,
  TICKET_AUDIENCE,
  TICKET_ISSUER,
  TICKET_SKEW_SECONDS,
  type TicketClaims,
  type TicketKind,
  ticketClaimsSchema,
  ticketKey,
} from "@ringside/shared";
import type { Redis } from "ioredis";
import { type CryptoKey, errors, jwtVerify } from "jose";

/** What a ticket must be for. */
export interface TicketUse {
  readonly kind: TicketKind;
  readonly session: string;
}

export interface TicketsOptions {
  readonly publicKey: CryptoKey;
  readonly cell: string;
  readonly redis: Redis;
  readonly prefix: string;
}

/** A redeemed ticket is remembered for this long after nobody takes it any more. */
const REMEMBERED_SECONDS = 60;

/**
 * Checks tickets and redeems each once: an Ed25519 signature (no other algorithm), issuer, audience, expiry,
 * then kind, session and cell, then `SET NX` of its id, so that of any number of tries one succeeds.
 */
export class Tickets {
  readonly #options: TicketsOptions;

  constructor(options: TicketsOptions) {
    this.#options = options;
  }

  /**
   * @param jwt as the client sent it; null where it sent none
   * @throws RingsideError ticket_invalid, ticket_expired, ticket_mismatch, ticket_used, store_unavailable
   */
  async redeem(jwt: string | null, use: TicketUse): Promise<TicketClaims> {
    const claims = await this.#verify(jwt);
    const fits = claims.kind === use.kind && claims.sid === use.session && claims.cell === this.#options.cell;
    if (!fits) throw new RingsideError("ticket_mismatch");
    await this.#once(claims);
    return claims;
  }

  async #verify(jwt: string | null): Promise<TicketClaims> {
    if (jwt === null) throw new RingsideError("ticket_invalid", { message: "A ticket is needed" });
    try {
      const { payload } = await jwtVerify(jwt, this.#options.publicKey, {
        algorithms: ["EdDSA"],
        issuer: TICKET_ISSUER,
        audience: TICKET_AUDIENCE,
        clockTolerance: TICKET_SKEW_SECONDS,
        requiredClaims: ["exp", "jti"],
      });
      return ticketClaimsSchema.parse(payload);
    } catch (cause) {
      throw new RingsideError(cause instanceof errors.JWTExpired ? "ticket_expired" : "ticket_invalid", { cause });
    }
  }

  async #once({ jti, exp }: TicketClaims): Promise<void> {
    const { redis, prefix } = this.#options;
    const seconds = Math.max(1, exp - Math.floor(Date.now() / 1_000)) + TICKET_SKEW_SECONDS + REMEMBERED_SECONDS;
    let first: unknown;
    try {
      first = await redis.set(ticketKey(prefix, jti), "1", "EX", seconds, "NX");
    } catch (cause) {
      throw new RingsideError("store_unavailable", { cause, retryAfterSeconds: 1 });
    }
    if (first === null) throw new RingsideError("ticket_used");
  }
}
