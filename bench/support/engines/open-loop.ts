import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { openConnection, requestFrames } from './raw-client.ts';

const connectionCount = 4;
const overdueMs = 10_000;

interface Connection {
  readonly socket: Socket;
  /** When each stream was due, in the order of the connection's streams. */
  readonly dueMs: number[];
}

export interface OpenLoop {
  readonly address: string;
  readonly path: string;
  readonly request: Uint8Array;
  readonly perSecond: number;
  readonly seconds: number;
}

/**
 * Starts calls at random times, `perSecond` on average, even if earlier calls are not done: a server that is slow for a while
 * delays all calls of that time. Returns the time of each call since it was due, in milliseconds.
 */
export async function openLoop({ address, path, request, perSecond, seconds }: OpenLoop): Promise<number[]> {
  const latenciesMs: number[] = [];
  const connections = await Promise.all(
    Array.from({ length: connectionCount }, () => timingConnection(address, latenciesMs)),
  );
  const frames = requestFrames(address, path, request);
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let dueMs = startMs;
  let sent = 0;
  while (dueMs < endMs) {
    for (const nowMs = performance.now(); dueMs <= nowMs && dueMs < endMs; sent += 1) {
      const connection = connections[sent % connectionCount];
      if (connection) send(connection, frames, dueMs);
      dueMs -= (Math.log(1 - Math.random()) * 1_000) / perSecond;
    }
    await turn(connections);
  }
  while (latenciesMs.length < sent) {
    if (performance.now() > endMs + overdueMs) throw new Error(`${sent - latenciesMs.length} calls got no response`);
    await turn(connections);
  }
  for (const { socket } of connections) socket.destroy();
  return latenciesMs;
}

async function timingConnection(address: string, latenciesMs: number[]): Promise<Connection> {
  const dueMs: number[] = [];
  const socket = await openConnection(address, (type, flags, streamId) => {
    if (type > FrameType.HEADERS || (flags & Flag.END_STREAM) === 0) return;
    latenciesMs.push(performance.now() - (dueMs[(streamId - 1) / 2] ?? Number.NaN));
  });
  socket.cork();
  return { socket, dueMs };
}

function send({ socket, dueMs }: Connection, frames: (streamId: number) => Buffer, atMs: number): void {
  socket.write(frames(dueMs.push(atMs) * 2 - 1));
}

/** Sends all calls of this turn in one write, then lets responses arrive. */
async function turn(connections: readonly Connection[]): Promise<void> {
  for (const { socket } of connections) {
    socket.uncork();
    socket.cork();
  }
  await nextTurn();
}
