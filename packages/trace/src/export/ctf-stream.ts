import { CTF_PACKET_BYTES } from "../limits.ts";
import { EventBytes, timeOf } from "./ctf-fields.ts";
import { CTF_MAGIC, traceUuid } from "./ctf-metadata.ts";
import { type ExportInput, stopsByEvent } from "./export-input.ts";

const UUID_BYTES = 16;
const CONTEXT_WORDS = 5;
/** Magic, uuid and stream id, then begin, end, content size, packet size and packet number. */
const PACKET_HEAD_BYTES = 4 + UUID_BYTES + 4 + 8 * CONTEXT_WORDS;
const BITS = 8n;

/**
 * The one stream of a trace in the Common Trace Format 1.8: its packets, in order.
 * @param packetBytes a packet is closed before it gets larger; an event that is larger has a packet to itself
 */
export function* ctfPackets(
  input: ExportInput,
  packetBytes: number = CTF_PACKET_BYTES,
): Generator<Uint8Array, void, void> {
  const stops = stopsByEvent(input.facts);
  const bytes = new EventBytes();
  const packet = new Packet(traceUuid(input.digest));
  let time = 0;
  for (const event of input.events) {
    time = timeOf(event, time);
    const encoded = bytes.of(event, stops.get(event.seq), time);
    if (!packet.isEmpty && packet.bytes + encoded.length > packetBytes) yield packet.close();
    packet.add(encoded, time);
  }
  if (!packet.isEmpty) yield packet.close();
}

class Packet {
  readonly #uuid: Uint8Array;
  #parts: Buffer[] = [];
  #bytes = PACKET_HEAD_BYTES;
  #begin = 0;
  #end = 0;
  #number = 0;

  constructor(uuid: Uint8Array) {
    this.#uuid = uuid;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: Buffer, time: number): void {
    if (this.isEmpty) this.#begin = time;
    this.#end = time;
    this.#parts.push(Buffer.from(event));
    this.#bytes += event.length;
  }

  /** The packet's bytes; the next one is begun. */
  close(): Buffer {
    const bits = BigInt(this.#bytes) * BITS;
    const head = Buffer.alloc(PACKET_HEAD_BYTES);
    head.writeUInt32LE(CTF_MAGIC, 0);
    head.set(this.#uuid, 4);
    const context = [BigInt(this.#begin), BigInt(this.#end), bits, bits, BigInt(this.#number)];
    for (const [index, word] of context.entries()) head.writeBigUInt64LE(word, 4 + UUID_BYTES + 4 + 8 * index);
    const packet = Buffer.concat([head, ...this.#parts], this.#bytes);
    this.#parts = [];
    this.#bytes = PACKET_HEAD_BYTES;
    this.#number += 1;
    return packet;
  }
}
