import { randomBytes } from "node:crypto";
import {
  type ConnectionRole,
  TICKET_AUDIENCE,
  TICKET_ISSUER,
  TICKET_TTL_SECONDS,
  type TicketClaims,
  type TicketKind,
} from "@ringside/shared";
import { type CryptoKey, importPKCS8, SignJWT } from "jose";

const TICKET_ALGORITHM = "EdDSA";
const TICKET_ID_BYTES = 16;

export interface TicketFor {
  readonly user: string;
  readonly session: string;
  readonly cell: string;
  readonly kind: TicketKind;
  readonly role: ConnectionRole;
}

export interface Ticket {
  readonly jwt: string;
  readonly expiresAt: Date;
}

/** Signs tickets with the api's Ed25519 key; cells check them with its public half. */
export class TicketSigner {
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey) {
    this.#key = key;
  }

  /** @param pem the private key, PKCS #8 */
  static async fromPem(pem: string): Promise<TicketSigner> {
    return new TicketSigner(await importPKCS8(pem, TICKET_ALGORITHM));
  }

  async sign(ticket: TicketFor): Promise<Ticket> {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const claims = {
      jti: randomBytes(TICKET_ID_BYTES).toString("base64url"),
      sub: ticket.user,
      sid: ticket.session,
      cell: ticket.cell,
      kind: ticket.kind,
      role: ticket.role,
      exp: nowSeconds + TICKET_TTL_SECONDS,
    } satisfies TicketClaims;
    const jwt = await new SignJWT(claims)
      .setProtectedHeader({ alg: TICKET_ALGORITHM, typ: "JWT" })
      .setIssuer(TICKET_ISSUER)
      .setAudience(TICKET_AUDIENCE)
      .setIssuedAt(nowSeconds)
      .sign(this.#key);
    return { jwt, expiresAt: new Date(claims.exp * 1_000) };
  }
}
