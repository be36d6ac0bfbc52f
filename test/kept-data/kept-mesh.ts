import { expect } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { AuditFinding } from '#gen/ops/v1/audit.ts';
import { DeadLetterSource } from '#gen/ops/v1/ops.ts';
import type { Order } from '#gen/order/v1/order.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { startSimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';
import { clockStartVariable } from '../support/clock-start.ts';
import { readHistory } from '../support/event-history.ts';
import { expectShippedOnce } from '../support/invariants.ts';
import type { Shop } from '../support/shop.ts';
import type { Expectation } from './expectation.ts';
import type { OpenedData } from './open-kept-data.ts';
import { digestTopic } from './read-mesh.ts';

/** Redrives the saga of an order that waits for an operator. */
export async function redriveSaga({ deadLetters }: Shop, orderId: string): Promise<void> {
  const filter = { source: DeadLetterSource.DEAD_LETTER_SOURCE_SAGA };
  const listed = await Array.fromAsync(deadLetters.listDeadLetters({ filter }));
  const itsOwn = ids(listed.filter(({ subjectId }) => subjectId === orderId));
  expect(itsOwn).toHaveLength(1);
  expect((await deadLetters.redriveDeadLetters({ ids: itsOwn })).redrivenIds).toEqual(itsOwn);
}

/** Checks the carrier's shipments, which are in the same place as the services' databases. */
export async function expectDelivered({ databaseUrl }: OpenedData, orders: readonly Order[]): Promise<void> {
  const storage = await openStorage(databaseUrl('carrier'));
  const carrier = await startSimulatedCarrier(storage);
  await expectShippedOnce(carrier, orders);
  await carrier.close();
  await storage.close();
}

/** Starts the mesh on a copy of the data, with its clock at `timeMs`. */
export function startAt({ dataDir, settings }: OpenedData, timeMs: number): Promise<StartedProcess> {
  const clock = new URL('../support/clock-start.ts', import.meta.url);
  const environment = { ...settings, NODE_OPTIONS: `--import=${clock}`, [clockStartVariable]: String(timeMs) };
  return startProcess({ dataDir, environment });
}

/** Runs an audit whose checks must all finish, and returns its findings. */
export async function findings(mesh: StartedProcess): Promise<AuditFinding[]> {
  const reports = (await Array.fromAsync(mesh.client(AuditServiceContract).runAudit({}))).map(({ report }) => report);
  const checks = reports.flatMap((report) => (report?.$case === 'check' ? [report.value] : []));
  expect(checks.length).toBeGreaterThan(5);
  for (const check of checks) expect(check).toMatchObject({ error: '' });
  return reports.flatMap((report) => (report?.$case === 'finding' ? [report.value] : []));
}

/** The log has every event unchanged at its offset. */
export async function expectEveryEvent(mesh: StartedProcess, { topics }: Expectation): Promise<void> {
  for (const [topic, partitions] of Object.entries(topics)) {
    const counts = new Map(Object.entries(partitions).map(([partition, { events }]) => [partition, events]));
    expect(await digestTopic(mesh, topic, counts), topic).toEqual(partitions);
  }
}

/** The log has all versions of each aggregate in order, by `topic/key`. To be called after the process has exited. */
export async function expectVersions({ dataDir }: OpenedData, due: ReadonlyMap<string, number>): Promise<void> {
  const history = await readHistory(dataDir);
  for (const [aggregate, count] of due)
    expect(history.get(aggregate) ?? [], aggregate).toEqual(Array.from({ length: count }, (_, index) => index + 1));
}

/** Returns the subject ids, sorted. */
export function subjects<T extends { readonly subjectId?: unknown }>(found: readonly T[]): string[] {
  return found.map(({ subjectId }) => String(subjectId)).toSorted();
}

/** Returns the ids, sorted. */
export function ids<T extends { readonly id?: unknown }>(found: readonly T[]): string[] {
  return found.map(({ id }) => String(id)).toSorted();
}
