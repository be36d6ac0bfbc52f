import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { startWith } from '../suite/server-host/text-host.ts';
import { serverHostSuite } from '../suite/server-host.suite.ts';
import { nativeEngine } from './engine.ts';

describe('on native', () => {
  serverHostSuite(nativeEngine);

  describe('a host with a bug', () => {
    it('ends the connection with INTERNAL_ERROR, without the cause, and reports internal_error with it', async () => {
      const toStatus = () => {
        throw new TypeError('x is not a function');
      };
      const { session, ended } = await startWith(nativeEngine, { toStatus });
      const goaway = once(session, 'goaway');
      const call = session.request({ ':method': 'POST', ':path': '/t/none', 'content-type': 'application/grpc' });
      call.on('error', () => undefined);
      const [code, , text] = await goaway;
      expect([code, String(text ?? '')]).toEqual([2, '']);
      expect(ended).toMatchObject([
        { reason: 'internal_error', problem: 'x is not a function', counts: { streams: 1 } },
      ]);
    });
  });
});
