import { generateKeyPairSync } from "node:crypto";
import { type SealSigner, sealSigner } from "@ringside/trace";

/** A fresh key that seals traces. */
export function newSigner(): SealSigner {
  const { privateKey } = generateKeyPairSync("ed25519");
  return sealSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
}

/** The fake cell's. */
export const TEST_SIGNER = newSigner();
