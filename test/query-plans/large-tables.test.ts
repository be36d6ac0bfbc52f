import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PostgresServer, postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { explainOnPostgres } from './explain-on-postgres.ts';

const rows = 'FROM generate_series(1, 20000) AS n';
// One of 50 orders has FAILED and one of 7 is of the user `u1`, of both only five; one of 1,000 is in progress.
const orders = `INSERT INTO orders SELECT 'o' || n, 'u' || n % 7, '[]', 'EUR', 1,
    CASE WHEN n % 50 = 0 AND (n % 7 <> 1 OR n <= 1750) THEN 'FAILED' WHEN n % 1000 = 1 THEN 'PAID' ELSE 'COMPLETED' END,
    '', '', '', '', '{}', 1, 1, 1 ${rows}`;
// Those that only the version before needs: the next one drops them on PostgreSQL too.
const earlierIndexes: Readonly<Record<string, readonly string[]>> = {
  order: ['orders_by_state', 'orders_by_user_and_state'],
  inventory: ['reservations_by_state', 'reservations_by_owner_and_state', 'reservations_by_owner'],
};

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
      fill: orders,
      list: "SELECT * FROM orders WHERE id > $1 AND user_id = $2 AND state = $3 AND state IN ('FAILED', 'CANCELLED') ORDER BY id LIMIT $4",
      params: ['o1', 'u1', 'FAILED', 10],
      // It skips the failed orders of others, here 342, instead of using `orders_turned_back_by_user`, as SQLite does.
      index: 'orders_not_completed',
    },
    {
      service: 'order',
      fill: orders,
      list: "SELECT * FROM orders WHERE id > $1 AND user_id = $2 AND state = $3 AND state <> 'COMPLETED' ORDER BY id LIMIT $4",
      params: ['o1', 'u1', 'PAID', 10],
      index: 'orders_not_completed',
    },
    {
      service: 'inventory',
      fill: `INSERT INTO reservations SELECT 'o' || n, CASE WHEN n % 50 = 0 THEN 'RELEASED' ELSE 'COMMITTED' END, 1, 1, 1,
        CASE WHEN n % 30 = 0 THEN 'gift' ELSE '' END ${rows}`,
      list: "SELECT * FROM reservations WHERE order_id > $1 AND state = 'RELEASED' AND owner = $3 AND owner <> '' ORDER BY order_id LIMIT $2",
      params: ['o1', 10, 'gift'],
      index: 'reservations_released_by_owner',
    },
    {
      service: 'payment',
      fill: `INSERT INTO account_balances SELECT 1, 'a' || n, CASE WHEN n % 50 = 0 THEN 'CHF' ELSE 'EUR' END, '1', 1, 1 ${rows}`,
      list: 'SELECT * FROM account_balances_live WHERE currency_code = $1 AND account_id > $2 ORDER BY account_id LIMIT $3',
      params: ['CHF', 'a1', 10],
      index: 'account_balances_by_currency',
    },
  ])('uses the index $index', async ({ service, fill, list, params, index }) => {
    const client = new pg.Client({ connectionString: server.url(name.replace('<service>', service)) });
    await client.connect();
    for (const earlier of earlierIndexes[service] ?? []) await client.query(`DROP INDEX IF EXISTS ${earlier}`);
    await client.query(`${fill} ON CONFLICT DO NOTHING`);
    await client.query('VACUUM ANALYZE');
    const plan = await explainOnPostgres(client, list, params);
    await client.end();
    expect(plan.map((node) => node['Index Name'])).toContain(index);
    expect(
      plan.filter(
        (node) => /Sort|Seq Scan/.test(node['Node Type']) && node['Relation Name'] !== 'projection_generation',
      ),
    ).toEqual([]);
  });
});
