import { createHash, randomFillSync } from 'node:crypto';

const random = new Uint8Array(4096);
let used = random.length;
let lastTimeMs = 0;
let sequence = 0;

/** Returns a UUIDv7 (RFC 9562). Ids of one process sort in the order of their creation, even within a millisecond. */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastTimeMs) {
    lastTimeMs = nowMs;
    sequence = 0;
  } else if (++sequence > 0xfff) {
    lastTimeMs += 1;
    sequence = 0;
  }
  const time = lastTimeMs.toString(16).padStart(12, '0');
  const tail = randomHex(8);
  const variant = ((Number.parseInt(tail.slice(0, 2), 16) & 0x3f) | 0x80).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}-${variant}${tail.slice(2, 4)}-${tail.slice(4)}`;
}

const namespace = Buffer.from('6f1d3a52b0c14f0e9d0e8c1a5b7e2f90', 'hex');

/** Returns a UUIDv5 (RFC 9562) in the mesh's namespace: the same id for the same parts, on every machine. */
export function uuidv5(...parts: readonly string[]): string {
  const hash = createHash('sha1').update(namespace);
  for (const part of parts) hash.update(`${part.length}:${part}`);
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function randomHex(bytes: number): string {
  if (used + bytes > random.length) {
    randomFillSync(random);
    used = 0;
  }
  const hex = Buffer.from(random.buffer, used, bytes).toString('hex');
  used += bytes;
  return hex;
}
