import { exportPKCS8, exportSPKI, generateKeyPair } from "jose";
import { readTextOrUndefined, writePrivateFile } from "./private-file.ts";

export interface TicketKeyFiles {
  readonly privateFile: string;
  readonly publicFile: string;
}

/**
 * Makes the key pair that tickets are signed and checked with (Ed25519, PEM), unless it is there.
 * @returns true where it was made now
 */
export async function ensureTicketKeys({ privateFile, publicFile }: TicketKeyFiles): Promise<boolean> {
  if ((await readTextOrUndefined(privateFile)) !== undefined) return false;
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  // The private key comes last: a half-made pair is made anew.
  await writePrivateFile(publicFile, await exportSPKI(publicKey));
  await writePrivateFile(privateFile, await exportPKCS8(privateKey));
  return true;
}
