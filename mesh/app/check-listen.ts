import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Config } from '../config/config.ts';
import { listenError, parseListenAddress } from '../engines/listen-address.ts';

/**
 * Rejects as the listeners do when an address of the settings cannot be had. It lets go of all of them: nobody may connect
 * before the process serves.
 */
export async function checkListen({ grpcListen, metricsListen }: Config): Promise<void> {
  const held: Server[] = [];
  try {
    for (const address of [grpcListen, metricsListen]) if (address !== '') held.push(await hold(address));
  } finally {
    await Promise.all(held.map(letGo));
  }
}

async function hold(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(parseListenAddress(address));
  await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error)));
  return server;
}

function letGo(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
