import { PAGE_BYTES } from "@ringside/link";
import { REGISTER_LAYOUTS, type RegisterArch } from "@ringside/rsp";
import type { Conversation } from "../hub/conversation.ts";
import { playTalk } from "./play-talk.ts";

const PAGE = BigInt(PAGE_BYTES);
const pageOf = (address: bigint): bigint => address - (address % PAGE);

/** A stopped guest's memory and registers, as its stub answers for them. What has no page cannot be read. */
export class GuestModel {
  readonly pages = new Map<bigint, Buffer>();
  readonly arch: RegisterArch;
  readonly registers = new Map<string, bigint>();
  /** What the stub was asked, in order. */
  readonly asked: string[] = [];
  /** Calls for every packet, before it is answered. */
  onPacket: () => void = () => undefined;

  constructor(arch: RegisterArch = "x86_64") {
    this.arch = arch;
  }

  /** Makes pages readable, each filled with something of its own. */
  map(address: bigint, pages = 1): void {
    for (let i = 0; i < pages; i += 1) {
      const page = pageOf(address) + BigInt(i) * PAGE;
      const seed = Number((page >> 12n) & 0xffn);
      this.pages.set(
        page,
        Buffer.from(Array.from({ length: PAGE_BYTES }, (_, at) => (seed * 31 + at * 7 + (at >> 5)) & 0xff)),
      );
    }
  }

  /** Writes a pointer; its page becomes readable. */
  poke(address: bigint, value: bigint): void {
    if (!this.pages.has(pageOf(address))) this.map(address);
    const page = this.pages.get(pageOf(address)) ?? Buffer.alloc(PAGE_BYTES);
    if (this.arch === "x86_64") page.writeBigUInt64LE(value, Number(address % PAGE));
    else page.writeUInt32LE(Number(value), Number(address % PAGE));
  }

  /** The `g` reply. */
  get g(): string {
    const layout = REGISTER_LAYOUTS[this.arch];
    const last = layout.at(-1);
    const bytes = Buffer.alloc(last === undefined ? 0 : last.offset + last.bytes);
    for (const { name, offset, bytes: size } of layout) {
      const value = this.registers.get(name) ?? 0n;
      if (size === 8) bytes.writeBigUInt64LE(value, offset);
      else if (size === 4) bytes.writeUInt32LE(Number(value & 0xffff_ffffn), offset);
    }
    return bytes.toString("hex");
  }

  answer(payload: string): string {
    this.asked.push(payload);
    this.onPacket();
    if (payload === "g") return this.g;
    if (payload === "qfThreadInfo") return "m01";
    if (payload === "qsThreadInfo") return "l";
    const [, address, length] = /^m([0-9a-f]+),([0-9a-f]+)$/.exec(payload) ?? [];
    if (address === undefined || length === undefined) return "";
    return this.#read(BigInt(`0x${address}`), Number.parseInt(length, 16));
  }

  /** Runs a conversation to its end. */
  run<T>(talk: Conversation<T>): T {
    return playTalk(talk, (payload) => this.answer(payload));
  }

  /** Pages that were read, each once, lowest first. */
  get pagesAsked(): readonly bigint[] {
    const pages = this.asked.flatMap((payload) => {
      const [, address] = /^m([0-9a-f]+),/.exec(payload) ?? [];
      return address === undefined ? [] : [pageOf(BigInt(`0x${address}`))];
    });
    return [...new Set(pages)].sort((a, b) => (a < b ? -1 : 1));
  }

  #read(address: bigint, length: number): string {
    if (length > 0x800) return "E22";
    let hex = "";
    for (let at = address; at < address + BigInt(length); ) {
      const page = this.pages.get(pageOf(at));
      if (page === undefined) return "E14";
      const offset = Number(at % PAGE);
      const end = Math.min(PAGE_BYTES, offset + Number(address + BigInt(length) - at));
      hex += page.toString("hex", offset, end);
      at += BigInt(end - offset);
    }
    return hex;
  }
}
