import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { prepareNode, startNode, urlOf } from '../../mesh/testing/servers/postgres-node.ts';
import { postgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { connectionFault, connectionsOf } from './connections.ts';
import { defaultPoolSize } from './plan.ts';
import { splitServices } from './run.ts';

describe('connectionsOf', () => {
  const services = splitServices.map(({ name }) => name);

  it('fits two of everything into the default of PostgreSQL', () => {
    expect(connectionsOf(services, () => 2, defaultPoolSize)).toBeLessThanOrEqual(97);
  });

  it('has the numbers of docs/operating.md', () => {
    const text = readFileSync('docs/operating.md', 'utf8').replaceAll('\n', ' ');
    const twoOfSome = (service: string) => (['order', 'payment'].includes(service) ? 2 : 1);
    expect(text).toContain(`two of order and payment, have ${connectionsOf(services, twoOfSome, 5)} of the 100`);
    const ofTwo = connectionsOf(services, () => 2, defaultPoolSize);
    expect(text).toContain(`Two of everything need \`DATABASE_POOL_SIZE=${defaultPoolSize}\`, and have ${ofTwo}.`);
  });

  it('grows with the instances of a service and with its pool', () => {
    const three = (service: string) => (service === 'order' ? 3 : 2);
    const [two, more] = [connectionsOf(services, () => 2, 3), connectionsOf(services, three, 3)];
    expect(more - two).toBe(5);
    expect(connectionsOf(['order'], () => 2, 10)).toBe(24);
  });
});

describeWithServer(postgres, 'connectionFault', () => {
  it('compares the number with what the server accepts', async () => {
    await using folder = await tempFolder();
    const node = { port: await freePort(), folder: folder.path, maxConnections: 50 };
    await prepareNode(node);
    const server = await startNode(node);
    try {
      const url = urlOf(node, '<service>');
      expect(await connectionFault(url, 47)).toBeUndefined();
      expect(await connectionFault(url, 48)).toBe(
        `the processes need up to 48 connections, but PostgreSQL at 127.0.0.1:${node.port} accepts 47: set its ` +
          'max_connections to 51, or reduce REPLICAS or DATABASE_POOL_SIZE; if it is behind a pooler, set DATABASE_DIRECT_URL',
      );
    } finally {
      await server.end('INT');
    }
    // The processes report this, with what to do.
    expect(await connectionFault(urlOf(node, '<service>'), 1_000)).toBeUndefined();
  });
});
