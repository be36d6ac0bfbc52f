const multiplier = 0x5bd1e995;
const seed = 0x9747b28c;

/** MurmurHash2 (32 bits, signed) with the seed of Kafka's Java client. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tail = bytes.length & ~3;
  let hash = seed ^ bytes.length;
  for (let index = 0; index < tail; index += 4) {
    let word = Math.imul(view.getInt32(index, true), multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  if (tail < bytes.length) {
    for (let index = tail; index < bytes.length; index++) hash ^= view.getUint8(index) << (8 * (index - tail));
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** The partition of a key, the same one that Kafka's Java client picks. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
