import { describe, expect, it } from 'vitest';
import { readConfig } from '../../config/config.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { openProcessTls } from './process-tls.ts';

function open(settings: Readonly<Record<string, string>>) {
  const { logger, lines } = captureLog();
  const tls = openProcessTls(readConfig(settings), { clock: createTestClock(), logger, gateway: 'gateway' });
  return { tls, lines };
}

describe('without TLS_CERT', () => {
  it.each([
    ['TLS_CRL', 'crl.pem', /TLS_CRL needs TLS_CERT/],
    ['TLS_SERVICE_ID', 'spiffe://<trust domain>/sa/<service>', /TLS_SERVICE_ID needs TLS_CERT/],
    ['TLS_KEY', 'key.pem', /TLS_KEY needs TLS_CERT/],
  ])('%s is refused', (variable, value, problem) => {
    expect(() => open({ TLS_CA: 'ca.pem', [variable]: value })).toThrow(problem);
  });

  it('TLS_CA is for the servers that the process uses, which is logged', () => {
    const { tls, lines } = open({ TLS_CA: 'ca.pem' });
    expect(tls).toBeUndefined();
    expect(lines).toMatchObject([{ level: 'info', msg: expect.stringMatching(/the listeners .* have no TLS/) }]);
    expect(open({}).lines).toEqual([]);
  });
});
