/** Bytes of a console, one character each, as the text that they are: UTF-8, also where a character is cut between events. */
export class ConsoleText {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** The text that these bytes complete; what is no UTF-8 becomes U+FFFD. */
  push(data: string): string {
    return this.#decoder.decode(Buffer.from(data, "latin1"), { stream: true });
  }

  /** What is left of a character whose end never came. */
  end(): string {
    return this.#decoder.decode();
  }
}
