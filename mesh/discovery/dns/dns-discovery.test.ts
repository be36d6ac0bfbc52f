import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { type KnotServer, knot, startKnot } from '../../testing/servers/knot.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import { badReplies, startDnsProxy } from '../testing/dns-proxy.ts';
import { createDnsDiscovery, type DnsOptions } from './dns-discovery.ts';

const noSearch = '/dev/null';

/** Watches the service `user` by the server. */
function watchUser(server: KnotServer, options: Pick<DnsOptions, 'name' | 'port'> & Partial<DnsOptions>) {
  const { logger, lines } = captureLog();
  const metrics = createPrometheusMetrics({ clock: systemClock, logger });
  const discovery = createDnsDiscovery(
    { scheme: 'dns', server: server.address, resolvConf: noSearch, ...options },
    { clock: systemClock, logger, metrics },
  );
  onTestFinished(() => discovery.close());
  const sets: string[][] = [];
  discovery.watch('user', ({ endpoints }) => sets.push(endpoints.map(({ address }) => address)));
  return { discovery, lines, metrics, latest: () => sets.at(-1), count: () => sets.length };
}

describeWithServer(knot, 'discovery by DNS', () => {
  let server: KnotServer;

  beforeAll(async () => {
    server = await startKnot();
    return () => server[Symbol.asyncDispose]();
  });

  it('finds the addresses of both families, and follows their changes', async () => {
    const [first, second, third] = ['1 A 127.0.0.2', '1 A 127.0.0.1', '1 AAAA ::1'].map(
      (data) => `user.mesh.test. ${data}`,
    );
    await server.serve([`${first}`, `${second}`, `${third}`]);
    const { latest, discovery } = watchUser(server, { name: '<service>.mesh.test', port: 50_051 });
    expect(discovery.knows('user')).toBe('possible');
    await eventually(() => expect(latest()).toEqual(['127.0.0.1:50051', '127.0.0.2:50051', '[::1]:50051']));
    expect(discovery.knows('user')).toBe('certain');
    expect(discovery.names()).toEqual(['user']);
    await server.serve([`${second}`, 'user.mesh.test. 1 A 127.0.0.3']);
    const withinTtl = { timeoutMs: 3_000 };
    await eventually(() => expect(latest()).toEqual(['127.0.0.1:50051', '127.0.0.3:50051']), withinTtl);
  });

  it('finds the ports of SRV records, of the lowest priority', async () => {
    await server.serve([
      '_grpc._tcp.user.mesh.test. 1 SRV 0 1 7001 one.mesh.test.',
      '_grpc._tcp.user.mesh.test. 1 SRV 0 9 7002 two.mesh.test.',
      '_grpc._tcp.user.mesh.test. 1 SRV 5 1 7003 one.mesh.test.',
      '_grpc._tcp.user.mesh.test. 1 SRV 0 1 7004 gone.mesh.test.',
      'one.mesh.test. 1 A 127.0.0.1',
      'two.mesh.test. 1 A 127.0.0.2',
    ]);
    const { latest } = watchUser(server, { name: '_grpc._tcp.<service>.mesh.test', port: undefined });
    await eventually(() => expect(latest()).toEqual(['127.0.0.1:7001', '127.0.0.2:7002']));
  });

  describe('in a pod of Kubernetes', () => {
    it.each(['<service>-service', '<service>-service.production', '<service>-service.production.svc.cluster.local'])(
      'finds %s',
      async (name) => {
        await using folder = await tempFolder();
        const resolvConf = join(folder.path, 'resolv.conf');
        await writeFile(
          resolvConf,
          'search production.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
        );
        await server.serve(['user-service.production.svc.cluster.local. 1 A 10.1.0.7']);
        const { latest } = watchUser(server, { name, port: 50_051, resolvConf });
        await eventually(() => expect(latest()).toEqual(['10.1.0.7:50051']));
      },
    );
  });

  it('keeps the last addresses of a name that has disappeared, and reports for how long', async () => {
    await server.serve(['user.mesh.test. 1 A 127.0.0.1']);
    const { latest, count, lines, metrics } = watchUser(server, { name: '<service>.mesh.test', port: 50_051 });
    await eventually(() => expect(latest()).toEqual(['127.0.0.1:50051']));
    await server.serve([]);
    await eventually(async () => {
      const { text } = await metrics.scrape();
      expect(Number(/discovery_age_seconds\{service="user"\} (\S+)/.exec(text)?.[1])).toBeGreaterThan(2.5);
      expect(Number(/failures_total\{reason="SERVICE_UNKNOWN"\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(2);
    });
    expect(count()).toBe(1);
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      expect.objectContaining({
        registry: `dns://${server.address}`,
        service: 'user',
        err: expect.objectContaining({ reason: 'SERVICE_UNKNOWN' }),
        remedy: expect.stringContaining('DISCOVERY_URL'),
      }),
    ]);
    await server.serve(['user.mesh.test. 1 A 127.0.0.2']);
    await eventually(() => expect(latest()).toEqual(['127.0.0.2:50051']));
    expect(lines.at(-1)).toMatchObject({ level: 'info', msg: 'registry answers again' });
  });

  it('has no instances of a name that never existed', async () => {
    await server.serve([]);
    const { latest, count } = watchUser(server, { name: '<service>.mesh.test', port: 50_051 });
    await eventually(() => expect(latest()).toEqual([]));
    expect(count()).toBe(1);
  });

  it('asks again after 5 s, also if the TTL is longer', async () => {
    await server.serve(['user.mesh.test. 600 A 127.0.0.1']);
    const { latest } = watchUser(server, { name: '<service>.mesh.test', port: 50_051 });
    await eventually(() => expect(latest()).toEqual(['127.0.0.1:50051']));
    await server.serve(['user.mesh.test. 600 A 127.0.0.2']);
    await eventually(() => expect(latest()).toEqual(['127.0.0.2:50051']), { timeoutMs: 10_000 });
  });

  it('asks again before the TTL has passed when a connection has failed', async () => {
    await server.serve(['user.mesh.test. 30 A 127.0.0.1']);
    const { latest, discovery } = watchUser(server, { name: '<service>.mesh.test', port: 50_051 });
    await eventually(() => expect(latest()).toEqual(['127.0.0.1:50051']));
    await server.serve(['user.mesh.test. 30 A 127.0.0.2']);
    discovery.refresh('user');
    await eventually(() => expect(latest()).toEqual(['127.0.0.2:50051']), { timeoutMs: 4_000 });
  });

  it('keeps the addresses of a family that the server does not answer for now', async () => {
    await server.serve(['user.mesh.test. 1 A 127.0.0.1', 'user.mesh.test. 1 AAAA ::1']);
    await using proxy = await startDnsProxy(server.address);
    const user = watchUser(server, { server: proxy.address, name: '<service>.mesh.test', port: 50_051 });
    await eventually(() => expect(user.latest()).toEqual(['127.0.0.1:50051', '[::1]:50051']));
    proxy.changeReplies((reply) => (isForV4(reply) ? badReplies['answers SERVFAIL']?.(reply) : reply));
    await eventually(() => expect(user.lines.map(reasonOf)).toEqual(['REGISTRY_UNAVAILABLE']));
    expect(user.count()).toBe(1);
    proxy.changeReplies(undefined);
    await eventually(() => expect(user.lines.at(-1)).toMatchObject({ msg: 'registry answers again' }));
  });

  it('finds the addresses of one family if the server never answers for the other one', async () => {
    await server.serve(['user.mesh.test. 1 A 127.0.0.1']);
    await using proxy = await startDnsProxy(server.address);
    proxy.changeReplies((reply) => (isForV4(reply) ? reply : badReplies['answers SERVFAIL']?.(reply)));
    const user = watchUser(server, { server: proxy.address, name: '<service>.mesh.test', port: 50_051 });
    await eventually(() => expect(user.latest()).toEqual(['127.0.0.1:50051']));
    expect(user.lines).toEqual([]);
  });

  it('keeps the last addresses whatever the server sends, logs that once, and continues afterwards', async () => {
    await server.serve(['user.mesh.test. 1 A 127.0.0.1']);
    const cases = Object.entries(badReplies).map(async ([bad, change]) => {
      await using proxy = await startDnsProxy(server.address);
      const user = watchUser(server, { server: proxy.address, name: '<service>.mesh.test', port: 50_051 });
      await eventually(() => expect(user.latest(), bad).toEqual(['127.0.0.1:50051']));
      proxy.changeReplies(change);
      await eventually(() => expect(user.lines.map(reasonOf), bad).toEqual(['REGISTRY_UNAVAILABLE']));
      proxy.changeReplies(undefined);
      await eventually(() => expect(user.lines.at(-1), bad).toMatchObject({ msg: 'registry answers again' }));
      expect(user.count(), bad).toBe(1);
    });
    await Promise.all(cases);
  });
});

function reasonOf({ err }: Record<string, unknown>): unknown {
  return (err as { reason?: unknown } | undefined)?.reason;
}

/** Whether a reply is to a question of type A: the question follows the header of 12 bytes. */
function isForV4(reply: Buffer): boolean {
  return reply.readUInt16BE(reply.indexOf(0, 12) + 1) === 1;
}
