import { once } from 'node:events';
import { connect } from 'node:net';

/** Connects to a server at `host:port` and disconnects. Throws if it does not listen. */
export async function reach(address: string): Promise<void> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
