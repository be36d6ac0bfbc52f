import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { Metadata } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EngineMethod } from '../../mesh/engines/engine.ts';
import { nativeEngine } from '../../mesh/engines/native/engine.ts';
import { toStatus } from '../../mesh/errors/to-status.ts';
import { rawConnection } from '../../mesh/server/testing/raw-call.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { grpcFrame } from '../../mesh/testing/grpc-frame.ts';
import { residentBytes } from '../../mesh/testing/servers/resident-bytes.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

const connections = 4;
const streamsOfEach = 250;
const message = Buffer.alloc(1_000, 'm');
const asIs = (bytes: Uint8Array) => bytes;
const codec = { encodeRequest: asIs, decodeRequest: asIs, encodeResponse: asIs, decodeResponse: asIs };

function method(name: string, kind: 'unary' | 'server-streaming'): EngineMethod<Uint8Array, Uint8Array> {
  return { path: `/user.v1.UserService/${name}`, kind, ...codec };
}

/** Serves an endless list. `sent` counts its messages, of all calls. */
async function serveLists() {
  const logger = createLogger('silent');
  const host = nativeEngine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  const counts = { sent: 0 };
  host.add(method('GetUser', 'unary'), { kind: 'unary', handle: async (read) => read() });
  host.add(method('ListUsers', 'server-streaming'), {
    kind: 'server-streaming',
    async *handle() {
      for (;;) {
        counts.sent += 1;
        yield message;
      }
    },
  });
  const port = await host.listen('127.0.0.1:0');
  onTestFinished(() => host.drain(0));
  return { address: `127.0.0.1:${port}`, counts };
}

function residentMiB(pid: number): number {
  return residentBytes(pid) / 2 ** 20;
}

/** Opens lists and reads none of them. */
function openLists(session: ClientHttp2Session): void {
  for (let stream = 0; stream < streamsOfEach; stream += 1) {
    const path = '/user.v1.UserService/ListUsers';
    const list = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    list.on('error', () => undefined);
    list.end(grpcFrame(new Uint8Array()));
  }
}

describe('the gateway', () => {
  it('holds at most 200 MiB for 1,000 callers that do not read, and serves others as before', {
    timeout: 60_000,
  }, async () => {
    await using folder = await tempFolder();
    const { address, counts } = await serveLists();
    await using gateway = await startProcess({
      dataDir: folder.path,
      args: ['gateway'],
      environment: { GRPC_ENGINE: 'native', DISCOVERY_URL: `static:user=${address}` },
    });
    const transport = nativeEngine.connect(gateway.address);
    onTestFinished(() => transport.close());
    const call = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };
    const medianMs = async () => {
      const times: number[] = [];
      for (let made = 0; made < 50; made += 1) {
        const startMs = performance.now();
        await transport.unary(method('GetUser', 'unary'), message, call);
        times.push(performance.now() - startMs);
      }
      return times.toSorted((a, b) => a - b)[25] ?? Number.NaN;
    };
    await medianMs();
    const usualMs = await medianMs();
    const pid = gateway.child.pid ?? Number.NaN;
    const beforeMiB = residentMiB(pid);
    const sessions = await Promise.all(Array.from({ length: connections }, () => rawConnection(gateway.address)));
    onTestFinished(() => {
      for (const session of sessions) session.destroy();
    });
    for (const session of sessions) {
      session.on('error', () => undefined);
      openLists(session);
    }
    // All windows are used up when the server sends no more: not before each list has begun, whatever pauses the machine makes.
    const least = 10 * connections * streamsOfEach;
    let maxMiB = 0;
    for (let sent = -1; sent !== counts.sent || sent <= least; await delay(500)) {
      sent = counts.sent;
      maxMiB = Math.max(maxMiB, residentMiB(pid));
    }
    const grownMiB = maxMiB - beforeMiB;
    // Once more if they were slow: other programs on the machine only ever add to the time.
    const maxMs = 5 * usualMs + 20;
    let slowMs = await medianMs();
    for (let again = 0; again < 2 && slowMs >= maxMs; again += 1) slowMs = await medianMs();
    expect(slowMs).toBeLessThan(maxMs);
    expect(grownMiB).toBeLessThan(200);
  });
});
