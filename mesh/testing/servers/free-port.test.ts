import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort } from './free-port.ts';

describe('freePort', () => {
  it('returns each port once, and none that the system gives to outgoing connections', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, freePort));
    expect(new Set(ports).size).toBe(50);
    const [firstOutgoing] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
    expect(Math.max(...ports)).toBeLessThan(firstOutgoing ?? 0);
  });

  it('skips a port that is taken', async () => {
    const before = await freePort();
    const taken = createServer().listen(before + 1, '127.0.0.1');
    try {
      // If another process has it, it is taken as well.
      await once(taken, 'listening').catch(() => undefined);
      expect(await freePort()).not.toBe(before + 1);
    } finally {
      taken.close();
    }
  });
});
