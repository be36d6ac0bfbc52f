import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../config/config.ts';
import { captureLog } from '../testing/captured-log.ts';
import { checkExposure, checkNodeTls, exposedListeners, type Safeguards } from './exposure.ts';

const hasEdge = true;

/** What is logged by the check of these settings. */
function logOf(environment: Record<string, string>, withEdge = hasEdge) {
  const { logger, lines } = captureLog();
  checkExposure(readConfig(environment), withEdge, logger);
  return lines.map(({ level, listeners, msg }) => ({ level, listeners, msg }));
}

describe('a process that other machines reach', () => {
  it.each([
    ['GRPC_LISTEN', '0.0.0.0:50051', 'TLS and tokens', 'TLS_CERT, TLS_KEY, AUTH_JWKS, AUTH_ISSUER, AUTH_AUDIENCE'],
    ['HTTP_LISTEN', '[::]:8080', 'TLS and tokens', 'TLS_CERT, TLS_KEY, AUTH_JWKS, AUTH_ISSUER, AUTH_AUDIENCE'],
    ['METRICS_LISTEN', '10.0.0.7:9464', 'TLS and client certificates', 'TLS_CERT, TLS_KEY, TLS_CA'],
    [
      'OPS_LISTEN',
      'ops.internal:50052',
      'TLS and client certificates and tokens',
      'TLS_CERT, TLS_KEY, TLS_CA, AUTH_JWKS, AUTH_ISSUER, AUTH_AUDIENCE',
    ],
  ])('is refused for %s=%s, with the ways out', (variable, address, without, settings) => {
    const port = address.slice(address.lastIndexOf(':'));
    const check = () => logOf({ [variable]: address });
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(
      `${variable} is ${address}, which other machines reach without ${without}: listen on 127.0.0.1${port}, or set ${settings} ` +
        '(docs/security.md; "make start TLS=1 AUTH=1" tries it), or set ALLOW_INSECURE=1 if only a private network reaches it',
    );
  });

  it('is refused with a line for each listener', () => {
    const check = () => logOf({ GRPC_LISTEN: '0.0.0.0:1', METRICS_LISTEN: '0.0.0.0:2', HTTP_LISTEN: '0.0.0.0:3' });
    expect(check).toThrow(/^GRPC_LISTEN is .*\nHTTP_LISTEN is .*\nMETRICS_LISTEN is .*$/);
  });

  it('starts with ALLOW_INSECURE=1, and warns of each listener', () => {
    expect(logOf({ ALLOW_INSECURE: '1', GRPC_LISTEN: '0.0.0.0:1', OPS_LISTEN: '0.0.0.0:2' })).toEqual([
      {
        level: 'warn',
        listeners: [
          'GRPC_LISTEN=0.0.0.0:1 without TLS and tokens',
          'OPS_LISTEN=0.0.0.0:2 without TLS and client certificates and tokens',
        ],
        msg: expect.stringContaining('without TLS or authentication'),
      },
    ]);
  });
});

describe('a process that knows who calls', () => {
  const open = {
    GRPC_LISTEN: '0.0.0.0:1',
    HTTP_LISTEN: '0.0.0.0:2',
    METRICS_LISTEN: '0.0.0.0:3',
    OPS_LISTEN: '0.0.0.0:4',
  };
  const tls = { TLS_CERT: 'cert.pem', TLS_KEY: 'key.pem' };
  const tokens = { AUTH_JWKS: 'keys.json', AUTH_ISSUER: 'a', AUTH_AUDIENCE: 'b' };

  it('starts beyond loopback without a warning', () => {
    expect(logOf({ ...open, ...tls, TLS_CA: 'ca.pem', ...tokens })).toEqual([]);
  });

  it.each([
    ['tokens', { ...tls, TLS_CA: 'ca.pem' }, ['GRPC_LISTEN', 'HTTP_LISTEN', 'OPS_LISTEN']],
    ['client certificates', { ...tls, ...tokens }, ['METRICS_LISTEN', 'OPS_LISTEN']],
    ['TLS', tokens, Object.keys(open)],
    [
      'TLS of its own',
      { ...tokens, HTTP_TLS_CERT: 'a', HTTP_TLS_KEY: 'b' },
      Object.keys(open).filter((name) => name !== 'HTTP_LISTEN'),
    ],
  ])('is refused without %s', (_title, settings, refused) => {
    const check = () => logOf({ ...open, ...settings });
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(new RegExp(`^${refused.map((name) => `${name} is .*`).join('\n')}$`));
  });
});

