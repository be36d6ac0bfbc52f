import { constants } from 'node:http2';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Transport } from '../../../engine.ts';
import { createServerHost } from '../server/server-host.ts';
import { callOf, textMethod } from '../text-methods.testing.ts';
import type { EndpointOptions } from './endpoint.ts';
import { answer, serveRaw } from './grpc-server.testing.ts';
import { connectNative } from './transport.ts';

function connect(address: string, options: EndpointOptions = {}): Transport {
  const transport = connectNative(address, options);
  onTestFinished(() => transport.close());
  return transport;
}

const hello = (transport: Transport) => transport.unary(textMethod('unary'), 'hello', callOf());

describe('a client that pings its server', () => {
  /** How many pings come during a call that takes 300 ms, after so many were too much for the server. */
  async function pingsAfter(complaints: number): Promise<number> {
    let pings = 0;
    const { address } = await serveRaw((stream, count) => {
      const { session } = stream;
      session?.on('ping', () => {
        if (count > complaints) pings += 1;
      });
      if (count > complaints) {
        setTimeout(() => answer(stream), 300);
        return;
      }
      stream.on('close', () => session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM));
      answer(stream);
    });
    const transport = connect(address, { patience: { pingEveryMs: 20 } });
    for (let count = 0; count <= complaints; count += 1) await hello(transport);
    return pings;
  }

  it('does so while a call waits', async () => {
    expect(await pingsAfter(0)).toBeGreaterThan(0);
  });

  it('does so half as often after each time that it was too much', async () => {
    expect(await pingsAfter(10)).toBe(0);
  });
});

it('a client whose calls are refused before they are sent may make thousands of them on a connection', async () => {
  const toStatus = () => ({ code: Status.UNIMPLEMENTED, details: '', metadata: Metadata() });
  const host = createServerHost({ toStatus });
  const transport = connect(`127.0.0.1:${await host.listen('127.0.0.1:0')}`);
  onTestFinished(() => host.drain(0));
  const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
  const call = () =>
    transport.clientStreaming(textMethod('client-streaming'), never, callOf()).catch(({ code }) => code);
  for (let round = 0; round < 60; round += 1) {
    const codes = await Promise.all(Array.from({ length: 50 }, call));
    expect(new Set(codes)).toEqual(new Set([Status.UNIMPLEMENTED]));
  }
});
