import { packBytes } from "./run-lengths.ts";

const DOLLAR = 0x24;
const PERCENT = 0x25;
const HASH = 0x23;
const ESCAPE = 0x7d;
const ESCAPE_XOR = 0x20;
const HEX = "0123456789abcdef";

const mustEscape = (code: number): boolean => code === 0x23 || code === 0x24 || code === 0x2a || code === ESCAPE;

/**
 * Payload → `$…#xx`, escaping `# $ * }` and without run lengths, so that it is right in both directions.
 * @param payload one character per byte; only the low eight bits of each are used
 */
export function encodePacket(payload: string): Uint8Array {
  return framed(DOLLAR, payload);
}

/** The same as a notification, `%…#xx`, which nobody acknowledges. */
export function encodeNotification(payload: string): Uint8Array {
  return framed(PERCENT, payload);
}

function framed(lead: number, payload: string): Uint8Array {
  const frame = Buffer.allocUnsafe(payload.length + 4);
  frame.write(payload, 1, "latin1");
  let sum = 0;
  for (let at = 1; at <= payload.length; at += 1) {
    const code = frame[at] ?? 0;
    if (mustEscape(code)) return escaped(lead, payload);
    sum += code;
  }
  return closed(frame, lead, sum);
}

/** A stub's answer, `$…#xx`, with run lengths. One with bytes that must be escaped goes without. */
export function encodeReply(payload: string): Uint8Array {
  if (/[#$*}]/.test(payload)) return encodePacket(payload);
  const whole = Buffer.allocUnsafe(payload.length + 4);
  whole.write(payload, 1, "latin1");
  const end = packBytes(whole, 1, payload.length + 1);
  let sum = 0;
  for (let at = 1; at < end; at += 1) sum += whole[at] ?? 0;
  return closed(whole.subarray(0, end + 3), DOLLAR, sum);
}

function escaped(lead: number, payload: string): Uint8Array {
  const body: number[] = [];
  for (let i = 0; i < payload.length; i += 1) {
    const code = payload.charCodeAt(i) & 0xff;
    if (mustEscape(code)) body.push(ESCAPE, code ^ ESCAPE_XOR);
    else body.push(code);
  }
  const frame = Buffer.allocUnsafe(body.length + 4);
  frame.set(body, 1);
  return closed(
    frame,
    lead,
    body.reduce((sum, byte) => sum + byte, 0),
  );
}

/** Puts the lead before the body, and the checksum behind it. */
function closed(frame: Buffer, lead: number, sum: number): Uint8Array {
  frame[0] = lead;
  frame[frame.length - 3] = HASH;
  frame[frame.length - 2] = HEX.charCodeAt((sum >> 4) & 0xf);
  frame[frame.length - 1] = HEX.charCodeAt(sum & 0xf);
  return frame;
}

/** gdb's Ctrl-C, outside a packet. */
export const INTERRUPT_BYTE = 0x03;
export const ACK_BYTE = 0x2b;
export const NAK_BYTE = 0x2d;
