import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parkedEventSuite } from '../../mesh/event-store/projections/parked/parked.suite.ts';
import { rebuildSuite } from '../../mesh/event-store/projections/rebuild/rebuild.suite.ts';
import { rebuildParkedSuite } from '../../mesh/event-store/projections/rebuild/rebuild-parked.suite.ts';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../mesh/testing/databases.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { createStuckService } from '../../services/ops/testing/stuck-service.ts';
import { allowedSteps, notExplained } from './allowed-steps.ts';
import { buryTask, driveMesh, recordAction, runJob } from './drive-mesh.ts';
import { type Explained, explainAll } from './explain-all.ts';
import { recordStatements } from './record-statements.ts';
import { statementsInSource } from './statements-in-source.ts';

const written = statementsInSource();
const recorder = recordStatements();
afterAll(recorder.stop);
const explained: Explained[] = [];
// Each database has statements of its own, so what concerns all of them needs both.
let databases = 0;

function planSuite(newUrl: NewDatabaseUrl): void {
  const stuck = createStuckService();
  let url: string;
  let mesh: TestMesh;
  beforeAll(async () => {
    databases += 1;
    url = newUrl('-<service>');
    const services = [...allServices, stuck.definition];
    mesh = await startMesh(services, { DATABASE_URL: url, METRICS_LISTEN: '127.0.0.1:0' });
  });
  afterAll(() => mesh.stop());

  describe('for events that a projection cannot apply', () => parkedEventSuite(newUrl));
  describe('for a rebuild', () => rebuildSuite(newUrl));
  describe('for a rebuild that cannot apply some events', () => rebuildParkedSuite(newUrl));

  it('find rows by an index that covers every filter, and do not sort', { timeout: 120_000 }, async () => {
    await driveMesh(mesh, stuck);
    await buryTask(newUrl());
    await runJob(newUrl());
    await recordAction(newUrl());
    const results = await explainAll(written, recorder, url);
    explained.push(...results);
    const faults = results
      .filter(({ place, sql }) => !allowedSteps.some((each) => place.startsWith(each.file) && sql.includes(each.sql)))
      .flatMap(({ place, sql, costs }) => costs.map((cost) => `${cost} in ${place}: ${sql}`));
    expect(faults).toEqual([]);
  });
}

describe('the statements of services and runtime', () => {
  describeOnEachDatabase(planSuite);

  it('are all explained', () => {
    if (databases < 2) return;
    const places = new Set(explained.map(({ place }) => place));
    const missing = written
      .filter(({ place }) => !places.has(place))
      .filter(({ place, text }) => !notExplained.some((each) => place.startsWith(each.file) && text.includes(each.sql)))
      .map(({ place, text }) => `${place} ${text}`);
    expect(missing).toEqual([]);
  });

  it('need each of the exceptions', () => {
    if (databases < 2) return;
    const isNeeded = (file: string, sql: string): boolean =>
      explained.some((each) => each.place.startsWith(file) && each.sql.includes(sql) && each.costs.length > 0);
    expect(allowedSteps.filter(({ file, sql }) => !isNeeded(file, sql))).toEqual([]);
  });
});
