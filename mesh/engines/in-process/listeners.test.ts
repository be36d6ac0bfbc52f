import { describe, expect, it, onTestFinished } from 'vitest';
import { dialAddress } from '../../config/address.ts';
import { toStatus } from '../../errors/to-status.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { grpcJsEngine } from '../grpc-js/engine.ts';
import { nativeEngine } from '../native/engine.ts';
import { withInProcessCalls } from './engine.ts';
import { callOf, jsonMethod } from './testing/within.ts';

const logger = createLogger('silent');
const unary = jsonMethod<string>('unary');

describe.each([nativeEngine, grpcJsEngine])('on $name, a call to a listener of the process', (wire) => {
  // A call that does not find its listener goes over a connection, and differs in nothing but its peer.
  it.each(['127.0.0.1:0', '0.0.0.0:0', 'localhost:0', '[::1]:0', '[::]:0'])(
    'at %s takes no connection',
    async (form) => {
      const engine = withInProcessCalls(wire);
      const host = engine.createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
      host.add(unary, { kind: 'unary', handle: async (_, { peer }) => peer });
      onTestFinished(() => host.drain(0));
      const port = await host.listen(form);
      const transport = engine.connectInProcess(dialAddress(host.boundAddress ?? form, port));
      onTestFinished(() => transport.close());
      expect(await transport.unary(unary, '', callOf())).toBe('in-process:1');
    },
  );
});
