import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { explainOnPostgres } from './explain-on-postgres.ts';

const rows = 'FROM generate_series(1, 20000) AS n';

describeWithServer(postgres, 'a list with all its filters, in tables of 20,000 rows on PostgreSQL', () => {
  let server: PostgresServer;
  let name: string;
  beforeAll(async () => {
    server = await startPostgres();
    name = `${randomUUID()}-<service>`;
    const mesh = await startMesh(allServices, { DATABASE_URL: server.url(name) });
    await mesh.stop();
  });
  afterAll(() => server.stop());

  it.each([
    {
      service: 'order',
      fill: `INSERT INTO orders SELECT 'o' || n, 'u' || n % 1000, '[]', 'EUR', 1, CASE WHEN n % 50 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
        '', '', '', '', '{}', 1, 1, 1 ${rows}`,
      list: "SELECT * FROM orders WHERE id > 'o1' AND user_id = 'u50' AND state = 'FAILED' AND state IN ('FAILED', 'CANCELLED') ORDER BY id LIMIT 10",
      index: 'orders_turned_back_by_user',
    },
    {
      service: 'inventory',
      fill: `INSERT INTO reservations SELECT 'o' || n, CASE WHEN n % 50 = 0 THEN 'RELEASED' ELSE 'COMMITTED' END, 1, 1, 1,
        CASE WHEN n % 30 = 0 THEN 'gift' ELSE '' END ${rows}`,
      list: "SELECT * FROM reservations WHERE order_id > 'o1' AND state = 'RELEASED' AND owner = 'gift' AND owner <> '' ORDER BY order_id LIMIT 10",
      index: 'reservations_released_by_owner',
    },
    {
      service: 'payment',
      fill: `INSERT INTO account_balances SELECT 1, 'a' || n, CASE WHEN n % 50 = 0 THEN 'CHF' ELSE 'EUR' END, '1', 1, 1 ${rows}`,
      list: "SELECT * FROM account_balances_live WHERE currency_code = 'CHF' AND account_id > 'a1' ORDER BY account_id LIMIT 10",
      index: 'account_balances_by_currency',
    },
  ])('uses the index $index', async ({ service, fill, list, index }) => {
    const client = new pg.Client({ connectionString: server.url(name.replace('<service>', service)) });
    await client.connect();
    await client.query(fill);
    await client.query('VACUUM ANALYZE');
    const plan = await explainOnPostgres(client, list);
    await client.end();
    expect(plan.map((node) => node['Index Name'])).toContain(index);
    expect(
      plan.filter(
        (node) => /Sort|Seq Scan/.test(node['Node Type']) && node['Relation Name'] !== 'projection_generation',
      ),
    ).toEqual([]);
  });
});
