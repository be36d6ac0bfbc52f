/** The part of an HTTP/2 stream that messages are written to. */
export interface FrameStream {
  readonly writableNeedDrain: boolean;
  write(frames: Buffer): boolean;
}

/** Collects messages for the HTTP/2 stream of a call. */
export interface FrameBatch {
  /** Adds a message. Returns false if the stream has no room and the next must wait for `drain`. */
  add(message: Buffer): boolean;
  /** Writes what was added. Otherwise that happens at the end of the turn, or when there is enough. */
  flush(): void;
}

const prefixBytes = 5;
const batchBytes = 32 * 1024;

/**
 * Frames messages for a stream and writes those of one turn together, because each write passes through all of HTTP/2. Before
 * each write `open` is called; if it returns false, what was added is dropped.
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
      // A tick comes after all microtasks, so after all messages that need no waiting.
      if (bytes === 0) process.nextTick(flush);
      parts.push(prefixOf(message), message);
      bytes += prefixBytes + message.length;
      if (bytes >= batchBytes) flush();
      return !stream.writableNeedDrain;
    },
    flush,
  };
}

/** The prefix of an uncompressed message. */
function prefixOf(message: Buffer): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}
