/**
 * An empty qcow2 image, made without qemu-img: no device of the guest uses it. QEMU keeps its snapshots in it, which
 * it needs to run backwards. Layout (docs/interop/qcow2.txt of QEMU), one cluster each: header, refcount table,
 * refcount block, L1 table.
 */
export const REPLAY_OVERLAY_FILE = "overlay.qcow2";

const CLUSTER_BITS = 16;
const CLUSTER_BYTES = 1 << CLUSTER_BITS;
/** The guest never sees the disk; QEMU only wants it not to be empty. */
const VIRTUAL_BYTES = 1024 * 1024;
const MAGIC = 0x5146_49fb;
const VERSION = 3;
const HEADER_BYTES = 104;
const REFCOUNT_ORDER = 4;
const CLUSTERS = { header: 0, refcountTable: 1, refcountBlock: 2, l1Table: 3 } as const;

export function emptyOverlay(): Buffer {
  const image = Buffer.alloc(Object.keys(CLUSTERS).length * CLUSTER_BYTES);
  image.writeUInt32BE(MAGIC, 0);
  image.writeUInt32BE(VERSION, 4);
  image.writeUInt32BE(CLUSTER_BITS, 20);
  image.writeBigUInt64BE(BigInt(VIRTUAL_BYTES), 24);
  image.writeUInt32BE(1, 36); // entries of the L1 table
  image.writeBigUInt64BE(BigInt(CLUSTERS.l1Table * CLUSTER_BYTES), 40);
  image.writeBigUInt64BE(BigInt(CLUSTERS.refcountTable * CLUSTER_BYTES), 48);
  image.writeUInt32BE(1, 56); // clusters of the refcount table
  image.writeUInt32BE(REFCOUNT_ORDER, 96);
  image.writeUInt32BE(HEADER_BYTES, 100);
  image.writeBigUInt64BE(BigInt(CLUSTERS.refcountBlock * CLUSTER_BYTES), CLUSTERS.refcountTable * CLUSTER_BYTES);
  for (const cluster of Object.values(CLUSTERS)) {
    image.writeUInt16BE(1, CLUSTERS.refcountBlock * CLUSTER_BYTES + cluster * 2);
  }
  return image;
}
