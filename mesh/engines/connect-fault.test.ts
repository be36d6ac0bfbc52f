import { describe, expect, it } from 'vitest';
import { faultOf, unreachableText } from './connect-fault.ts';
import { ConnectionError, ErrorCode } from './native/http2/codec/frames.ts';

describe('the text of a failed connection', () => {
  it.each([
    [
      Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:1'), { code: 'ECONNREFUSED' }),
      'connect ECONNREFUSED 10.0.0.1:1; check that it runs at this address',
    ],
    [
      new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, 'the peer sent no SETTINGS within 5000 ms'),
      'the peer sent no SETTINGS within 5000 ms; check that it is a gRPC server, and does not hang',
    ],
  ])('names the fault of %o and what to do', (error, text) => {
    const failed = { address: '10.0.0.1:1', fault: faultOf(error), isTls: false };
    expect(unreachableText(failed)).toBe(`10.0.0.1:1 cannot be reached: ${text}`);
  });
});
