import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { endStream, FrameType } from './frames.ts';
import { openConnection } from './raw-connection.ts';
import { requestFrames } from './request-frames.ts';

const connectionCount = 4;
const overdueMs = 10_000;

interface Connection {
  readonly socket: Socket;
  /** When each stream was due, by its place among the streams of the connection. */
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
 * Calls begin at random times, `perSecond` on average, whatever became of those before: a server that is slow for a while
 * keeps waiting all who came meanwhile. Resolves with how long each took from when it was due, in milliseconds.
 */
export async function openLoop({ address, path, request, perSecond, seconds }: OpenLoop): Promise<number[]> {
  const latenciesMs: number[] = [];
  const connections = await Promise.all(
    Array.from({ length: connectionCount }, () => timingConnection(address, latenciesMs)),
  );
  const frames = requestFrames(address, path, request);
  const begunMs = performance.now();
  const endMs = begunMs + seconds * 1_000;
  let dueMs = begunMs;
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
    if (performance.now() > endMs + overdueMs) throw new Error(`${sent - latenciesMs.length} calls got no answer`);
    await turn(connections);
  }
  for (const { socket } of connections) socket.destroy();
  return latenciesMs;
}

async function timingConnection(address: string, latenciesMs: number[]): Promise<Connection> {
  const dueMs: number[] = [];
  const socket = await openConnection(address, (type, flags, streamId) => {
    if (type > FrameType.headers || (flags & endStream) === 0) return;
    latenciesMs.push(performance.now() - (dueMs[(streamId - 1) / 2] ?? Number.NaN));
  });
  socket.cork();
  return { socket, dueMs };
}

function send({ socket, dueMs }: Connection, frames: (streamId: number) => Buffer, atMs: number): void {
  socket.write(frames(dueMs.push(atMs) * 2 - 1));
}

/** Lets all calls of a turn leave in one write, and their answers in. */
async function turn(connections: readonly Connection[]): Promise<void> {
  for (const { socket } of connections) {
    socket.uncork();
    socket.cork();
  }
  await nextTurn();
}
