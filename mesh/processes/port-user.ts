import { describeProcess, processesWith, readProc } from './proc.ts';

/** A TCP socket of this machine, from /proc/net. */
interface Socket {
  readonly state: 'listening' | 'ended' | 'connected';
  readonly inode: string;
}

/**
 * Says why nothing can listen on a TCP port of this machine, and what to do: a process listens there, or an outgoing
 * connection has the port, perhaps one that has ended. Undefined if the system does not say.
 */
export function describePortUser(port: number): string | undefined {
  const sockets = socketsOf(port);
  const found = (['listening', 'connected', 'ended'] as const)
    .map((wanted) => sockets.find(({ state }) => state === wanted))
    .find((socket) => socket !== undefined);
  if (!found) return undefined;
  // The kernel keeps the port so late packets reach nobody else; no process has it.
  if (found.state === 'ended')
    return 'an outgoing connection that has ended still has the port (TIME_WAIT): start again in a minute, or choose a port that the system gives to no connection (below 32768)';
  const [pid] = processesWith(`socket:[${found.inode}]`);
  const who = pid === undefined ? 'a process of another user' : describeProcess(pid);
  if (found.state === 'listening') return `${who} listens there; stop it or choose another port`;
  return `${who} has the port for an outgoing connection; end that, or choose a port that the system gives to no connection (below 32768)`;
}

/** Returns the processes of this user that listen on a TCP port of this machine, by their ids. */
export function listenersOf(port: number): number[] {
  const listening = socketsOf(port).filter(({ state }) => state === 'listening');
  return [...new Set(listening.flatMap(({ inode }) => processesWith(`socket:[${inode}]`)))];
}

function socketsOf(port: number): Socket[] {
  return ['net/tcp', 'net/tcp6'].flatMap((file) => socketsAt(readProc(file), port));
}

const states: Readonly<Record<string, Socket['state']>> = { '0A': 'listening', '06': 'ended' };

function socketsAt(table: string, port: number): Socket[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local]) => local?.endsWith(suffix))
    .map((columns) => ({ state: states[columns[3] ?? ''] ?? 'connected', inode: columns[9] ?? '' }));
}
