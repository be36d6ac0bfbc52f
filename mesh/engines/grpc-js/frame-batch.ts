/** The part of an HTTP/2 stream that messages go through. */
export interface FrameStream {
  readonly writableNeedDrain: boolean;
  write(frames: Buffer): boolean;
}

/** Messages on their way into the HTTP/2 stream of a call. */
export interface FrameBatch {
  /** Adds a message; false when the stream has no room and the next must wait for `drain`. */
  add(message: Buffer): boolean;
  /** Hands on what was added; otherwise that happens at the end of the turn, or when it has become enough. */
  flush(): void;
}

const prefixBytes = 5;
const batchBytes = 32 * 1024;

/**
 * Frames messages for a stream and writes those of one turn at once, for each write passes all of HTTP/2. `open` is asked
 * before each write; when it says no, what was added is dropped.
 */
export function createFrameBatch(stream: FrameStream, open: () => boolean): FrameBatch {
  let parts: Buffer[] = [];
  let bytes = 0;

  const flush = (): void => {
    if (bytes === 0) return;
    const frames = Buffer.concat(parts, bytes);
    parts = [];
    bytes = 0;
    if (open()) stream.write(frames);
  };
  return {
    add(message) {
      // A tick comes after all microtasks, so after all messages that can be had without waiting.
      if (bytes === 0) process.nextTick(flush);
      parts.push(prefixOf(message), message);
      bytes += prefixBytes + message.length;
      if (bytes >= batchBytes) flush();
      return !stream.writableNeedDrain;
    },
    flush,
  };
}

/** Not compressed, and this long. */
function prefixOf(message: Buffer): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}
