const UNESCAPED = /[\x7f-\x9f]/g;

/**
 * A value as one line of JSON that is safe for a terminal: JSON.stringify leaves the control characters from U+007F
 * to U+009F as they are. Big numbers become hex texts, maps objects.
 */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "bigint") return `0x${member.toString(16)}`;
    return member instanceof Map ? Object.fromEntries(member) : member;
  });
  return text.replace(UNESCAPED, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
