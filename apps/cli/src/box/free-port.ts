import { once } from "node:events";
import { createServer } from "node:net";

/** A TCP port that is free on `host` now; 0 asks the kernel for any. Undefined where `port` is taken. */
export async function freePort(host: string, port = 0): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
