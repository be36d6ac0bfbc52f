import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConnectionLimit } from './connection-limit.ts';
import { networkOf } from './network-of.ts';
import { HandshakeLimit } from './tls/handshake-limit.ts';

describe('networkOf', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1'],
    ['2001:DB8:0:0001:bbbb:0:0:2', '2001:db8:0:1'],
    ['[2001:db8:0:1::9]', '2001:db8:0:1'],
    ['2001:db8::9', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['FEBF:0::0002', 'febf:0:0:0:0:0:0:2'],
    ['fec0::2', 'fec0:0:0:0'],
    ['fd00::2', 'fd00:0:0:0:0:0:0:2'],
    ['fcab:1:2:3:4:5:6:7', 'fcab:1:2:3:4:5:6:7'],
    ['fc::2', 'fc:0:0:0'],
    ['::9', '0:0:0:0'],
  ])('of %s is %s', (host, network) => {
    expect(networkOf(host)).toBe(network);
  });

  it.each(['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::1', '', 'unknown', '/run/socket'])(
    'of %j is none',
    (host) => {
      expect(networkOf(host)).toBeUndefined();
    },
  );
});

describe('the limits of an address', () => {
  /** A connection, of which only the address is looked at. */
  const from = (remoteAddress: string, remotePort: number) =>
    ({ remoteAddress, remotePort, once: () => undefined }) as unknown as Socket;

  it('count the connections of an IPv6 network of one host together', () => {
    const limit = new ConnectionLimit({ all: 100, ofAddress: 2 });
    const enter = (address: string) => limit.enter(from(address, limit.open))?.end.reason;
    expect([enter('2001:db8::1'), enter('2001:db8::2'), enter('2001:db8::3')]).toEqual([
      undefined,
      undefined,
      'too_many_of_address',
    ]);
    expect(enter('2001:db8:0:1::1')).toBeUndefined();
    // Hosts of a private network share a /64.
    expect([enter('fd00::1'), enter('fd00::2'), enter('fd00::3')]).toEqual([undefined, undefined, undefined]);
    // Those of this machine have one address.
    expect([enter('::1'), enter('::1'), enter('::1')]).toEqual([undefined, undefined, 'too_many_of_address']);
  });

  it('count its handshakes together', () => {
    const limit = new HandshakeLimit();
    const begin = (index: number) => limit.begin(from(`2001:db8::${index.toString(16)}`, 1_000 + index));
    for (let index = 0; index < 200; index += 1) expect(begin(index)).toBeUndefined();
    expect(begin(200)).toContain('200 handshakes of its address');
    expect(limit.begin(from('2001:db8:0:1::1', 2_000))).toBeUndefined();
  });
});
