import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands before a broker and can change what it says: withhold it from a producer, or say of a partition that it is away. */
export interface RepliesProxy {
  /** Cuts the connection instead of passing on the answers to the next `count` Produce requests. */
  dropProduceReplies(count: number): void;
  /** How many answers were dropped. */
  readonly dropped: number;
  /** Puts an error code of the protocol into what each Fetch is answered for a partition; 0 ends that. */
  failFetches(topic: string, partition: number, errorCode: number): void;
  /** How many connections there have been. */
  readonly connections: number;
  /** How many connections there are. */
  readonly open: number;
  close(): void;
}

const produce = 0;
const fetch = 1;
// As of the version that the client here asks in.
const fetchVersion = 11;

/** Listens on `port` and passes everything to `brokerPort`. */
export async function startRepliesProxy(port: number, brokerPort: number): Promise<RepliesProxy> {
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let toDrop = 0;
  let dropped = 0;
  let connections = 0;
  let failing = { topic: '', partition: 0, errorCode: 0 };
  const server = createServer((client) => {
    connections += 1;
    clients.add(client);
    client.on('close', () => clients.delete(client));
    const broker = connect(brokerPort, '127.0.0.1');
    const produced = new Set<number>();
    const fetched = new Set<number>();
    const end = () => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', (chunk) => broker.write(chunk));
    client.on(
      'data',
      framesOf((frame) => {
        if (frame.readInt16BE(0) === produce) produced.add(frame.readInt32BE(4));
        if (frame.readInt16BE(0) === fetch && frame.readInt16BE(2) === fetchVersion) fetched.add(frame.readInt32BE(4));
      }),
    );
    broker.on(
      'data',
      framesOf((frame) => {
        if (toDrop > 0 && produced.delete(frame.readInt32BE(0))) {
          toDrop -= 1;
          dropped += 1;
          return end();
        }
        if (fetched.delete(frame.readInt32BE(0)) && failing.errorCode !== 0) failPartition(frame, failing);
        if (client.destroyed) return;
        const length = Buffer.alloc(4);
        length.writeInt32BE(frame.length);
        client.write(Buffer.concat([length, frame]));
      }),
    );
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    dropProduceReplies(count) {
      toDrop = count;
    },
    get dropped() {
      return dropped;
    },
    failFetches(topic, partition, errorCode) {
      failing = { topic, partition, errorCode };
    },
    get connections() {
      return connections;
    },
    get open() {
      return clients.size;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Cuts what comes into frames of the protocol, which begin with their length. */
function framesOf(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      onFrame(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  };
}

/** Writes an error code over that of a partition in the answer to a Fetch. */
function failPartition(
  frame: Buffer,
  failing: { readonly topic: string; readonly partition: number; readonly errorCode: number },
): void {
  // Behind the correlation id: the throttle time, an error code, the session's id.
  let at = 4 + 4 + 2 + 4;
  const int32 = () => {
    at += 4;
    return frame.readInt32BE(at - 4);
  };
  for (let topics = int32(); topics > 0; topics--) {
    const nameEnd = at + 2 + frame.readInt16BE(at);
    const topic = frame.toString('utf8', at + 2, nameEnd);
    at = nameEnd;
    for (let partitions = int32(); partitions > 0; partitions--) {
      const partition = int32();
      if (topic === failing.topic && partition === failing.partition) frame.writeInt16BE(failing.errorCode, at);
      // The code, three offsets, the aborted transactions, the preferred replica, the records.
      at += 2 + 24;
      const aborted = Math.max(0, int32());
      at += aborted * 16 + 4;
      const recordBytes = Math.max(0, int32());
      at += recordBytes;
    }
  }
}
