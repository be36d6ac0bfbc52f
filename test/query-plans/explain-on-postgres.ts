import type pg from 'pg';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Filter?: string;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Returns what PostgreSQL cannot avoid in a statement, in tables of any size: `Seq Scan on orders`, `Sort`. Its tables
 * are empty, so a setting makes it prefer any index.
 */
export async function unavoidableSteps(client: pg.Client, sql: string): Promise<string[]> {
  return (await planWithIndexes(client, sql)).flatMap((node) => {
    const { 'Node Type': type, 'Relation Name': relation } = node;
    const scansAll = type === 'Seq Scan' || (/^Index (Only )?Scan/.test(type) && node['Index Cond'] === undefined);
    if (scansAll) return [`SCAN ${relation}`];
    return type === 'Sort' || type === 'Incremental Sort' ? ['SORT'] : [];
  });
}

/** Returns the nodes of the plan that PostgreSQL chooses for the rows in its tables and for these parameters. */
export async function explainOnPostgres(
  client: pg.Client,
  sql: string,
  params: readonly (string | number)[] = [],
): Promise<PlanNode[]> {
  const { rows } = await client.query(`EXPLAIN (FORMAT JSON, COSTS off) ${sql}`, [...params]);
  return nodesOf(rows[0]['QUERY PLAN'][0].Plan as PlanNode);
}

/** Returns the nodes of the plan for any parameters, with indexes wherever one can be used. */
async function planWithIndexes(client: pg.Client, sql: string): Promise<PlanNode[]> {
  const count = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map(([, digits]) => Number(digits)));
  const values = count === 0 ? '' : `(${Array.from({ length: count }, () => 'NULL').join(', ')})`;
  await client.query('BEGIN');
  try {
    for (const setting of ['enable_seqscan', 'enable_bitmapscan', 'enable_sort', 'enable_hashjoin', 'enable_mergejoin'])
      await client.query(`SET LOCAL ${setting} = off`);
    await client.query('SET LOCAL plan_cache_mode = force_generic_plan');
    await client.query(`PREPARE explained AS ${sql}`);
    return await explainOnPostgres(client, `EXECUTE explained${values}`);
  } finally {
    await client.query('ROLLBACK');
    await client.query('DEALLOCATE ALL');
  }
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
