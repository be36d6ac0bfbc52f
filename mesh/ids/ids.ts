import { hash, randomFillSync } from 'node:crypto';

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
  const count = (0x1000 + sequence).toString(16).slice(1);
  return `${lastTime}-7${count}-${variantOf(tail[0])}${tail.slice(1, 4)}-${tail.slice(4)}`;
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
  const text = parts.map((part) => `${part.length}:${part}`).join('');
  const hex = hash('sha1', Buffer.concat([namespace, Buffer.from(text)]));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variantOf(hex[16])}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const timed = /^([0-9a-f]{8}-[0-9a-f]{4})-7[0-9a-f]{3}-[89ab]/;

/**
 * Returns a UUIDv8 (RFC 9562) with the time of the UUIDv7 `id`, the same for the same `id` and parts on every machine: the
 * rest is a hash of them. Ids that are stored together lie next to each other in an index, so few of its pages change. The
 * UUIDv5 of `id` and the parts if `id` is no UUIDv7.
 */
export function uuidv8At(id: string, ...parts: readonly string[]): string {
  const hashed = uuidv5(id, ...parts);
  const time = timed.exec(id)?.[1];
  return time === undefined ? hashed : `${time}-8${hashed.slice(15)}`;
}

/** The variant of RFC 9562 in place of the first two bits of a digit. */
function variantOf(digit = '0'): string {
  return '89ab'.charAt(Number.parseInt(digit, 16) & 3);
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
