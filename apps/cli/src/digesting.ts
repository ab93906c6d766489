import { createHash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";

/**
 * Passes bytes on unchanged and takes their sha256. Fails as soon as there are more than `bytesMax`.
 * @param tooMany the words of that error
 */
export class Digesting extends Transform {
  readonly #hash = createHash("sha256");
  readonly #bytesMax: number;
  readonly #tooMany: string;
  #bytes = 0;

  constructor(bytesMax: number, tooMany: string) {
    super();
    this.#bytesMax = bytesMax;
    this.#tooMany = tooMany;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Hex. Once, when all has passed. */
  sha256(): string {
    return this.#hash.digest("hex");
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#bytes += chunk.length;
    this.#hash.update(chunk);
    done(this.#bytes > this.#bytesMax ? new Error(this.#tooMany) : null, chunk);
  }
}
