import { runConcurrently } from '../concurrency.ts';
import type { LoadedServer } from '../server.ts';
import { usedMb } from '../used-memory.ts';
import { openConnection } from './raw-client.ts';

const warmUpConnections = 500;
const connections = 5_000;
const concurrentConnects = 100;

/** Returns the memory of an idle connection in KB: what 5,000 more connections add after garbage collection. */
export async function idleConnectionKb(server: LoadedServer): Promise<number> {
  const closeFirst = await openConnections(server, warmUpConnections);
  closeFirst();
  const before = await usedMb(server);
  const close = await openConnections(server, connections);
  const after = await usedMb(server);
  close();
  return ((after - before) * 1_000) / connections;
}

async function openConnections({ address }: LoadedServer, count: number): Promise<() => void> {
  const sockets = await runConcurrently(count, concurrentConnects, () => openConnection(address, () => undefined));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
