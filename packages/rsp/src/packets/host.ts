/** `F vFile`: what reaches files and system calls of a host; and QEMU's own `qqemu Qqemu`. */
export type HostPacket = { readonly kind: "F" } | { readonly kind: "vFile" } | { readonly kind: "qemu" };

export function parseHost(payload: string): HostPacket | null {
  if (payload.startsWith("F")) return { kind: "F" };
  if (payload.startsWith("vFile")) return { kind: "vFile" };
  return /^qqemu/i.test(payload) ? { kind: "qemu" } : null;
}
