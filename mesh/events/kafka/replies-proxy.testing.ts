import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands before a broker and can withhold what it says to a producer. */
export interface RepliesProxy {
  /** Cuts the connection instead of passing on the answers to the next `count` Produce requests. */
  dropProduceReplies(count: number): void;
  /** How many answers were dropped. */
  readonly dropped: number;
  close(): void;
}

const produce = 0;

/** Listens on `port` and passes everything to `brokerPort`. */
export async function startRepliesProxy(port: number, brokerPort: number): Promise<RepliesProxy> {
  const sockets = new Set<Socket>();
  let toDrop = 0;
  let dropped = 0;
  const server = createServer((client) => {
    const broker = connect(brokerPort, '127.0.0.1');
    const produced = new Set<number>();
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
