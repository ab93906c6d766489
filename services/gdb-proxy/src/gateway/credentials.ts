import type { IncomingHttpHeaders } from "node:http";
import { RingsideError, WS_TICKET_PROTOCOL_PREFIX } from "@ringside/shared";

/** The ticket of a request: `Authorization: Bearer …`, or a browser's WebSocket subprotocol; null where there is none. */
export function ticketOf(headers: IncomingHttpHeaders): string | null {
  const bearer = /^Bearer ([\w.-]+)$/i.exec(headers.authorization ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const protocols = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const carrier = protocols.find((name) => name.startsWith(WS_TICKET_PROTOCOL_PREFIX));
  return carrier?.slice(WS_TICKET_PROTOCOL_PREFIX.length) ?? null;
}

/**
 * Browsers name the page that a request comes from; other clients do not.
 * @throws RingsideError source_not_allowed for a page that is not listed
 */
export function checkOrigin(headers: IncomingHttpHeaders, allowed: readonly string[]): void {
  const { origin } = headers;
  if (origin === undefined || allowed.includes(origin)) return;
  throw new RingsideError("source_not_allowed", { message: "Pages of this origin may not connect" });
}
