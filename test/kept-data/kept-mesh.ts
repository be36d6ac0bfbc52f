import { expect } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { AuditFinding } from '#gen/ops/v1/audit.ts';
import { DeadLetterSource } from '#gen/ops/v1/ops.ts';
import type { Order } from '#gen/order/v1/order.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import { startSimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';
import { clockStartVariable } from '../support/clock-start.ts';
import { readHistory } from '../support/event-history.ts';
import { expectShippedOnce } from '../support/invariants.ts';
import type { Shop } from '../support/shop.ts';
import { type StartedProcess, startProcess } from '../support/start-process.ts';
import type { Expectation } from './expectation.ts';
import type { OpenedData } from './open-kept-data.ts';
import { digestTopic } from './read-mesh.ts';

/** Redrives the saga of an order that waits for an operator. */
export async function redriveSaga({ deadLetters }: Shop, orderId: string): Promise<void> {
  const filter = { source: DeadLetterSource.DEAD_LETTER_SOURCE_SAGA };
  const letters = await Array.fromAsync(deadLetters.listDeadLetters({ filter }));
  const itsOwn = ids(letters.filter(({ subjectId }) => subjectId === orderId));
  expect(itsOwn).toHaveLength(1);
  expect((await deadLetters.redriveDeadLetters({ ids: itsOwn })).redrivenIds).toEqual(itsOwn);
}

/** The carrier's books, which it keeps beside the databases of the services. */
export async function expectDelivered({ databaseUrl }: OpenedData, orders: readonly Order[]): Promise<void> {
  const storage = await openStorage(databaseUrl('carrier'));
  const carrier = await startSimulatedCarrier(storage);
  for (const order of orders) await expectShippedOnce(carrier, order);
  await carrier.close();
  await storage.close();
}

/** Starts the program on a copy, with a clock that shows this time then. */
export function startAt({ dataDir, settings }: OpenedData, timeMs: number): Promise<StartedProcess> {
  const clock = new URL('../support/clock-start.ts', import.meta.url);
  const environment = { ...settings, NODE_OPTIONS: `--import=${clock}`, [clockStartVariable]: String(timeMs) };
  return startProcess({ dataDir, environment });
}

/** What an audit finds, whose checks all came to their end. */
export async function findings(mesh: StartedProcess): Promise<AuditFinding[]> {
  const reports = (await Array.fromAsync(mesh.client(AuditServiceContract).runAudit({}))).map(({ report }) => report);
  const checks = reports.flatMap((report) => (report?.$case === 'check' ? [report.value] : []));
  expect(checks.length).toBeGreaterThan(5);
  for (const check of checks) expect(check).toMatchObject({ error: '' });
  return reports.flatMap((report) => (report?.$case === 'finding' ? [report.value] : []));
}

/** The log has every event that was in it, at its place and as it was. */
export async function expectEveryEvent(mesh: StartedProcess, { topics }: Expectation): Promise<void> {
  for (const [topic, partitions] of Object.entries(topics)) {
    const counts = new Map(Object.entries(partitions).map(([partition, { events }]) => [partition, events]));
    expect(await digestTopic(mesh, topic, counts), topic).toEqual(partitions);
  }
}

/** After the end of the process: the log has these versions of each aggregate, in order, none missing. By `topic/key`. */
export async function expectVersions({ dataDir }: OpenedData, due: ReadonlyMap<string, number>): Promise<void> {
  const history = await readHistory(dataDir);
  for (const [aggregate, count] of due)
    expect(history.get(aggregate) ?? [], aggregate).toEqual(Array.from({ length: count }, (_, index) => index + 1));
}

/** What they are about, sorted. */
export function subjects<T extends { readonly subjectId?: unknown }>(found: readonly T[]): string[] {
  return found.map(({ subjectId }) => String(subjectId)).toSorted();
}

/** The ids, sorted. */
export function ids<T extends { readonly id?: unknown }>(found: readonly T[]): string[] {
  return found.map(({ id }) => String(id)).toSorted();
}
