import type { Expectation, OrderEnd } from './expectation.ts';
import type { AnsweredCall } from './first-answers.ts';
import type { Writing } from './good-days.ts';
import { digestTopic, readMesh } from './read-mesh.ts';

/** Facts that only the writer knows, recorded while it writes. */
export interface Notes {
  readonly ends: Record<string, { end: OrderEnd; about: string }>;
  readonly redrivenEnds: Record<string, OrderEnd>;
  readonly calls: AnsweredCall[];
}

/** Reads from a mesh in this process what its data folder must contain. */
export async function observe(
  { runtime, storages }: Pick<Writing, 'runtime' | 'storages'>,
  notes: Notes,
): Promise<Expectation> {
  const topics: Record<string, Awaited<ReturnType<typeof digestTopic>>> = {};
  for (const { name } of await runtime.events.topics()) {
    const ends = await runtime.events.endOffsets(name);
    const counts = new Map([...ends].map(([partition, end]) => [String(partition), Number(end)]));
    topics[name] = await digestTopic(runtime, name, counts);
  }
  const outboxes: Record<string, { waiting: number; refused: number }> = {};
  for (const service of ['user', 'inventory', 'payment', 'shipping', 'order', 'notification']) {
    const rows = await storages
      .get(service)
      ?.query<{ refused: bigint; count: bigint }>(
        `SELECT CASE WHEN refused_reason IS NULL THEN 0 ELSE 1 END AS refused, COUNT(*) AS count FROM outbox GROUP BY 1`,
      );
    const count = (refused: number) => Number(rows?.find((row) => Number(row.refused) === refused)?.count ?? 0);
    outboxes[service] = { waiting: count(0), refused: count(1) };
  }
  return { frozenAtMs: Date.now(), ...notes, content: await readMesh(runtime), topics, outboxes };
}
