import { setTimeout as delay } from 'node:timers/promises';
import { collected } from '../../peers/collect-garbage.ts';
import { atOnce } from '../at-once.ts';
import type { LoadedServer } from '../server.ts';
import { openConnection } from './raw-connection.ts';

const warmUpConnections = 500;
const connections = 5_000;
const connectingAtOnce = 100;

/** What a connection costs a server that nobody calls over, in KB: what 5,000 more of them add when garbage is gone. */
export async function idleConnectionKb(server: LoadedServer): Promise<number> {
  const closeFirst = await openConnections(server, warmUpConnections);
  closeFirst();
  const before = await neededMb(server);
  const close = await openConnections(server, connections);
  const after = await neededMb(server);
  close();
  return ((after - before) * 1_000) / connections;
}

async function openConnections({ address }: LoadedServer, count: number): Promise<() => void> {
  const sockets = await atOnce(count, connectingAtOnce, () => openConnection(address, () => undefined));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

async function neededMb(server: LoadedServer): Promise<number> {
  const before = collections(server);
  server.child.kill('SIGUSR2');
  while (collections(server) === before) await delay(20);
  return server.residentMb();
}

function collections(server: LoadedServer): number {
  return server.stdout().split(collected).length;
}