describe('a process that only this machine reaches', () => {
  it.each([
    {},
    { GRPC_LISTEN: '127.0.0.1:0', HTTP_LISTEN: 'localhost:1', METRICS_LISTEN: '[::1]:2', OPS_LISTEN: '127.8.0.1:3' },
    { HTTP_LISTEN: 'off' },
  ])('starts with %o and logs nothing', (environment) => {
    expect(logOf(environment)).toEqual([]);
  });

  it.each([
    { HTTP_LISTEN: '0.0.0.0:1', GRPC_LISTEN: '0.0.0.0:2', TLS_CERT: 'a', TLS_KEY: 'b', AUTH_JWKS: 'c' },
    { HTTP_LISTEN: '0.0.0.0:1', HTTP_TLS_CERT: 'a', HTTP_TLS_KEY: 'b', AUTH_JWKS: 'c' },
  ])('may as well be reached with %o', (environment) => {
    expect(logOf(environment)).toEqual([]);
  });

  it('may have an HTTP_LISTEN that it does not use', () => {
    expect(logOf({ HTTP_LISTEN: '0.0.0.0:8080' }, false)).toEqual([]);
  });

  it('is warned that it does not need ALLOW_INSECURE=1', () => {
    expect(logOf({ ALLOW_INSECURE: '1' })).toMatchObject([
      { level: 'warn', msg: expect.stringContaining('not needed') },
    ]);
    expect(logOf({ ALLOW_INSECURE: '0' })).toEqual([]);
  });

  it.each(['127.0.0.1.example.com:1', 'localhost.example.com:1', '[::ffff:10.0.0.1]:1', '128.0.0.1:1', '[::]:1'])(
    'is not one that listens on %s',
    (listen) => {
      expect(() => logOf({ GRPC_LISTEN: listen })).toThrow(ConfigError);
    },
  );
});

describe('ALLOW_INSECURE', () => {
  it.each(['yes', 'true', '2', ' 1'])('is not %j', (text) => {
    expect(() => readConfig({ ALLOW_INSECURE: text })).toThrow(/^ALLOW_INSECURE is ".*", but must be 0 or 1$/);
  });
});

describe('the safeguards of listeners', () => {
  const all = ['GRPC_LISTEN', 'HTTP_LISTEN', 'METRICS_LISTEN', 'OPS_LISTEN'];
  const exposed = {
    grpcListen: '0.0.0.0:1',
    httpListen: '0.0.0.0:2',
    httpTlsCert: '',
    metricsListen: '0.0.0.0:3',
    opsListen: '0.0.0.0:4',
  };
  const lacking = (...has: Parameters<Safeguards['has']>[0][]) =>
    exposedListeners(exposed, hasEdge, new Set(has)).map(({ variable, without }) => `${variable} ${without}`);

  it.each([
    [
      [],
      [
        'GRPC_LISTEN TLS and tokens',
        'HTTP_LISTEN TLS and tokens',
        'METRICS_LISTEN TLS and client certificates',
        'OPS_LISTEN TLS and client certificates and tokens',
      ],
    ],
    [
      ['tls'] as const,
      [
        'GRPC_LISTEN tokens',
        'HTTP_LISTEN tokens',
        'METRICS_LISTEN client certificates',
        'OPS_LISTEN client certificates and tokens',
      ],
    ],
    [['tls', 'clientCertificates'] as const, ['GRPC_LISTEN tokens', 'HTTP_LISTEN tokens', 'OPS_LISTEN tokens']],
    [['tls', 'tokens'] as const, all.slice(2).map((name) => `${name} client certificates`)],
    [['tls', 'clientCertificates', 'tokens'] as const, []],
  ])('%j leave %j', (has, missing) => {
    expect(lacking(...has)).toEqual(missing);
  });
});

describe('a process whose Node accepts every server', () => {
  it('is refused, whatever else permits', () => {
    const check = () => checkNodeTls({ NODE_TLS_REJECT_UNAUTHORIZED: '0', ALLOW_INSECURE: '1' });
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(/^NODE_TLS_REJECT_UNAUTHORIZED is 0.*TLS_CA/);
    checkNodeTls({ NODE_TLS_REJECT_UNAUTHORIZED: '1' });
    checkNodeTls({});
  });
});
