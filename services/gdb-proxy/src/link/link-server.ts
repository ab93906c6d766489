import { LINK_PROTOCOL, NEAR_MESSAGE_BYTES_MAX } from "@ringside/link";
import type { ServerOptions } from "ws";
import { CLIENT_FRAGMENTS_MAX } from "../limits.ts";

/**
 * How links' WebSockets are served: messages as long as a near agent's may be, also when they are unpacked. Deflate at
 * its quickest, each message with the ones before it as its dictionary: a stop whose pages have not changed takes
 * about 50 bytes. Measured: about 300 KiB of memory per link, and 450 with the default window.
 */
export const LINK_SERVER: ServerOptions = {
  maxPayload: NEAR_MESSAGE_BYTES_MAX,
  maxFragments: CLIENT_FRAGMENTS_MAX,
  perMessageDeflate: { serverMaxWindowBits: 13, zlibDeflateOptions: { level: 1, memLevel: 7 } },
  clientTracking: true,
  handleProtocols: (offered) => (offered.has(LINK_PROTOCOL) ? LINK_PROTOCOL : false),
};
