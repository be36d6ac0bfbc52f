import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { edgeService } from '../../services/edge/service.ts';

describe('examples/rest-client.ts', () => {
  let mesh: TestMesh;
  let edge: TestMesh;

  beforeAll(async () => {
    mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
    edge = await startMesh([edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  });
  afterAll(async () => {
    await Promise.all([mesh?.stop(), edge?.stop()]);
  });

  async function run(apiUrl: string) {
    await using program = spawnProcess({
      main: 'examples/rest-client.ts',
      dataDir: '',
      environment: { API_URL: apiUrl },
    });
    const { code } = await program.ended;
    return { code, lines: program.stdout().split('\n').slice(0, -1), stderr: program.stderr() };
  }

  it('places an order and reads it to its end, with and without types', { timeout: 60_000 }, async () => {
    const { code, lines, stderr } = await run(`http://${mesh.httpAddress}/api`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(lines).toEqual([
      expect.stringMatching(/^order [-0-9a-f]{36} is placed: ORDER_STATE_[A-Z]+$/),
      expect.stringMatching(/^it ended: ORDER_STATE_COMPLETED, with shipment [-0-9a-f]{36}$/),
      expect.stringMatching(/^404 ORDER_NOT_FOUND: .* order "unknown" not found: check its id$/),
    ]);
  });

  it.each([
    ['that is not a URL', () => 'nonsense', 2, /^invalid base URL .*\n$/],
    ['where nothing listens', () => 'http://127.0.0.1:1/api', 3, /^POST \/users: .* cannot be reached .*\n$/],
    [
      'whose services are away',
      () => `http://${edge.httpAddress}/api`,
      3,
      /^POST \/users: .* answered HTTP 503: .*\n$/,
    ],
    ['that is another path', () => `http://${mesh.httpAddress}/other`, 4, /^POST \/users: .* answered HTTP 404: .*\n$/],
  ])('ends with one line for an API_URL %s', { timeout: 60_000 }, async (_, apiUrl, code, text) => {
    const ended = await run(apiUrl());
    expect(ended).toEqual({ code, lines: [], stderr: expect.stringMatching(text) });
  });
});
