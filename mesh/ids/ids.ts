import { createHash, randomFillSync } from 'node:crypto';

const randomBytes = new Uint8Array(4096);
/** Random bytes in hexadecimal. Every call gets an id, so ids are slices of it. */
let random = '';
let used = 0;
let lastTimeMs = 0;
let lastTime = '';
let sequence = 0;

/** Returns a UUIDv7 (RFC 9562). Ids of one process sort in the order of their creation, even within a millisecond. */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastTimeMs) startMs(nowMs);
  else if (++sequence > 0xfff) startMs(lastTimeMs + 1);
  const tail = randomHex(16);
  const variant = '89ab'[Number.parseInt(tail.slice(0, 1), 16) & 3];
  const count = (0x1000 + sequence).toString(16).slice(1);
  return `${lastTime}-7${count}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`;
}

function startMs(timeMs: number): void {
  const time = timeMs.toString(16).padStart(12, '0');
  lastTimeMs = timeMs;
  lastTime = `${time.slice(0, 8)}-${time.slice(8)}`;
  sequence = 0;
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

function randomHex(digits: number): string {
  if (used + digits > random.length) {
    randomFillSync(randomBytes);
    random = Buffer.from(randomBytes.buffer).toString('hex');
    used = 0;
  }
  used += digits;
  return random.slice(used - digits, used);
}
