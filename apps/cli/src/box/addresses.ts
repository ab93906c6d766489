import { networkInterfaces } from "node:os";

const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];

const inUrl = (host: string) => (host.includes(":") ? `[${host}]` : host);

export interface Addresses {
  /** The api, for us. */
  readonly localUrl: string;
  /** The api, for everybody. */
  readonly publicUrl: string;
  /** The proxy, for everybody. */
  readonly proxyPublicUrl: string;
  /** Web pages that may open connections to the proxy. */
  readonly origins: readonly string[];
}

/**
 * The URLs of a box.
 * @param host the address that it serves on
 * @param publicHost the name or address by which others reach it; undefined: `host`, or this machine's first
 * address where `host` stands for all of them
 */
export function boxAddresses(
  host: string,
  ports: { readonly api: number; readonly proxy: number },
  publicHost?: string,
): Addresses {
  const wildcard = WILDCARDS.includes(host);
  const local = inUrl(wildcard ? "127.0.0.1" : host);
  const known = inUrl(publicHost ?? (wildcard ? (firstAddress() ?? "127.0.0.1") : host));
  const localUrl = `http://${local}:${ports.api}`;
  const publicUrl = `http://${known}:${ports.api}`;
  return {
    localUrl,
    publicUrl,
    proxyPublicUrl: `ws://${known}:${ports.proxy}`,
    origins: [...new Set([publicUrl, localUrl, `http://localhost:${ports.api}`])],
  };
}

/** This machine's first IPv4 address that others can reach. */
export function firstAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find((address) => !address.internal && address.family === "IPv4")?.address;
}
