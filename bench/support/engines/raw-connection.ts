import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ack, FrameType, frame, frameReader, opening, type TakeFrame } from './frames.ts';

const nothing = new Uint8Array();

/** Connects to a server and resolves when both sides have said, and taken, their settings. `take` gets all other frames. */
export async function openConnection(address: string, take: TakeFrame): Promise<Socket> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port), noDelay: true });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let exchanged = 0;
  const read = frameReader((type, flags, streamId, payload) => {
    if (type === FrameType.settings) {
      if ((flags & ack) === 0) socket.write(frame(FrameType.settings, ack, 0, nothing));
      exchanged += 1;
      if (exchanged === 2) resolve();
    } else if (type === FrameType.ping) {
      if ((flags & ack) === 0) socket.write(frame(FrameType.ping, ack, 0, payload));
    } else take(type, flags, streamId, payload);
  });
  socket.on('data', read).on('error', reject);
  socket.on('close', () => reject(new Error(`${address} closed a connection before its settings were exchanged`)));
  await once(socket, 'connect');
  socket.write(opening());
  await ready;
  return socket;
}
