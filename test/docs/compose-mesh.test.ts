import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { discoveryNameOf } from '../../scripts/split/plan.ts';
import { splitServices } from '../../scripts/split/run.ts';
import { type ComposeFile, type ComposeService, readComposeFile, readText } from './support/compose-file.ts';

describe('the profile mesh of docker-compose.yml', () => {
  let file: ComposeFile;
  let mesh: readonly (readonly [string, ComposeService])[];

  beforeAll(async () => {
    file = await readComposeFile();
    mesh = Object.entries(file.services).filter(([, { profiles }]) => profiles?.includes('mesh'));
  });

  it('has every service that a split mesh has, each named by what it runs', () => {
    expect(mesh.map(([name]) => name).toSorted()).toEqual(splitServices.map(({ name }) => name).toSorted());
    for (const [name, { command }] of mesh) expect(command?.[0]).toBe(name);
  });

  it('gives each but the gateway the name that discovery looks up', () => {
    const aliases = mesh.map(([name, { networks }]) => [name, networks?.default.aliases ?? []]);
    const expected = mesh.map(([name]) => [name, name === 'gateway' ? [] : [`${discoveryNameOf(name)}-service`]]);
    expect(aliases).toEqual(expected);
    for (const [, { environment }] of mesh) expect(environment?.DISCOVERY_URL).toBe('dns:<service>-service:50051');
  });

  it('can scale all but the gateway, which has the ports of this machine', () => {
    expect(mesh.filter(([, { container_name }]) => container_name !== undefined)).toEqual([]);
    expect(mesh.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(['gateway']);
  });

  it('gives no container rights that it does not need, and a folder for its data', () => {
    for (const [, service] of mesh) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(service.volumes).toContain('/data');
    }
  });

  it('waits for the database only, and is started again', () => {
    const depends_on = { postgres: { condition: 'service_healthy' } };
    for (const [, service] of mesh) expect(service).toMatchObject({ depends_on, restart: 'unless-stopped' });
  });

  it('gives the password of RabbitMQ to those that use tasks, and tells the others that there are none', () => {
    for (const [name, { secrets, environment }] of mesh) {
      const { TASKS_URL, TASKS_URL_FILE } = environment ?? {};
      const usesTasks = name === 'notification' || name === 'ops';
      expect([name, secrets]).toEqual([name, ['database-url', ...(usesTasks ? ['tasks-url'] : [])]]);
      expect([TASKS_URL, TASKS_URL_FILE]).toEqual(usesTasks ? ['', '/run/secrets/tasks-url'] : ['off', undefined]);
    }
  });

  it('serves HTTP where the edge is, and nowhere else', () => {
    for (const [name, { command, environment }] of mesh) {
      const hasEdge = command?.includes('edge') || name === 'gateway';
      expect([name, environment?.HTTP_LISTEN]).toEqual([name, hasEdge ? '0.0.0.0:8080' : 'off']);
    }
  });

  it('has no password in its environment', () => {
    for (const [, { environment }] of mesh) expect(JSON.stringify(environment)).not.toMatch(/:\/\/[^"]*@/);
  });

  it('runs the version of the package', async () => {
    const { version } = JSON.parse(await readText('package.json'));
    for (const [, { image }] of mesh) expect(image).toBe(`ordermesh/ordermesh:\${ORDERMESH_VERSION:-${version}}`);
  });

  it('is scraped by Prometheus, each service by its name', async () => {
    const config = parse(await readText('deploy/compose/prometheus/prometheus.yml'));
    const names: readonly string[] = config.scrape_configs[0].dns_sd_configs[0].names;
    const expected = mesh.map(([name, { networks }]) => networks?.default.aliases[0] ?? name);
    expect(names.toSorted()).toEqual(expected.toSorted());
  });

  it('is watched by metrics that exist', async () => {
    const documented = new Set((await readText('docs/operating.md')).match(/ordermesh_\w+/g));
    for (const path of ['prometheus/alerts.yml', 'grafana/dashboards/ordermesh.json']) {
      const used = (await readText(`deploy/compose/${path}`)).match(/ordermesh_\w+/g) ?? [];
      expect(used.length).toBeGreaterThan(5);
      expect(used.filter((name) => !documented.has(name))).toEqual([]);
    }
  });
});
