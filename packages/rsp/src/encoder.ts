const ESCAPE = 0x7d;
const ESCAPE_XOR = 0x20;
const HEX = "0123456789abcdef";

const mustEscape = (code: number): boolean => code === 0x23 || code === 0x24 || code === 0x2a || code === ESCAPE;

/**
 * Payload → `$…#xx`, escaping `# $ * }` and without run lengths, so that it is right in both directions.
 * @param payload one character per byte; only the low eight bits of each are used
 */
export function encodePacket(payload: string): Uint8Array {
  let escapes = 0;
  for (let i = 0; i < payload.length; i += 1) if (mustEscape(payload.charCodeAt(i) & 0xff)) escapes += 1;
  const frame = new Uint8Array(payload.length + escapes + 4);
  let at = 0;
  let sum = 0;
  const put = (byte: number) => {
    frame[at] = byte;
    at += 1;
    sum += byte;
  };
  frame[at] = 0x24;
  at += 1;
  for (let i = 0; i < payload.length; i += 1) {
    const code = payload.charCodeAt(i) & 0xff;
    if (mustEscape(code)) {
      put(ESCAPE);
      put(code ^ ESCAPE_XOR);
    } else {
      put(code);
    }
  }
  frame[at] = 0x23;
  frame[at + 1] = HEX.charCodeAt((sum >> 4) & 0xf);
  frame[at + 2] = HEX.charCodeAt(sum & 0xf);
  return frame;
}

/** gdb's Ctrl-C, outside a packet. */
export const INTERRUPT_BYTE = 0x03;
export const ACK_BYTE = 0x2b;
export const NAK_BYTE = 0x2d;
