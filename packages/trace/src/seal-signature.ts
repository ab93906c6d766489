import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { RingsideError } from "@ringside/shared";

/**
 * The cell's signature of a seal (RFC 8032, Ed25519). Signed is the text
 *   "ringside trace seal 1\n" ‖ hash of the line before the seal ‖ "\n" ‖ the seal's line up to `,"signature"` ‖ "\n"
 * The hash stands for every byte before the seal, the session's name among them; the line for its number and times.
 */
const PURPOSE = "ringside trace seal 1";
const SIGNATURE_CHARS = 86;
const KEY_TYPE = "ed25519";

/** Who seals traces. */
export interface SealSigner {
  /** sha256 of the public key's SubjectPublicKeyInfo (DER), hex. */
  readonly key: string;
  /** The public key's SubjectPublicKeyInfo (DER), base64. */
  readonly publicKey: string;
  /** The signature of a text, base64url. */
  readonly sign: (text: string) => string;
}

/** A cell's key as whoever checks traces knows it. */
export interface SealKey {
  readonly cell: string;
  readonly key: string;
  /** As in SealSigner. */
  readonly publicKey: string;
  /** What is signed with it does not count any more. */
  readonly revoked: boolean;
}

/** A signature as a trace carries it, with the text that it is of. */
export interface SealSignature {
  readonly key: string;
  readonly value: string;
  readonly text: string;
}

export type SignatureState = "good" | "missing" | "unknown_key" | "revoked_key" | "other_cell" | "wrong";

/** @throws RingsideError internal where the text is no Ed25519 private key in PEM (PKCS #8) */
export function sealSigner(privateKeyPem: string): SealSigner {
  const privateKey = readKey(() => createPrivateKey(privateKeyPem));
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return {
    key: sealKeyName(spki),
    publicKey: spki.toString("base64"),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64url"),
  };
}

function readKey(read: () => KeyObject): KeyObject {
  const fail = (cause?: unknown) => new RingsideError("internal", { message: "This is no Ed25519 key", cause });
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    throw fail(cause);
  }
  if (key.asymmetricKeyType !== KEY_TYPE) throw fail();
  return key;
}

/** The name of a public key. @param spki its SubjectPublicKeyInfo, DER */
export function sealKeyName(spki: Uint8Array): string {
  return createHash("sha256").update(spki).digest("hex");
}

/** The text that is signed. @param previous hash of the line before the seal; `unsigned` the seal's line up to there */
function sealText(previous: string, unsigned: string): string {
  return `${PURPOSE}\n${previous}\n${unsigned}\n`;
}

/** The body of a seal's line with its signature. */
export function signedBody(signer: SealSigner, previous: string, unsigned: string): string {
  return unsigned + signatureMember(signer.key, signer.sign(sealText(previous, unsigned)));
}

const signatureMember = (key: string, value: string) => `,"signature":${JSON.stringify({ key, value })}`;

/**
 * The signature of a seal whose line is rightly chained.
 * @param body the line up to its hash
 * @returns null where it is not the body's last member, written as the writer does
 */
export function signatureOf(
  { key, value }: Pick<SealSignature, "key" | "value">,
  previous: string,
  body: string,
): SealSignature | null {
  const member = signatureMember(key, value);
  if (!body.endsWith(member)) return null;
  return { key, value, text: sealText(previous, body.slice(0, -member.length)) };
}

/**
 * Whether a trace was sealed by its cell.
 * @param cell that the trace says it was recorded at
 * @param keys of all cells
 */
export function checkSignature(
  signature: SealSignature | undefined,
  cell: string,
  keys: readonly SealKey[],
): SignatureState {
  if (signature === undefined) return "missing";
  const named = keys.filter(({ key }) => key === signature.key);
  if (named.length === 0) return "unknown_key";
  const own = named.find((key) => key.cell === cell);
  if (own === undefined) return "other_cell";
  if (!isSignedBy(own, signature)) return "wrong";
  return own.revoked ? "revoked_key" : "good";
}

function isSignedBy({ key, publicKey }: SealKey, { value, text }: SealSignature): boolean {
  const spki = Buffer.from(publicKey, "base64");
  if (sealKeyName(spki) !== key || value.length !== SIGNATURE_CHARS) return false;
  try {
    const known = createPublicKey({ key: spki, format: "der", type: "spki" });
    return (
      known.asymmetricKeyType === KEY_TYPE && verify(null, Buffer.from(text), known, Buffer.from(value, "base64url"))
    );
  } catch {
    return false;
  }
}
