import { writeFile } from 'node:fs/promises';
import { postgres } from '../../../mesh/testing/servers/postgres-server.ts';
import { compared, type Figure, versusPeer } from '../../figure.ts';
import { drawBars } from '../plot.ts';
import { hasDurablePeers, startRestate } from './durable-peers.ts';
import { measurePeer } from './http-orders.ts';
import { measureOnPostgres } from './on-postgres.ts';
import type { OrderRate } from './order-rate.ts';

const plot = new URL('../../orders.svg', import.meta.url);
const peerOrders = 1_000;
const callers = 64;

/** Other engines of durable workflows on the same core, each with four empty steps: ours is a whole order. */
export async function comparePeers(ours: OrderRate): Promise<Figure[]> {
  if (!hasDurablePeers()) return notMeasured('RESTATE AND DBOS ARE', 'Restate and DBOS');
  const restate = await measureRestate();
  const figures = [
    compared('  vs Restate, four empty steps', ours.perSecond, restate.perSecond, 3),
    cpuFigure('  processor time of an order of Restate', restate),
  ];
  if (postgres.version === undefined) return [...figures, ...notMeasured('POSTGRESQL IS', 'PostgreSQL')];
  const { mesh, dbos } = await measureOnPostgres(callers, peerOrders);
  await writeFile(
    plot,
    drawBars('Orders per second of one core', [
      { name: 'ordermesh', value: ours.perSecond, ours: true },
      { name: 'ordermesh on PostgreSQL', value: mesh.perSecond, ours: true },
      { name: 'Restate, four empty steps', value: restate.perSecond, ours: false },
      { name: 'DBOS on PostgreSQL, four empty steps', value: dbos.perSecond, ours: false },
    ]),
  );
  return [
    ...figures,
    { ...versusPeer('  on PostgreSQL', mesh.perSecond, dbos.perSecond), ...target(mesh, dbos) },
    cpuFigure('  processor time of an order on PostgreSQL, with PostgreSQL', mesh),
    cpuFigure('  processor time of an order of DBOS, with PostgreSQL', dbos),
  ];
}

async function measureRestate(): Promise<OrderRate> {
  await using stack = new AsyncDisposableStack();
  return await measurePeer(await startRestate(stack), peerOrders, callers);
}

function target(ours: OrderRate, dbos: OrderRate): Pick<Figure, 'target' | 'met'> {
  const met = ours.perSecond >= 300 && ours.perSecond >= 1.5 * dbos.perSecond;
  return { target: '>= 300 /s and ratio >= 1.50 of DBOS', met };
}

function cpuFigure(name: string, { cpuMs }: OrderRate): Figure {
  return { name, value: `${cpuMs.toFixed(2)} ms`, target: '', met: true };
}

function notMeasured(shouted: string, name: string): Figure[] {
  console.error(`\n!!! ${shouted} NOT INSTALLED and not measured. Run "make deps-peers".\n`);
  return [{ name, value: 'not installed', target: 'measured', met: false }];
}
